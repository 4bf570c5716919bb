"""edgevid.events.smoothing: predictions with less flicker."""

from __future__ import annotations

import dataclasses
import math
from typing import Callable, Optional

import numpy as np
import pytest

from edgevid import OptionError, Prediction, TimestampError
from edgevid.events.smoothing import ExponentialSmoothing, MeanSmoothing, Smoothing, open_smoothing

LABELS = ("a", "b")


def prediction(timestamp: Optional[float], score: float) -> Prediction:
    """Class a has ``score``."""
    return Prediction(LABELS, np.array([score, 1 - score], np.float32), 0.25, timestamp, 7.0, 0.5)


def smoothed(smoothing: Smoothing, times: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Class a's smoothed scores."""
    return np.array([smoothing.update(prediction(float(t), float(s))).probabilities[0] for t, s in zip(times, scores)])


class TestExponential:
    def test_after_a_change_it_has_gone_63_percent_of_the_way_in_the_time_constant(self):
        got = smoothed(ExponentialSmoothing(2.0), np.arange(0.0, 8.5, 0.5), np.r_[1.0, np.zeros(16)])
        assert got[0] == 1.0
        assert got[4] == pytest.approx(math.exp(-1), abs=1e-6)
        assert got[16] == pytest.approx(math.exp(-4), abs=1e-6)

    def test_the_rate_does_not_matter(self):
        """Two steps, seen at 50 a second, at 2 a second and at uneven times."""
        fast, slow = np.arange(0, 10, 0.02), np.arange(0, 10, 0.5)
        uneven = np.sort(np.r_[slow, np.random.default_rng(0).uniform(0, 10, 40)])

        def scores(times: np.ndarray) -> np.ndarray:
            # a score belongs to the time up to its prediction
            return np.where(times <= 2.0, 0.25, np.where(times <= 6.0, 1.0, 0.0))

        expected = smoothed(ExponentialSmoothing(1.5), slow, scores(slow))
        np.testing.assert_allclose(smoothed(ExponentialSmoothing(1.5), fast, scores(fast))[::25], expected, atol=1e-6)
        at_slow = np.isin(uneven, slow)
        np.testing.assert_allclose(
            smoothed(ExponentialSmoothing(1.5), uneven, scores(uneven))[at_slow], expected, atol=1e-6
        )

    def test_a_long_gap_forgets_everything(self):
        assert smoothed(ExponentialSmoothing(1.0), np.array([0.0, 1e6]), np.array([1.0, 0.25]))[1] == 0.25

    def test_a_second_prediction_of_the_same_moment_changes_nothing(self):
        assert smoothed(ExponentialSmoothing(1.0), np.array([0.0, 0.0]), np.array([0.75, 0.0])).tolist() == [0.75] * 2

    def test_a_prediction_without_timestamp_says_what_to_do(self):
        with pytest.raises(TimestampError, match=r"without a timestamp.*dataclasses\.replace"):
            ExponentialSmoothing(1.0).update(prediction(None, 0.5))

    @pytest.mark.parametrize("seconds", [0, -1.0, math.nan, math.inf, None, "1", True])
    def test_time_constant_that_is_no_time_is_refused(self, seconds: object):
        with pytest.raises(OptionError, match=r"seconds=.*expected a number of seconds above 0"):
            ExponentialSmoothing(seconds)


class TestMean:
    def test_mean_of_the_last_ones_and_of_fewer_at_the_start(self):
        got = smoothed(MeanSmoothing(3), np.arange(6.0), np.array([0.0, 0.5, 1.0, 0.5, 0.0, 0.25]))
        np.testing.assert_allclose(got, [0.0, 0.25, 0.5, 2 / 3, 0.5, 0.25], atol=1e-6)

    def test_of_one_it_is_the_prediction_itself(self):
        scores = np.random.default_rng(0).random(20)
        np.testing.assert_array_equal(smoothed(MeanSmoothing(1), np.arange(20.0), scores), scores.astype(np.float32))

    def test_rounding_does_not_gather(self):
        smoothing, rng = MeanSmoothing(3), np.random.default_rng(0)
        smoothed(smoothing, np.arange(5000.0), rng.random(5000))
        assert smoothed(smoothing, np.arange(5000.0, 5003), np.array([0.5, 0.25, 0.75]))[-1] == 0.5

    @pytest.mark.parametrize("count", [0, -1, 1.5, None, "3", True])
    def test_count_that_is_no_int_above_0_is_refused(self, count: object):
        with pytest.raises(OptionError, match=r"count=.*expected an int from 1 to 100000"):
            MeanSmoothing(count)


@pytest.mark.parametrize(
    "make", [lambda: ExponentialSmoothing(0.7), lambda: MeanSmoothing(4)], ids=["exponential", "mean"]
)
class TestBoth:
    def test_first_prediction_passes_unchanged(self, make: Callable[[], Smoothing]):
        first = prediction(3.0, 0.3)
        np.testing.assert_array_equal(make().update(first).probabilities, first.probabilities)

    def test_everything_but_the_probabilities_is_kept(self, make: Callable[[], Smoothing]):
        smoothing = make()
        smoothing.update(prediction(1.0, 0.0))
        got = smoothing.update(prediction(2.0, 1.0))
        assert (got.labels, got.threshold, got.timestamp, got.start_timestamp, got.window_filled) == (
            LABELS, 0.25, 2.0, 7.0, 0.5,
        )  # fmt: skip
        assert got.probabilities.dtype == np.float32

    def test_neither_what_came_in_nor_what_went_out_is_written_to(self, make: Callable[[], Smoothing]):
        smoothing = make()
        came = [prediction(float(t), t % 2) for t in range(6)]
        went = [smoothing.update(item) for item in came]
        copies = [item.probabilities.copy() for item in went]
        smoothing.update(prediction(9.0, 0.5))
        assert [item.probabilities[0] for item in came] == [0, 1] * 3
        np.testing.assert_array_equal([item.probabilities for item in went], copies)

    def test_probabilities_stay_probabilities(self, make: Callable[[], Smoothing]):
        smoothing, rng = make(), np.random.default_rng(0)
        for k, row in enumerate(rng.dirichlet(np.full(101, 0.1), 3000).astype(np.float32)):
            got = smoothing.update(Prediction(tuple(map(str, range(101))), row, timestamp=k / 10)).probabilities
            assert got.sum() == pytest.approx(1.0, abs=1e-5)
            assert got.min() >= 0

    def test_none_of_the_labels_is_smoothed_as_they_are(self, make: Callable[[], Smoothing]):
        smoothing, as_a_label = make(), make()
        for k, row in enumerate(np.random.default_rng(0).dirichlet((0.3, 0.3, 0.3), 30).astype(np.float32)):
            got = smoothing.update(Prediction(LABELS, row[:2], timestamp=k / 5, none=float(row[2])))
            expected = as_a_label.update(Prediction((*LABELS, "none"), row, timestamp=k / 5)).probabilities
            np.testing.assert_allclose([*got.probabilities, got.none], expected, atol=1e-6)
            assert got.probabilities.sum() + got.none == pytest.approx(1.0, abs=1e-6)

    def test_reset_forgets_the_scene_the_clock_and_the_labels(self, make: Callable[[], Smoothing]):
        smoothing = make()
        for t in range(5):
            smoothing.update(prediction(100.0 + t, 1.0))
        smoothing.reset()
        other = Prediction(("x",), np.array([1.0], np.float32), timestamp=0.0)
        assert smoothing.update(other).probabilities.tolist() == [1.0]

    def test_a_prediction_that_is_refused_changes_nothing(self, make: Callable[[], Smoothing]):
        smoothing, alone = make(), make()
        for t in range(5):
            good = prediction(float(t), t % 2)
            np.testing.assert_array_equal(smoothing.update(good).probabilities, alone.update(good).probabilities)
            with pytest.raises(TimestampError, match="before the last one"):
                smoothing.update(prediction(-1.0, 0.5))
            with pytest.raises(OptionError, match=r"labels x, y came after one with a, b"):
                smoothing.update(Prediction(("x", "y"), np.array([0.5, 0.5], np.float32), timestamp=99.0))
            with pytest.raises(OptionError, match="none=nan was given"):
                smoothing.update(dataclasses.replace(prediction(99.0, 0.5), none=math.nan))


class TestOpenSmoothing:
    def test_what_a_command_line_names(self):
        exponential = open_smoothing("exponential:1.5")
        assert isinstance(exponential, ExponentialSmoothing)
        assert exponential.seconds == 1.5
        mean = open_smoothing(" Mean:5 ")
        assert isinstance(mean, MeanSmoothing)
        assert mean.count == 5
        assert open_smoothing("none") is None

    @pytest.mark.parametrize(
        "text",
        ["", "median:3", "mean", "mean:", "mean:2.5", "mean:0", "exponential", "exponential:0", "exponential:nan",
         "exponential:fast", "none:1", "5", "mean:5:5"],
    )  # fmt: skip
    def test_anything_else_is_refused_with_what_is_expected(self, text: str):
        with pytest.raises(OptionError, match=r"expected none, exponential:SECONDS .* or mean:COUNT") as caught:
            open_smoothing(text)
        assert repr(text) in str(caught.value)
