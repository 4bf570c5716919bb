"""edgevid.stream and Recognizer.stream: rolling predictions."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from support.counting import Counting
from support.videos import moving_frames, number_of, numbered_frame

import edgevid
from edgevid import FrameError, OptionError, SourceError, Stream, StreamOptions, TimedFrame, TimestampError, VideoFile
from edgevid.sampling import uniform_indices
from edgevid.sources import FrameIterable

TOLERANCE = 1e-4


def push_numbers(stream: Stream, numbers: range, fps: float, start: float = 0.0) -> list:
    """Push frames that show these numbers at ``start + number / fps``."""
    return [stream.push(numbered_frame(k), start + k / fps) for k in numbers]


class TestWindow:
    def test_first_prediction_when_25_samples_are_in_then_one_at_each(self):
        counting = Counting()
        got = push_numbers(counting.open(), range(30), fps=10)
        assert [prediction is not None for prediction in got] == [False] * 24 + [True] * 6
        assert counting.windows == [list(range(first, first + 25)) for first in range(6)]

    def test_window_of_a_fast_camera_holds_the_frames_at_the_ticks(self):
        counting = Counting()
        got = push_numbers(counting.open(), range(75), fps=30, start=1000.0)
        assert counting.embedded == list(range(0, 75, 3))
        assert counting.windows == [list(range(0, 75, 3))]
        (prediction,) = [prediction for prediction in got if prediction]
        assert prediction.start_timestamp == 1000.0
        assert prediction.timestamp == 1000.0 + 72 / 30

    def test_window_of_a_slow_camera_repeats_its_newest_frames(self):
        counting = Counting()
        stream = counting.open()
        got = push_numbers(stream, range(6), fps=2)
        assert counting.windows == [[0, *np.repeat([1, 2, 3, 4, 5], 5)][-25:]]
        assert counting.embedded == [0, 1, 2, 3, 4, 5]
        assert (stream.samples, stream.repeated, stream.samples_per_second) == (26, 20, 10)
        assert (got[-1].start_timestamp, got[-1].timestamp) == (0.5, 2.5)

    def test_frame_after_a_long_stall_fills_the_window(self):
        counting = Counting()
        stream = counting.open()
        push_numbers(stream, range(30), fps=10)
        assert stream.push(numbered_frame(99), 500.0).start_timestamp == 500.0
        assert counting.windows[-1] == [99] * 25

    @pytest.mark.parametrize("hop", [1, 2, 7, 25, 40])
    def test_hop_counts_sampled_frames(self, hop: int):
        counting = Counting()
        got = push_numbers(counting.open(hop=hop), range(300), fps=30)
        when = [k // 3 for k, prediction in enumerate(got) if prediction]
        assert when == list(range(24, 100, hop))

    def test_prediction_tells_threshold_and_how_much_is_filled(self):
        got = push_numbers(Counting().open(min_filled=0.2), range(30), fps=10)
        assert [prediction is not None for prediction in got] == [False] * 4 + [True] * 26
        assert [prediction.window_filled for prediction in got[4:]] == [min(k / 25, 1.0) for k in range(5, 31)]
        assert got[4].threshold == 0.5
        assert got[4].start_timestamp == 0.0

    def test_window_that_is_partly_filled_is_classified_as_a_short_clip(self):
        counting = Counting()
        push_numbers(counting.open(min_filled=0), range(25), fps=10)
        assert counting.windows == [uniform_indices(n).tolist() for n in range(1, 26)]

    def test_reset_starts_a_new_scene(self):
        counting = Counting()
        stream = counting.open(hop=10)
        push_numbers(stream, range(30), fps=10, start=50.0)
        assert stream.window_filled == 1.0
        stream.reset()
        assert stream.window_filled == 0.0
        got = push_numbers(stream, range(30), fps=10)  # the clock may start earlier
        assert [k for k, prediction in enumerate(got) if prediction] == [24]
        assert counting.windows[-1] == list(range(25))

    def test_wants_says_which_frames_are_used_and_changes_nothing(self):
        counting = Counting()
        stream = counting.open()
        for k in range(60):
            wanted = [stream.wants(k / 30) for _ in range(2)]
            before = len(counting.embedded)
            stream.push(numbered_frame(k), k / 30)
            assert wanted == [len(counting.embedded) > before] * 2

    def test_without_a_timestamp_the_monotonic_clock_is_used(self, monkeypatch: pytest.MonkeyPatch):
        now = iter([100.0, 100.05, 100.1])
        monkeypatch.setattr(time, "monotonic", lambda: next(now))
        stream = Counting().open(min_filled=0)
        got = [stream.push(numbered_frame(k)) for k in range(3)]
        assert [prediction and prediction.timestamp for prediction in got] == [100.0, None, 100.1]

    def test_two_streams_do_not_disturb_one_another(self):
        counting, alone = Counting(), Counting()
        one, other = counting.open(), counting.open(window_seconds=5.0)
        single = alone.open()
        for k in range(60):
            one.push(numbered_frame(k), k / 10)
            other.push(numbered_frame(1000 + k), 77.0 + k / 10)
            single.push(numbered_frame(k), k / 10)
        assert [window for window in counting.windows if window[0] < 1000] == alone.windows
        assert next(window for window in counting.windows if window[0] >= 1000) == list(range(1000, 1050, 2))


class TestRefusals:
    @pytest.mark.parametrize("bad", ["frame", "nan", "decreasing", "network"])
    def test_a_push_that_fails_leaves_the_stream_unchanged(self, bad: str, monkeypatch: pytest.MonkeyPatch):
        counting = Counting()
        stream = counting.open()
        for k in range(40):
            if k % 3 == 1:
                if bad == "frame":
                    with pytest.raises(FrameError):
                        stream.push(numbered_frame(k)[:, :, 0], k / 10)
                elif bad == "nan":
                    with pytest.raises(TimestampError):
                        stream.push(numbered_frame(k), math.nan)
                elif bad == "decreasing":
                    with pytest.raises(TimestampError):
                        stream.push(numbered_frame(k), (k - 2) / 10)
                else:
                    with monkeypatch.context() as patch:
                        patch.setattr(counting.numbers, "embed", lambda sample: 1 / 0)
                        with pytest.raises(ZeroDivisionError):
                            stream.push(numbered_frame(k), k / 10)
            stream.push(numbered_frame(k), k / 10)
        assert counting.windows == [list(range(first, first + 25)) for first in range(16)]

    def test_a_bad_frame_is_refused_also_between_two_samples(self):
        stream = Counting().open()
        stream.push(numbered_frame(0), 0.0)
        with pytest.raises(FrameError, match="float64"):
            stream.push(numbered_frame(1) / 255, 0.01)

    @pytest.mark.parametrize("hop", [0, -1, 1.5, True, None, "1"])
    def test_hop_that_is_no_int_above_0_is_refused(self, recognizer: edgevid.Recognizer, hop: object):
        with pytest.raises(OptionError, match="expected an int of 1 or more"):
            recognizer.open_stream(StreamOptions(hop=hop))

    @pytest.mark.parametrize(("min_filled", "first"), [(0.28, 7), (0.56, 14), (0.29, 8), (1 / 25, 1), (1.0, 25)])
    def test_the_first_prediction_comes_when_so_much_of_the_window_is_filled(self, min_filled: float, first: int):
        got = push_numbers(Counting().open(min_filled=min_filled), range(26), fps=10)
        assert [prediction is not None for prediction in got].index(True) + 1 == first

    @pytest.mark.parametrize("min_filled", [-0.1, 1.1, math.nan, "all"])
    def test_min_filled_outside_0_to_1_is_refused(self, recognizer: edgevid.Recognizer, min_filled: object):
        with pytest.raises(OptionError, match="expected a number from 0 to 1"):
            recognizer.open_stream(StreamOptions(min_filled=min_filled))

    @pytest.mark.parametrize("window_seconds", [0, -2.0, math.nan, math.inf, "long"])
    def test_window_that_is_no_time_span_is_refused(self, recognizer: edgevid.Recognizer, window_seconds: object):
        with pytest.raises(OptionError, match=r"expected a number of seconds from 0.001 to 86400"):
            recognizer.open_stream(StreamOptions(window_seconds=window_seconds))

    def test_options_are_checked_before_the_source_is_opened(self, recognizer: edgevid.Recognizer):
        with pytest.raises(OptionError):
            recognizer.stream("no such file.mp4", StreamOptions(hop=0))
        with pytest.raises(SourceError, match="No such file"):
            next(recognizer.stream("no such file.mp4"))


class TestParity:
    """A prediction from a stream equals ``classify`` on the same frames."""

    def test_streamed_from_a_file(self, recognizer: edgevid.Recognizer, make_video):
        path = make_video("clip.avi", moving_frames(70))
        with VideoFile(path) as video:
            decoded = list(video)
        stream = recognizer.open_stream(StreamOptions(window_seconds=2.5))
        used, pushed = [], []
        for timestamp, image in decoded:
            if stream.wants(timestamp):
                used.append(image)
            prediction = stream.push(image, timestamp)
            if prediction is not None:
                pushed.append(prediction)
        streamed = list(recognizer.stream(path, StreamOptions(window_seconds=2.5)))
        assert len(streamed) == len(pushed) == len(used) - 24 == 4
        for from_file, from_loop in zip(streamed, pushed):
            np.testing.assert_array_equal(from_file.probabilities, from_loop.probabilities)
            assert from_file.timestamp == from_loop.timestamp
        for k in (0, 3):
            clip = recognizer.classify(used[k : k + 25])
            np.testing.assert_allclose(streamed[k].probabilities, clip.probabilities, atol=TOLERANCE)

    def test_of_the_default_bundle_from_10_samples_on(self, default_recognizer: edgevid.Recognizer, make_video):
        path = make_video("clip.avi", moving_frames(23), 10.0)
        whole = default_recognizer.classify(path)
        streamed = list(default_recognizer.stream(path))
        assert [prediction.timestamp for prediction in streamed] == pytest.approx([1.8, 2.0, 2.2], abs=1e-3)
        assert [prediction.window_filled for prediction in streamed] == pytest.approx([10 / 25, 11 / 25, 12 / 25])
        for prediction in streamed:
            assert prediction.probabilities.sum() + prediction.none == pytest.approx(1, abs=1e-5)
            assert prediction.region is None or 0 <= prediction.region.left < prediction.region.right <= 1
        np.testing.assert_allclose(streamed[-1].probabilities, whole.probabilities, atol=TOLERANCE)
        assert streamed[-1].none == pytest.approx(whole.none, abs=TOLERANCE)

    def test_window_that_is_partly_filled(self, recognizer: edgevid.Recognizer):
        frames, stream = moving_frames(4), recognizer.open_stream(StreamOptions(min_filled=0))
        for k, frame in enumerate(frames):
            prediction = stream.push(frame, k * recognizer.window_seconds / 25)
            expected = recognizer.classify(frames[: k + 1])
            np.testing.assert_allclose(prediction.probabilities, expected.probabilities, atol=TOLERANCE)
            assert prediction.window_filled == (k + 1) / 25

    def test_window_filled_by_one_slow_frame(self, recognizer: edgevid.Recognizer):
        first, second = moving_frames(2)
        stream = recognizer.open_stream()
        stream.push(first, 0.0)
        prediction = stream.push(second, 1000.0)
        np.testing.assert_allclose(
            prediction.probabilities, recognizer.classify([second]).probabilities, atol=TOLERANCE
        )

    def test_streams_in_two_threads_get_what_they_get_alone(self, recognizer: edgevid.Recognizer):
        clips = [moving_frames(4, 64, 48, seed=seed) for seed in (1, 2)]

        def run(frames: np.ndarray, out: list) -> None:
            stream = recognizer.open_stream(StreamOptions(window_seconds=2.5, min_filled=0))
            out += [stream.push(frame, k / 10).probabilities for k, frame in enumerate(frames)]

        alone: list[list] = [[], []]
        together: list[list] = [[], []]
        for frames, out in zip(clips, alone):
            run(frames, out)
        threads = [threading.Thread(target=run, args=(frames, out)) for frames, out in zip(clips, together)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        np.testing.assert_array_equal(together, alone)


class TestSources:
    """What ``recognizer.stream`` takes, with the networks replaced to count frames."""

    @pytest.fixture
    def counting(self, recognizer: edgevid.Recognizer, monkeypatch: pytest.MonkeyPatch) -> Counting:
        counting = Counting()
        monkeypatch.setattr(recognizer, "embedders", counting.embedders)
        answering = recognizer._answering._replace(classifier=counting.classifier)
        monkeypatch.setattr(recognizer, "_answering", answering)
        return counting

    def test_file(self, recognizer: edgevid.Recognizer, counting: Counting, make_video):
        for source in (make_video("clip.mp4", 70), str(make_video("clip.mp4", 70))):
            counting.windows.clear()
            got = list(recognizer.stream(source, StreamOptions(window_seconds=2.0, hop=5)))
            assert len(got) == 3
            assert counting.windows[0] == list(range(0, 50, 2))
            assert counting.windows[-1] == list(range(20, 70, 2))

    def test_pairs_of_timestamp_and_frame(self, recognizer: edgevid.Recognizer, counting: Counting):
        pairs = [(k / 10, numbered_frame(k)) for k in range(27)]
        for items in (pairs, iter(pairs), [TimedFrame(*pair) for pair in pairs]):
            counting.windows.clear()
            got = list(recognizer.stream(items, StreamOptions(window_seconds=2.5)))
            assert [prediction.timestamp for prediction in got] == [2.4, 2.5, 2.6]
            assert counting.windows == [list(range(first, first + 25)) for first in range(3)]

    def test_frames_are_stamped_as_they_come(self, recognizer, counting: Counting, monkeypatch: pytest.MonkeyPatch):
        clock = SimpleNamespace(now=0.0)

        def camera_loop() -> Iterator[np.ndarray]:
            for k in range(30):
                clock.now = 500.0 + k / 10
                yield numbered_frame(k)

        monkeypatch.setattr(time, "monotonic", lambda: clock.now)
        got = list(recognizer.stream(camera_loop(), StreamOptions(window_seconds=2.5)))
        assert [prediction.timestamp for prediction in got] == pytest.approx([502.4 + k / 10 for k in range(6)])

    def test_bad_frame_in_an_iterable_is_refused(self, recognizer: edgevid.Recognizer, counting: Counting):
        for item in (None, "frame", numbered_frame(1) / 255, (0.0, None)):
            with pytest.raises(FrameError):
                list(recognizer.stream([item]))

    def test_bad_timestamp_in_an_iterable_is_refused(self, recognizer: edgevid.Recognizer, counting: Counting):
        good = (1.0, numbered_frame(0))
        for timestamp in (0.5, math.nan, None):
            with pytest.raises(TimestampError):
                list(recognizer.stream([good, (timestamp, numbered_frame(1))]))

    def test_error_of_the_callers_own_iterable_reaches_the_caller(self, recognizer, counting: Counting):
        def broken() -> Iterator[np.ndarray]:
            yield numbered_frame(0)
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            list(recognizer.stream(broken()))

    @pytest.mark.parametrize("source", [None, 1.5, object()])
    def test_what_is_no_source_is_refused(self, recognizer: edgevid.Recognizer, source: object):
        with pytest.raises(SourceError, match=r"source of type \w+ was given; expected a camera index"):
            next(recognizer.stream(source))

    def test_source_that_the_stream_opened_is_closed_and_the_callers_own_is_not(
        self, recognizer: edgevid.Recognizer, counting: Counting, make_video, monkeypatch: pytest.MonkeyPatch
    ):
        closed: list[str] = []
        monkeypatch.setattr(VideoFile, "close", lambda self: closed.append(self.name))
        path = make_video("clip.mp4", 30)
        stream = recognizer.stream(path, StreamOptions(window_seconds=0.5))
        next(stream)
        stream.close()
        assert closed == [str(path)]
        with VideoFile(path) as video:
            list(recognizer.stream(video, StreamOptions(window_seconds=0.5)))
            assert closed == [str(path)]

    def test_iterable_of_frames_is_a_source_of_its_own(self):
        source = edgevid.open_source([(0.0, numbered_frame(3)), (1.0, numbered_frame(4))])
        assert isinstance(source, FrameIterable)
        assert [(t, number_of(image)) for t, image in source] == [(0.0, 3), (1.0, 4)]
