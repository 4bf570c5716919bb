"""edgevid.calibration: probabilities at a temperature, and how a card states it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgevid.calibration import Calibration, calibrated, log_probabilities
from edgevid.errors import OptionError

TEMPERATURES = (0.05, 0.3, 0.999, 1.5, 20.0)


def random_probabilities(*shape: int, seed: int = 0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0.0, 4.0, shape)
    powers = np.exp(logits)
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_a_temperature_divides_the_logits(temperature):
    logits = np.random.default_rng(1).normal(0.0, 3.0, (200, 7))
    result = calibrated(softmax(logits).astype(np.float32), temperature)
    np.testing.assert_allclose(result, softmax(logits / temperature), atol=1e-5)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("shape", [(10,), (3, 10), (2, 3, 10), (0, 10)])
def test_rows_stay_probabilities_of_the_same_order(temperature, shape):
    given = random_probabilities(*shape)
    result = calibrated(given, temperature)
    assert result.dtype == np.float32
    assert result.shape == shape
    np.testing.assert_allclose(result.sum(axis=-1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(result.argmax(axis=-1), given.argmax(axis=-1))
    in_order = np.take_along_axis(result, np.argsort(given, axis=-1), axis=-1)
    assert (np.diff(in_order, axis=-1) >= 0).all()


@pytest.mark.parametrize("temperature", [1, 1.0])
def test_temperature_1_changes_no_bit(temperature):
    given = random_probabilities(50, 10)
    given[0] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 1e-45]
    assert calibrated(given, temperature).tobytes() == given.tobytes()


def test_the_input_is_left_alone():
    given = random_probabilities(10)
    before = given.copy()
    given.flags.writeable = False
    calibrated(given, 2.0)
    np.testing.assert_array_equal(given, before)


def test_above_1_scores_are_more_modest_and_below_bolder():
    given = random_probabilities(100, 10)
    scores = [calibrated(given, temperature).max(axis=1) for temperature in (0.5, 1.0, 2.0)]
    assert (scores[0] >= scores[1]).all()
    assert (scores[1] >= scores[2]).all()


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_probabilities_of_0_stay_numbers(temperature):
    result = calibrated(np.array([[1, 0, 0], [0.5, 0.5, 0], [1 - 1e-7, 1e-45, 0]], np.float32), temperature)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result.sum(axis=1), 1.0, atol=1e-6)
    assert result[1, 0] == result[1, 1] > result[1, 2]
    assert np.isfinite(log_probabilities(np.zeros(3, np.float32))).all()


def test_the_defaults_change_nothing_and_cannot_be_changed():
    assert (Calibration().temperature, Calibration().unknown_threshold) == (1.0, 0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Calibration().temperature = 2.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": 0.0}, r"temperature=0\.0 was given; expected a number from 0\.05 to 20"),
        ({"temperature": -1}, "temperature=-1 was given"),
        ({"temperature": 20.1}, "temperature=20.1 was given"),
        ({"temperature": float("nan")}, "temperature=nan was given"),
        ({"temperature": "1"}, "temperature='1' was given"),
        ({"temperature": True}, "temperature=True was given"),
        ({"unknown_threshold": 1.01}, r"unknown_threshold=1\.01 was given; expected a number from 0 to 1"),
        ({"unknown_threshold": -0.1}, "unknown_threshold=-0.1 was given"),
        ({"unknown_threshold": None}, "unknown_threshold=None was given"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(OptionError, match=message):
        Calibration(**values)
