"""edgevid.sampling: which frames are used."""

from __future__ import annotations

import doctest
import math
from collections.abc import Iterable

import numpy as np
import pytest

from edgevid import EdgevidError, OptionError, TimestampError
from edgevid.sampling import SampleSpec, StreamSampler, clock, uniform_indices

FRAME = np.zeros((2, 2, 3), np.uint8)


class Ticks(StreamSampler):
    """Samples of one frame, 25 in a window."""

    def __init__(self, window_seconds: float) -> None:
        super().__init__(SampleSpec(25, window_seconds))

    def take(self, timestamp: float) -> int:
        """Take a frame for as many samples as it stands for; return their number."""
        ticks = self.ticks_due(timestamp)
        (due,) = self.due(FRAME, timestamp)
        assert (0 if due is None else due.ticks) == ticks
        assert self.wants(timestamp) == (ticks > 0)
        self.advance(FRAME, timestamp)
        return ticks


def used(sampler: Ticks, timestamps: Iterable[float]) -> list[tuple[float, int]]:
    """The timestamps of the frames that are used, each with the samples it stands for."""
    return [(t, due) for t in timestamps if (due := sampler.take(t))]


def test_doctests_hold():
    result = doctest.testmod(clock)
    assert result.failed == 0
    assert result.attempted > 0


