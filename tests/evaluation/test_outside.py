"""Clips of other actions: which they are, and how well scores tell them from known ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgevid.datasets.clips import Clip, DatasetError
from edgevid.evaluation.outside import ScoredClips, measure_outside, open_outside, outside_rows, resampled_auroc
from edgevid.evaluation.predictions import EvaluatedClip
from edgevid.evaluation.significance import Bootstrap, Resamples


class TestOpenOutside:
    @pytest.fixture(autouse=True)
    def _sklearn(self):
        pytest.importorskip("sklearn", reason="needs the extra: pip install 'edgevid[evaluate]'")

    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for name in ("Archery/1.mp4", "Archery/2.mp4", "PushUps/1.mp4"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    def test_clips_of_known_actions_are_left_out(self, folder):
        clips, left_out = open_outside(folder, ["Pushups", "Lunges"])
        assert [clip.label for clip in clips] == ["Archery", "Archery"]
        assert left_out == ["PushUps"]
        assert len(open_outside(folder)[0]) == 3
        with pytest.raises(DatasetError, match=r"All 3 clips of .* are of actions that the bundle knows"):
            open_outside(folder, ["PushUps", "Archery"])

    def test_a_list_is_read_whatever_its_splits(self, folder):
        lines = ["path,label,group,split", "Archery/1.mp4,Archery,7,outside", "PushUps/1.mp4,PushUps,,test"]
        (folder / "clips.csv").write_text("\n".join(lines) + "\n")
        for given in (folder, folder / "clips.csv"):
            clips, _ = open_outside(given)
            assert [(c.path, c.label, c.group) for c in clips] == [
                (folder / "Archery" / "1.mp4", "Archery", "7"),
                (folder / "PushUps" / "1.mp4", "PushUps", "PushUps/1.mp4"),
            ]

    def test_nothing_there(self, tmp_path):
        with pytest.raises(DatasetError, match="is not there"):
            open_outside(tmp_path / "nowhere")


class TestOutsideFigures:
    @pytest.fixture(autouse=True)
    def _sklearn(self):
        self.metrics = pytest.importorskip("sklearn.metrics", reason="needs the extra: pip install 'edgevid[evaluate]'")

    @staticmethod
    def scored(name: str, scores: np.ndarray, groups_of: int = 3, classes: int = 4) -> ScoredClips:
        clips = [(f"{name}{i % classes}", f"{i // groups_of}") for i in range(len(scores))]
        return ScoredClips(name, clips, scores, scores, 0 * scores)

    def random_scores(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        return rng.beta(4, 2, 80).astype(np.float32), rng.beta(3, 3, 120).astype(np.float32)

    def figures(self, known: np.ndarray, outside: np.ndarray, threshold: float = 0.5, **options) -> dict:
        known, outside = self.scored("test", known), self.scored("zoo", outside)
        return measure_outside(known, outside, threshold, 0.1, Bootstrap(**options))

    def test_shares_and_counts(self):
        found = self.figures(np.array([0.2, 0.5, 0.9]), np.array([0.1, 0.49, 0.5, 0.8]))
        assert (found["known"]["accepted"]["hits"], found["known"]["accepted"]["n"]) == (2, 3)
        assert (found["outside"]["rejected"]["hits"], found["outside"]["rejected"]["n"]) == (2, 4)
        assert (found["known"]["split"], found["outside"]["data"]) == ("test", "zoo")
        assert (found["known"]["clips"], found["outside"]["classes"]) == (3, 4)
        assert found["auroc"]["value"] == pytest.approx((1 + 2.5 + 4) / 12), "equal scores count half"
        json.dumps(found, allow_nan=False)

    def test_a_bundle_without_a_threshold_rejects_nothing(self):
        known, outside = self.random_scores()
        found = self.figures(known, np.maximum(outside, 0.1), threshold=0.0)
        assert found["known"]["accepted"]["value"] == 1.0
        assert found["outside"]["rejected"]["value"] == 0.0

    def test_accepted_is_what_the_bundle_would_say(self):
        """Even if it is surely one of the actions, an action must reach the score that begins an event, and beat none."""
        scored = ScoredClips.of(
            "x", [Clip(Path("a"), "a", "1")] * 3, np.float32([[0.3, 0.3], [0.5, 0.1], [0.4, 0.1]]), True
        )
        np.testing.assert_allclose(scored.none, [0.4, 0.4, 0.5], atol=1e-6)
        assert scored.accepted(0.0, 0.1).tolist() == [False, True, False]
        assert scored.accepted(0.55, 0.1).tolist() == [False, True, False]
        assert scored.accepted(0.0, 0.55).tolist() == [False, False, False]

    def test_auroc_is_scikit_learns_in_each_resample_too(self):
        known, outside = self.random_scores()
        scores = np.round(np.concatenate([known, outside]), 1)  # many equal ones
        is_known = np.arange(200) < 80
        draws = Resamples([i // 4 for i in range(200)], 25, seed=1, strata=list(is_known))
        weights = draws.sums(np.eye(200))
        expected = [self.metrics.roc_auc_score(is_known, scores, sample_weight=row) for row in weights]
        np.testing.assert_allclose(resampled_auroc(draws, scores, is_known), expected, atol=1e-9)

    def test_intervals_hold_the_figure_and_are_the_same_again(self):
        found = self.figures(*self.random_scores(), resamples=300)
        low, high = found["auroc"]["bootstrap_95"]
        assert 0 < low < found["auroc"]["value"] < high < 1
        assert self.figures(*self.random_scores(), resamples=300) == found
        assert self.figures(*self.random_scores(), resamples=300, seed=1) != found
        spanning = self.figures(*self.random_scores(), resamples=300, groups_span_classes=True)
        assert spanning["auroc"]["value"] == found["auroc"]["value"]
        assert spanning["auroc"]["bootstrap_95"] != found["auroc"]["bootstrap_95"]

    def test_scores_that_tell_all_apart_claim_no_certainty(self):
        found = self.figures(np.full(30, 0.9), np.full(30, 0.1))
        assert found["auroc"] == {"value": 1.0, "bootstrap_95": None}

    def test_the_table_has_a_row_for_each_figure(self):
        rows = outside_rows(self.figures(*self.random_scores()))
        assert [row[0] for row in rows[1:]] == [
            "known actions (test clips), accepted", "other actions (zoo), rejected", "AUROC of the score",
        ]  # fmt: skip
        assert [row[2] for row in rows[1:]] == ["80", "120", "200"]
        assert {len(row) for row in rows} == {5}

    def test_a_score_is_the_largest_probability(self):
        probabilities = np.array([[0.7, 0.3], [0.4, 0.6]], dtype=np.float32)
        clips = [Clip(Path("a.mp4"), "Archery", "1"), EvaluatedClip("b.mp4", "Biking", "2")]
        scored = ScoredClips.of("zoo", clips, probabilities)
        np.testing.assert_array_equal(scored.scores, probabilities.max(axis=1))
        assert scored.clips == [("Archery", "1"), ("Biking", "2")]
