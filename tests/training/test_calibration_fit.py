"""What is fitted of scores on validation clips, and what clips of other actions are measured by."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from edgevid.classifiers.calibration import Calibration, calibrated
from edgevid.training.calibration import (
    MIN_CLIPS,
    acceptance_threshold,
    expected_calibration_error,
    fit_calibration,
    fit_temperature,
    quality,
)
from edgevid.training.dataset import Clip, DatasetError
from edgevid.training.evaluation import EvaluatedClip
from edgevid.training.outside import Scored, open_outside, resampled_auroc, score, unknown_figures, unknown_rows
from edgevid.training.significance import Resamples


def honest_probabilities(num_clips: int, num_classes: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are true, and classes drawn by them."""
    rng = np.random.default_rng(seed)
    powers = np.exp(rng.normal(0.0, 1.5, (num_clips, num_classes)))
    probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    classes = np.array([rng.choice(num_classes, p=row / row.sum()) for row in probabilities.astype(np.float64)])
    return probabilities, classes


class TestTemperature:
    @pytest.mark.parametrize("temperature", [0.25, 0.7, 1.0, 2.5, 8.0])
    def test_undoes_what_made_the_scores_wrong(self, temperature):
        honest, classes = honest_probabilities(4000)
        wrong = calibrated(honest, 1 / temperature)
        assert fit_temperature(wrong, classes) == pytest.approx(temperature, rel=0.06)

    def test_no_other_one_makes_the_classes_likelier(self):
        probabilities, classes = honest_probabilities(40, seed=3)
        best = fit_temperature(probabilities, classes)
        assert best is not None
        least = quality(calibrated(probabilities, best), classes).nll
        for other in (0.05, 0.5, 0.99 * best, 1.0, 1.01 * best, 2.0, 20.0):
            assert quality(calibrated(probabilities, other), classes).nll >= least - 1e-7

    def test_is_bounded_above_where_scores_are_worse_than_chance(self):
        probabilities, _ = honest_probabilities(200)
        assert fit_temperature(probabilities, probabilities.argmin(axis=1)) == pytest.approx(20.0)

    def test_of_clips_that_are_all_right_there_is_none(self):
        probabilities, _ = honest_probabilities(30)
        assert fit_temperature(probabilities, probabilities.argmax(axis=1)) is None

    def test_probabilities_of_0_and_1_can_be_fitted(self):
        probabilities = np.eye(3, dtype=np.float32)[[0, 1, 2] * 10]
        classes = np.array([0, 1, 2] * 10)
        classes[0] = 1
        temperature = fit_temperature(probabilities, classes)
        assert temperature is not None
        assert math.isfinite(quality(calibrated(probabilities, temperature), classes).nll)


class TestThreshold:
    @pytest.mark.parametrize(("clips", "rejected"), [(20, 0), (39, 1), (40, 1), (63, 2), (99, 4), (100, 4), (399, 19)])
    def test_is_the_split_conformal_quantile(self, clips, rejected):
        scores = np.random.default_rng(clips).permutation(np.linspace(0.2, 0.9, clips)).astype(np.float32)
        threshold = acceptance_threshold(scores)
        assert np.sum(scores < threshold) == rejected
        assert clips - rejected == min(clips, math.ceil(0.95 * (clips + 1) - 1e-9))

    def test_new_clips_reach_it_as_often_as_promised(self):
        rng = np.random.default_rng(0)
        reached = [np.mean(rng.random(200) >= acceptance_threshold(rng.random(40))) for _ in range(500)]
        assert 0.95 <= np.mean(reached) < 0.97

    @pytest.mark.parametrize("value", [0.1, 0.5, 0.12340001, 1.0])
    def test_a_runtime_that_rounds_otherwise_still_accepts_its_clip(self, value):
        threshold = acceptance_threshold(np.full(30, value, np.float32))
        assert value - 2e-4 < threshold <= value - 1e-5
        assert threshold == round(threshold, 4)


class TestCalibrationError:
    def test_is_0_of_true_scores_and_the_gap_of_wrong_ones(self):
        honest, classes = honest_probabilities(20_000)
        assert expected_calibration_error(honest, classes) < 0.02
        sure = np.tile(np.array([1.0, 0.0], np.float32), (10, 1))
        assert expected_calibration_error(sure, np.array([0] * 7 + [1] * 3)) == pytest.approx(0.3)

    def test_gaps_of_two_bins_do_not_make_up_for_each_other(self):
        probabilities = np.array([[0.9, 0.1], [0.6, 0.4]], np.float32)
        assert expected_calibration_error(probabilities, np.array([1, 0])) == pytest.approx((0.9 + 0.4) / 2)
        assert expected_calibration_error(probabilities, np.array([1, 0]), bins=1) == pytest.approx(0.25)