class TestUniformIndices:
    @pytest.mark.parametrize("num_frames", [1, 2, 24, 25, 26, 49, 50, 51, 180, 1775])
    def test_frame_in_the_middle_of_each_equal_part(self, num_frames: int):
        middles = (np.arange(25) + 0.5) * num_frames / 25
        assert uniform_indices(num_frames).tolist() == [math.floor(middle) for middle in middles]

    def test_clip_of_25_frames_gives_each_once(self):
        assert uniform_indices(25).tolist() == list(range(25))

    @pytest.mark.parametrize("num_frames", range(1, 25))
    def test_short_clip_repeats_each_frame_about_equally_often(self, num_frames: int):
        counts = np.bincount(uniform_indices(num_frames), minlength=num_frames)
        assert counts.sum() == 25
        assert counts.min() >= 25 // num_frames
        assert counts.max() <= -(-25 // num_frames)

    def test_one_frame_gives_it_25_times(self):
        assert uniform_indices(1).tolist() == [0] * 25

    def test_hours_of_video_give_exact_indices(self):
        num_frames = 2**40
        assert uniform_indices(num_frames).tolist() == [(2 * i + 1) * num_frames // 50 for i in range(25)]

    @pytest.mark.parametrize("num_samples", [1, 2, 8, 25, 64])
    def test_never_decreases_and_stays_inside(self, num_samples: int):
        for num_frames in range(1, 200):
            indices = uniform_indices(num_frames, num_samples)
            assert len(indices) == num_samples
            assert (np.diff(indices) >= 0).all()
            assert indices[0] >= 0
            assert indices[-1] < num_frames

    def test_symmetric_in_time(self):
        # equally many frames, to within one, are left out before the first sample and after the last
        for num_frames in range(25, 300):
            indices = uniform_indices(num_frames)
            assert 0 <= indices[0] - (num_frames - 1 - indices[-1]) <= 1

    @pytest.mark.parametrize(("num_frames", "num_samples"), [(0, 25), (-1, 25), (10, 0)])
    def test_nothing_to_sample_is_an_option_error(self, num_frames: int, num_samples: int):
        with pytest.raises(OptionError, match="expected 1 or more"):
            uniform_indices(num_frames, num_samples)


class TestRates:
    @pytest.mark.parametrize("fps", [12.5, 15, 24, 25, 29.97, 30, 60, 120, 1000])
    @pytest.mark.parametrize("window_seconds", [2.0, 3.7, 10.0])
    def test_25_samples_span_the_window_whatever_the_rate(self, fps: float, window_seconds: float):
        interval = window_seconds / 25
        got = used(Ticks(window_seconds), (k / fps for k in range(int(3 * window_seconds * fps))))
        assert {due for _, due in got} == {1}
        # each is the first frame at or after its tick
        for i, (timestamp, _) in enumerate(got):
            assert -0.0201 * interval <= timestamp - i * interval < 1 / fps
        assert got[25][0] - got[0][0] == pytest.approx(window_seconds, abs=1 / fps + 0.02 * interval)

    @pytest.mark.parametrize("fps", [5, 10, 15, 25, 30, 60, 120])
    def test_camera_at_the_clocks_own_rate_has_every_frame_used_once(self, fps: int):
        got = used(Ticks(25 / fps), (100.1 + k / fps for k in range(200)))
        assert [due for _, due in got] == [1] * 200

    @pytest.mark.parametrize("fps", [24, 29.97, 30])
    def test_timestamps_rounded_to_milliseconds_repeat_no_frame(self, fps: float):
        got = used(Ticks(25 / fps), (round(k / fps, 3) for k in range(500)))
        assert [due for _, due in got] == [1] * 500

    @pytest.mark.parametrize("fps", [10, 25, 30, 60])
    def test_jittered_timestamps_keep_the_span(self, fps: int):
        rng = np.random.default_rng(fps)
        timestamps = 7.0 + np.cumsum(rng.uniform(0.4, 1.6, 60 * fps)) / fps
        got = used(Ticks(5.0), timestamps)
        assert sum(due for _, due in got) == math.floor((timestamps[-1] - timestamps[0]) / 0.2 + 0.02) + 1
        repeated = np.repeat([t for t, _ in got], [due for _, due in got])
        spans = repeated[24:] - repeated[:-24]
        assert np.abs(spans - 24 * 0.2).max() <= 1.6 / fps + 0.02 * 0.2

    @pytest.mark.parametrize("start", [0.0, 1.7e9])
    def test_no_drift_over_ten_hours(self, start: float):
        # ticks every 0.1 s and frames every 1/30 s: every third frame, to the last
        def ticking(sampler: Ticks, timestamp: float) -> int:
            ticks = sampler.ticks_due(timestamp)
            sampler.advance(FRAME, timestamp)
            return ticks

        sampler = Ticks(2.5)
        due = [ticking(sampler, start + k / 30) for k in range(10 * 3600 * 30)]
        assert sum(due) == 10 * 3600 * 10
        assert due[-30:] == [1, 0, 0] * 10

    def test_slow_camera_fills_the_window_with_its_newest_frames(self):
        # 2 frames a second, ticks every 0.1 s: from the second on each stands for five
        got = used(Ticks(2.5), (k / 2 for k in range(8)))
        assert [due for _, due in got] == [1, 5, 5, 5, 5, 5, 5, 5]

    def test_frame_after_a_stall_stands_for_the_whole_window_and_nothing_queues_up(self):
        sampler = Ticks(2.5)
        sampler.take(0.0)
        assert sampler.take(3600.0) == 25
        assert [sampler.take(3600.0 + k / 100) for k in range(1, 31)] == ([0] * 9 + [1]) * 3

    def test_frame_after_a_short_stall_stands_for_the_ticks_that_passed(self):
        sampler = Ticks(2.5)
        assert [sampler.take(t) for t in (0.0, 0.1, 0.72, 0.75, 0.8)] == [1, 1, 6, 0, 1]

    def test_equal_timestamps_are_one_sample(self):
        assert [Ticks(2.5).take(5.0)] == [1]
        sampler = Ticks(2.5)
        assert [sampler.take(5.0) for _ in range(10)] == [1] + [0] * 9

    def test_first_frame_starts_the_clock(self):
        assert Ticks(2.5).take(123456.789) == 1
        assert Ticks(2.5).take(-5.0) == 1


class TestClock:
    def test_asking_changes_nothing(self):
        sampler = Ticks(2.5)
        assert [sampler.ticks_due(100.0) for _ in range(3)] == [1, 1, 1]
        sampler.take(0.0)
        assert [sampler.ticks_due(0.55) for _ in range(3)] == [5, 5, 5]
        assert sampler.take(0.2) == 2

    @pytest.mark.parametrize(
        "timestamp", [math.nan, math.inf, -math.inf, None, "soon", [1.0], 1j, 10**400, np.float32("nan")]
    )
    def test_timestamp_that_is_no_finite_number_is_refused(self, timestamp: object):
        sampler = Ticks(2.5)
        sampler.take(1.0)
        for method in (sampler.ticks_due, sampler.wants, sampler.check, lambda t: sampler.due(FRAME, t)):
            with pytest.raises(TimestampError, match="expected a finite number of seconds"):
                method(timestamp)
        assert sampler.take(1.1) == 1

    @pytest.mark.parametrize("timestamp", [-1.7e308, 1e308, 1e13, 10**400])
    def test_timestamps_that_no_clock_shows_are_refused(self, timestamp: float):
        with pytest.raises(TimestampError, match="expected a finite number of seconds, 1e\\+12 at most"):
            Ticks(2.5).take(timestamp)

    def test_decreasing_timestamp_is_refused_and_says_what_to_do(self):
        sampler = Ticks(2.5)
        sampler.take(10.0)
        sampler.take(10.05)
        with pytest.raises(TimestampError, match=r"10\.040000 s is before the last one, 10\.050000 s.*reset\(\)"):
            sampler.take(10.04)
        assert [sampler.take(10.05), sampler.take(10.1)] == [0, 1]

    def test_refused_timestamp_is_an_edgevid_error_and_a_value_error(self):
        with pytest.raises(EdgevidError) as caught:
            Ticks(2.5).take(math.nan)
        assert isinstance(caught.value, ValueError)

    def test_reset_starts_a_new_clock_that_may_be_earlier(self):
        sampler = Ticks(2.5)
        assert [sampler.take(t) for t in (50.0, 50.05)] == [1, 0]
        sampler.reset()
        assert [sampler.take(t) for t in (1.0, 1.05, 1.1)] == [1, 0, 1]

    @pytest.mark.parametrize("window_seconds", [0, -1, math.nan, math.inf, "long", None, [2]])
    def test_window_that_is_no_time_span_is_refused(self, window_seconds: object):
        with pytest.raises(OptionError, match=r"expected a number of seconds from 0.001 to 86400"):
            SampleSpec(25, window_seconds)

    def test_window_seconds_may_be_any_number(self):
        assert SampleSpec(25, np.float32(2.5)).interval_seconds == pytest.approx(0.1)
        assert SampleSpec(25, 3).interval_seconds == pytest.approx(0.12)
