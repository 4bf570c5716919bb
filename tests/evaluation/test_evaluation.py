"""Predictions of labelled clips: which clips, their names, their table, their figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_data import synthetic_predictions

from edgevid.datasets.clips import Clip
from edgevid.evaluation.evaluation import check_labels, choose_clips
from edgevid.evaluation.figures import measure_predictions
from edgevid.evaluation.predictions import (
    EvaluationError,
    Predictions,
    check_same_clips,
    clip_names,
    read_predictions,
    write_predictions,
)
from edgevid.evaluation.published import is_ucf101_split_1
from edgevid.evaluation.significance import Bootstrap

pytest.importorskip("sklearn", reason="figures need the extra: pip install 'edgevid[evaluate]'")


def clip(name: str, split: str = "train", label: str = "a") -> Clip:
    return Clip(Path("data") / label / name, label, "g", split)


def test_test_clips_by_default_and_all_where_there_is_no_division():
    divided = [clip("1"), clip("2", "validation"), clip("3", "test")]
    assert choose_clips(divided) == (divided[2:], "test")
    assert choose_clips(divided, "all") == (divided, "all")
    assert choose_clips(divided, "validation") == (divided[1:2], "validation")
    assert choose_clips(divided[:1]) == (divided[:1], "all")


def test_an_empty_split_says_which_there_are():
    with pytest.raises(EvaluationError, match=r"no test clips; they have: train, validation.*--split"):
        choose_clips([clip("1"), clip("2", "validation")])


def test_a_label_that_the_bundle_lacks_names_both_lists():
    with pytest.raises(EvaluationError, match=r"does not know Sit\..*data: Run, Sit\..*bundle: Jump, Run\."):
        check_labels([clip("1", label="Run"), clip("2", label="Sit")], ["Jump", "Run"])
    check_labels([clip("1", label="Run")], ["Jump", "Run"])


def test_names_say_nothing_of_where_the_clips_lie(tmp_path):
    clips = [Clip(tmp_path / "d" / label / f"{i}.mp4", label, "g") for label in "ab" for i in range(2)]
    assert list(clip_names(clips).values()) == ["a/0.mp4", "a/1.mp4", "b/0.mp4", "b/1.mp4"]


def test_predictions_survive_their_file(tmp_path):
    predictions = synthetic_predictions(5)
    write_predictions(predictions, tmp_path / "p.csv", k=3)
    again = read_predictions(tmp_path / "p.csv")
    assert again.labels == predictions.labels
    assert again.clips == predictions.clips
    assert np.array_equal(again.probabilities, predictions.probabilities)
    head, first = (tmp_path / "p.csv").read_text().splitlines()[:2]
    assert head.startswith("path,label,group,predicted,score,correct,rank,top2,score2,top3,score3,p:Action000,")
    assert first.split(",")[3] == predictions.labels[int(predictions.predicted[0])]


@pytest.mark.parametrize("content", ["", "path,label\nx,y\n", "path,label,group,p:a\nx,a,g,not a number\n"])
def test_a_damaged_table(tmp_path, content):
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(EvaluationError, match="again"):
        read_predictions(tmp_path / "p.csv")


def test_figures_against_scikit_learn():
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, top_k_accuracy_score

    p = synthetic_predictions(6, seed=4)
    measured = measure_predictions(p, 3, Bootstrap(300)).as_dict()
    classes = range(6)
    assert measured["accuracy"]["value"] == pytest.approx(accuracy_score(p.truth, p.predicted), abs=1e-4)
    assert measured["top_k"]["value"] == pytest.approx(top_k_accuracy_score(p.truth, p.probabilities, k=3), abs=1e-4)
    assert measured["macro"]["f1"]["value"] == pytest.approx(f1_score(p.truth, p.predicted, average="macro"), abs=1e-4)
    assert measured["confusion"] == confusion_matrix(p.truth, p.predicted, labels=classes).tolist()
    assert measured["bootstrap"]["groups"] == 36
    for entry in (measured["accuracy"], measured["macro"]["f1"], measured["classes"]["Action000"]["f1"]):
        low, high = entry["bootstrap_95"]
        assert low < entry["value"] < high
    # clips of a group are right together, so the interval over groups is the wider one
    low, high = measured["accuracy"]["wilson_95"]
    assert measured["accuracy"]["bootstrap_95"][1] - measured["accuracy"]["bootstrap_95"][0] > high - low
    assert measure_predictions(p, 3, Bootstrap(300)).as_dict() == measured
    assert measure_predictions(p, 3, Bootstrap(300, groups_span_classes=True)).groups == 6


def test_different_clips_or_labels_are_not_compared():
    p = synthetic_predictions(3)
    fewer = Predictions(p.labels, p.clips[1:], p.probabilities[1:])
    with pytest.raises(EvaluationError, match=r"one has 54 clips and two has 53; 1 are not in both.*g00_c00"):
        check_same_clips(p, fewer, ("one", "two"))
    with pytest.raises(EvaluationError, match="different labels"):
        check_same_clips(p, synthetic_predictions(4))


def test_ucf101_split_1_is_recognised_and_nothing_else(shared):
    folder = shared / "data" / "ucf101_splits"
    lists = {n: (folder / f"testlist0{n}.txt").read_text().split() for n in (1, 2)}
    clips = {n: [Clip(Path(name), name.split("/")[0], name.split("_")[-2], "test") for name in lists[n]] for n in lists}
    assert is_ucf101_split_1(clips[1], "test")
    assert not is_ucf101_split_1(clips[2], "test")
    assert not is_ucf101_split_1(clips[1], "all")
    assert not is_ucf101_split_1(clips[1][:-1], "test")
    renamed = [Clip(c.path, c.label + "X", c.group, c.split) for c in clips[1]]
    assert not is_ucf101_split_1(renamed, "test")
