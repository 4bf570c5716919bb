"""What is fitted to scores on validation clips."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgevid.calibration import Calibration, calibrated
from edgevid.training.calibration import (
    MIN_CLIPS,
    acceptance_threshold,
    expected_calibration_error,
    fit_calibration,
    fit_temperature,
    quality,
)


def honest_probabilities(num_clips: int, num_classes: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities, and classes drawn by them."""
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
        pytest.importorskip("scipy", reason="needs the extra: pip install 'edgevid[train]'")
        honest, classes = honest_probabilities(63)
        bold = calibrated(honest, 0.3)
        fitted = fit_calibration(bold, classes, [i // 3 for i in range(63)])
        entry = json.loads(json.dumps(fitted.entry, allow_nan=False))
        assert entry["fitted_on"] == {"split": "validation", "clips": 63, "groups": 21}
        assert Calibration(entry["temperature"], entry["unknown_threshold"]) == fitted.calibration
        assert entry["temperature"] > 2
        scores = calibrated(bold, entry["temperature"]).max(axis=1)
        assert entry["known_accepted"]["hits"] == np.sum(scores >= entry["unknown_threshold"]) == 61
        assert entry["nll"]["after"] < entry["nll"]["before"]
        assert entry["ece"]["after"] < entry["ece"]["before"]
        assert entry["ece"]["bins"] == 15
        assert "the same 63 clips, which also chose the epoch" in entry["note"]
        assert "temperature" in fitted.text

    @pytest.mark.parametrize("clips", [0, 1, MIN_CLIPS - 1])
    def test_of_few_clips_nothing_is_fitted_and_the_card_says_why(self, clips):
        probabilities, classes = honest_probabilities(clips) if clips else (np.zeros((0, 5), np.float32), np.zeros(0))
        fitted = fit_calibration(probabilities, classes, range(clips))
        assert fitted.calibration == Calibration()
        entry = fitted.entry
        assert (entry["temperature"], entry["unknown_threshold"]) == (1.0, 0.0)
        assert f"{clips} validation clips are fewer than 20" in entry["note"] == fitted.text
        assert "known_accepted" not in entry

    def test_where_all_clips_are_right_the_temperature_is_1_and_the_threshold_is_fitted(self):
        pytest.importorskip("scipy", reason="needs the extra: pip install 'edgevid[train]'")
        probabilities, _ = honest_probabilities(40)
        fitted = fit_calibration(probabilities, probabilities.argmax(axis=1), range(40))
        assert fitted.calibration == Calibration(1.0, acceptance_threshold(probabilities.max(axis=1)))
        assert fitted.calibration.unknown_threshold > 0.2
        assert "The temperature is 1" in fitted.entry["note"]