class TestFit:
    def test_what_the_card_says(self):
        honest, classes = honest_probabilities(63)
        bold = calibrated(honest, 0.3)
        fitted = fit_calibration(bold, classes, [i // 3 for i in range(63)])
        entry = json.loads(json.dumps(fitted.as_dict(), allow_nan=False))
        assert entry["fitted_on"] == {"split": "validation", "clips": 63, "groups": 21}
        assert Calibration(entry["temperature"], entry["unknown_threshold"]) == fitted.calibration
        assert entry["temperature"] > 2
        scores = calibrated(bold, entry["temperature"]).max(axis=1)
        assert entry["known_accepted"]["hits"] == np.sum(scores >= entry["unknown_threshold"]) == 61
        assert entry["nll"]["after"] < entry["nll"]["before"]
        assert entry["ece"]["after"] < entry["ece"]["before"]
        assert entry["ece"]["bins"] == 15
        assert "the same 63 clips, which also chose the epoch" in entry["note"]
        assert "temperature" in str(fitted)

    @pytest.mark.parametrize("clips", [0, 1, MIN_CLIPS - 1])
    def test_of_few_clips_nothing_is_fitted_and_the_card_says_why(self, clips):
        probabilities, classes = honest_probabilities(clips) if clips else (np.zeros((0, 5), np.float32), np.zeros(0))
        fitted = fit_calibration(probabilities, classes, range(clips))
        assert fitted.calibration == Calibration()
        entry = fitted.as_dict()
        assert (entry["temperature"], entry["unknown_threshold"]) == (1.0, 0.0)
        assert f"{clips} validation clips are fewer than 20" in entry["note"] == str(fitted)
        assert "known_accepted" not in entry

    def test_where_all_clips_are_right_the_temperature_is_1_and_the_threshold_is_fitted(self):
        probabilities, _ = honest_probabilities(40)
        fitted = fit_calibration(probabilities, probabilities.argmax(axis=1), range(40))
        assert fitted.calibration == Calibration(1.0, acceptance_threshold(probabilities.max(axis=1)))
        assert fitted.calibration.unknown_threshold > 0.2
        assert "The temperature is 1" in fitted.as_dict()["note"]


class TestOpenOutside:
    @pytest.fixture(autouse=True)
    def _sklearn(self):
        pytest.importorskip("sklearn", reason="needs the extra: pip install 'edgevid[train]'")

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


class TestUnknownFigures:
    @pytest.fixture(autouse=True)
    def _sklearn(self):
        self.metrics = pytest.importorskip("sklearn.metrics", reason="needs the extra: pip install 'edgevid[train]'")

    @staticmethod
    def scored(name: str, scores: np.ndarray, groups_of: int = 3, classes: int = 4) -> Scored:
        return Scored(name, [(f"{name}{i % classes}", f"{i // groups_of}") for i in range(len(scores))], scores)

    def random_scores(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        return rng.beta(4, 2, 80).astype(np.float32), rng.beta(3, 3, 120).astype(np.float32)

    def figures(self, known: np.ndarray, outside: np.ndarray, threshold: float = 0.5, **options) -> dict:
        return unknown_figures(self.scored("test", known), self.scored("zoo", outside), threshold, **options)

    def test_shares_and_counts(self):
        found = self.figures(np.array([0.2, 0.5, 0.9]), np.array([0.1, 0.49, 0.5, 0.8]))
        assert (found["known"]["accepted"]["hits"], found["known"]["accepted"]["n"]) == (2, 3)
        assert (found["outside"]["rejected"]["hits"], found["outside"]["rejected"]["n"]) == (2, 4)
        assert (found["known"]["split"], found["outside"]["data"]) == ("test", "zoo")
        assert (found["known"]["clips"], found["outside"]["classes"]) == (3, 4)
        assert found["auroc"]["value"] == pytest.approx((1 + 2.5 + 4) / 12), "equal scores count half"
        json.dumps(found, allow_nan=False)

    def test_a_bundle_without_a_threshold_rejects_nothing(self):
        found = self.figures(*self.random_scores(), threshold=0.0)
        assert found["known"]["accepted"]["value"] == 1.0
        assert found["outside"]["rejected"]["value"] == 0.0

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
        spanning = self.figures(*self.random_scores(), resamples=300, span_classes=True)
        assert spanning["auroc"]["value"] == found["auroc"]["value"]
        assert spanning["auroc"]["bootstrap_95"] != found["auroc"]["bootstrap_95"]

    def test_scores_that_tell_all_apart_claim_no_certainty(self):
        found = self.figures(np.full(30, 0.9), np.full(30, 0.1))
        assert found["auroc"] == {"value": 1.0, "bootstrap_95": None}

    def test_the_table_has_a_row_for_each_figure(self):
        rows = unknown_rows(self.figures(*self.random_scores()))
        assert [row[0] for row in rows[1:]] == [
            "known actions (test clips), accepted", "other actions (zoo), rejected", "AUROC of the score",
        ]  # fmt: skip
        assert [row[2] for row in rows[1:]] == ["80", "120", "200"]
        assert {len(row) for row in rows} == {5}

    def test_a_score_is_the_largest_probability(self):
        probabilities, _ = honest_probabilities(2)
        clips = [Clip(Path("a.mp4"), "Archery", "1"), EvaluatedClip("b.mp4", "Biking", "2")]
        scored = score("zoo", clips, probabilities)
        np.testing.assert_array_equal(scored.scores, probabilities.max(axis=1))
        assert scored.clips == [("Archery", "1"), ("Biking", "2")]
