"""Accuracy, recall and their intervals."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import pytest

from edgevid.errors import OptionError
from edgevid.evaluation.metrics import default_k, measure, rank_of_truth
from edgevid.evaluation.significance import class_scores, macro_average, weighted_average
from edgevid.support.shares import Share, wilson_interval

needs_scipy = pytest.mark.skipif(find_spec("scipy") is None, reason="needs the extra: pip install 'edgevid[evaluate]'")


@needs_scipy
def test_wilson_interval_against_published_values():
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
    for hits, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson_interval(hits, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(OptionError):
        wilson_interval(3, 2)


@needs_scipy
def test_measure():
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1]], dtype=np.float32)
    metrics = measure(probabilities, np.array([0, 1, 2, 1]), ["a", "b", "c"], k=2)
    assert metrics.accuracy == Share(2, 4)
    assert metrics.top_k == Share(4, 4)
    assert metrics.recall == {"a": Share(1, 1), "b": Share(0, 2), "c": Share(1, 1)}
    assert metrics.confusion == [[1, 0, 0], [1, 0, 1], [0, 0, 1]]
    entry = metrics.as_dict()
    assert entry["accuracy"] == {"value": 0.5, "hits": 2, "n": 4, "wilson_95": [0.15, 0.85]}
    assert entry["top_2"]["value"] == 1.0


@needs_scipy
def test_a_class_without_clips_has_no_recall():
    metrics = measure(np.array([[0.9, 0.1]]), np.array([0]), ["a", "b"], k=5)
    assert metrics.k == 2
    assert math.isnan(metrics.recall["b"].value)
    assert metrics.as_dict()["recall"]["b"]["value"] is None


def test_wrong_shapes():
    with pytest.raises(OptionError, match="3 labels"):
        measure(np.zeros((2, 2)), np.array([0, 1]), ["a", "b", "c"])


@pytest.mark.parametrize("num_classes", [3, 12])
def test_averages_are_those_of_scikit_learn(num_classes):
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(num_classes)
    truth = np.concatenate([np.arange(num_classes), rng.integers(num_classes, size=80)])
    predicted = np.where(rng.random(len(truth)) < 0.6, truth, rng.integers(num_classes - 1, size=len(truth)))
    scores, clips = class_scores(truth, predicted, num_classes)
    for average, of in (("macro", macro_average), ("weighted", weighted_average)):
        expected = sklearn_metrics.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        measured = [of(scores[name], clips) for name in ("precision", "recall", "f1")]
        assert measured == pytest.approx(expected[:3])


def test_scores_by_hand_and_a_class_without_clips():
    # a: 2 of 3 right; b: 1 of 1, called twice; c has no clip
    scores, clips = class_scores(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 3)
    assert clips.tolist() == [3, 1, 0]
    assert scores["precision"].tolist() == [1.0, 0.5, 0.0]
    assert scores["recall"].tolist() == pytest.approx([2 / 3, 1.0, 0.0])
    assert scores["f1"].tolist() == pytest.approx([0.8, 2 / 3, 0.0])
    assert macro_average(scores["f1"], clips) == pytest.approx((0.8 + 2 / 3) / 2)
    assert weighted_average(scores["recall"], clips) == pytest.approx(0.75)


def test_rank_of_the_true_class():
    probabilities = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    assert rank_of_truth(probabilities, np.array([0, 1])).tolist() == [3, 2]


def test_k_of_the_top_k_accuracy():
    assert [default_k(n) for n in (2, 3, 5, 10, 17, 101)] == [1, 2, 2, 3, 5, 5]
