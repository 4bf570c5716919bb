"""edgevid.offline: the events of a finished video are those of a stream over it."""

from __future__ import annotations

import csv
import hashlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import pytest
from support.counting import Counting, Numbers, Windows
from support.videos import moving_frames, numbered_frame, write_video

import edgevid
from edgevid import OptionError, Prediction, Source, SourceError, StreamOptions, TimedFrame, TimestampError, VideoFile
from edgevid.embedders import Window
from edgevid.events import Began, Counted, Ended, Event, EventDetector, EventOptions
from edgevid.events.smoothing import ExponentialSmoothing, MeanSmoothing, Smoothing
from edgevid.following import follow, open_stream_source
from edgevid.frames import Frame
from edgevid.offline import find_events
from edgevid.sampling import Sample

TOLERANCE = 1e-4


def stream_events(
    recognizer: edgevid.Recognizer,
    video: Path,
    options: EventOptions,
    smoothing: Optional[Smoothing],
    window_seconds: Optional[float],
    hop: int,
) -> list[Event]:
    """The events for a program that follows the video as a stream."""
    detector, events = EventDetector(options), []
    for prediction in recognizer.stream(video, StreamOptions(window_seconds=window_seconds, hop=hop)):
        events += detector.update(prediction if smoothing is None else smoothing.update(prediction))
    return events + detector.finish()


def facts(events: list[Event]) -> list[tuple[type, str, float]]:
    """Which events happen when, without scores, which the rolling form may round differently."""
    return [(type(event), event.label, event.timestamp) for event in events]


def assert_same(offline: list[Event], streamed: list[Event]) -> None:
    assert facts(offline) == facts(streamed)
    for one, other in zip(offline, streamed):
        if isinstance(one, Began):
            assert one.score == pytest.approx(other.score, abs=TOLERANCE)
        elif isinstance(one, Counted):
            assert one == other
        else:
            assert one.count == other.count
            assert one.duration_seconds == other.duration_seconds
            assert one.peak_score == pytest.approx(other.peak_score, abs=TOLERANCE)


CASES = [
    (EventOptions(), None, None, 1),
    (EventOptions(0.3, 0.2, 0.0), None, 2.5, 1),
    (EventOptions(0.5, None, 0.5, 2.0), ExponentialSmoothing(1.0), None, 2),
    (EventOptions(0.4, 0.3, 0.3), MeanSmoothing(5), 3.0, 3),
    (EventOptions(0.4, 0.3, 0.0), None, None, 25),
]
IDS = ["default", "low thresholds", "exponential, hop 2", "mean, hop 3", "hop 25"]


@pytest.fixture(scope="module")
def scenes(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than a minute of joined real clips: one of each class, in another order than the classes, and one of them again."""
    with (shared / "data" / "ucf101_core10" / "clips.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    longest = {row["label"]: row for row in sorted(rows, key=lambda row: int(row["frames"]))}
    chosen = [longest[label] for label in sorted(longest)]

    def frames() -> Iterator[Frame]:
        for row in [*chosen[::2], *chosen[1::2], chosen[0]]:
            with VideoFile(shared / "data" / "ucf101_core10" / row["path"]) as video:
                for timestamp, image in video:
                    if timestamp >= 8.0:
                        break
                    yield image

    return write_video(tmp_path_factory.mktemp("scenes") / "scenes.mp4", frames())


@pytest.fixture(scope="module")
def embedding_once(recognizer: edgevid.Recognizer) -> Iterator[edgevid.Recognizer]:
    """The shipped bundle, changed to embed equal pictures only once: for tests over the same video."""
    embed, seen = recognizer.embedders[0].embed, {}

    def embed_once(sample: Sample) -> np.ndarray:
        key = hashlib.sha1(sample.frames[-1].tobytes()).digest()
        if key not in seen:
            seen[key] = embed(sample)
        return seen[key].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognizer.embedders[0], "embed", embed_once)
        yield recognizer


class TestEqualsStream:
    @pytest.mark.parametrize(("options", "smoothing", "window_seconds", "hop"), CASES, ids=IDS)
    def test_real_clips_joined(
        self,
        embedding_once: edgevid.Recognizer,
        scenes: Path,
        options: EventOptions,
        smoothing: Optional[Smoothing],
        window_seconds: Optional[float],
        hop: int,
    ):
        recognizer = embedding_once
        if smoothing is not None:
            smoothing.reset()
        streamed = stream_events(recognizer, scenes, options, smoothing, window_seconds, hop)
        stream = StreamOptions(window_seconds=window_seconds, hop=hop, rolling=False)
        offline = find_events(recognizer, scenes, options=options, smoothing=smoothing, stream=stream)
        assert_same(offline, streamed)
        # most of the eleven scenes are recognised, for the bundle was trained on these clips
        assert len({event.label for event in offline}) >= 5

    def test_every_window_of_real_clips(self, embedding_once: edgevid.Recognizer, scenes: Path):
        offline = predictions(embedding_once, scenes, hop=7)
        streamed = list(embedding_once.stream(scenes, StreamOptions(hop=7)))
        assert len(offline) == len(streamed) > 30
        for one, other in zip(offline, streamed):
            assert (one.timestamp, one.start_timestamp) == (other.timestamp, other.start_timestamp)
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=TOLERANCE)

    @pytest.mark.parametrize("fps", [4.0, 25.0], ids=["slower than the samples", "faster"])
    def test_synthetic_video(self, recognizer: edgevid.Recognizer, make_video, fps: float):
        frames = np.concatenate([moving_frames(int(3 * fps), 64, 48, seed=seed) for seed in range(3)])
        path, options = make_video("clip.avi", frames, fps), EventOptions(0.2, 0.15, 0.0)
        offline = predictions(recognizer, path, window_seconds=2.5)
        streamed = list(recognizer.stream(path, StreamOptions(window_seconds=2.5)))
        assert len(offline) == len(streamed) > 20
        for one, other in zip(offline, streamed):
            assert (one.labels, one.threshold, one.timestamp, one.start_timestamp, one.window_filled) == (
                other.labels, other.threshold, other.timestamp, other.start_timestamp, other.window_filled,
            )  # fmt: skip
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=TOLERANCE)
        events = find_events(recognizer, path, options=options, stream=StreamOptions(window_seconds=2.5))
        assert_same(events, stream_events(recognizer, path, options, None, 2.5, 1))
        assert events


def counting() -> Counting:
    """A window is of class "b" from 40 to 79."""
    return Counting(lambda last: float(40 <= last < 80))


def predictions(recognizer: edgevid.Recognizer, video: Any, **options: Any) -> list[Prediction]:
    """The predictions that :func:`find_events` makes a video's events from: each window run as a whole."""
    source = open_stream_source(video)
    stream = recognizer.open_stream(StreamOptions(rolling=False, **options))
    followed = [one for one in follow(stream, source) if one is not None]
    if source is not video:
        source.close()
    return [one.prediction for one in followed if one.prediction is not None]


def numbered(count: int, fps: float = 10.0) -> list[TimedFrame]:
    return [TimedFrame(k / fps, numbered_frame(k)) for k in range(count)]


class TestFindEvents:
    def test_events_of_a_video(self):
        events = find_events(counting(), numbered(100), options=EventOptions(min_seconds=1.0))
        assert events == [
            Began("a", 3.4, 1.0), Ended("a", 4.0, pytest.approx(0.6), 1.0, 0),
            Began("b", 5.0, 1.0), Ended("b", 8.0, 3.0, 1.0, 0),
            Began("a", 9.0, 1.0), Ended("a", 9.9, pytest.approx(0.9), 1.0, 0),
        ]  # fmt: skip

    @pytest.mark.parametrize("hop", [1, 3, 25, 40])
    def test_windows_are_those_due_after_25_samples_and_then_at_each_hop(self, hop: int):
        counted = counting()
        predictions(counted, numbered(300, fps=30.0), hop=hop)
        assert counted.embedded == list(range(0, 300, 3))
        assert counted.windows == [list(range(3 * last - 72, 3 * last + 1, 3)) for last in range(24, 100, hop)]

    def test_one_frame_that_stands_for_many_samples_gives_one_prediction(self):
        counted = counting()
        got = predictions(counted, [*numbered(30), TimedFrame(500.0, numbered_frame(99))])
        assert [item.timestamp for item in got] == [2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 500.0]
        assert counted.windows[-1] == [99] * 25

    def test_a_window_that_ends_within_a_frames_samples_ends_there(self):
        # each frame but the first stands for 5 samples; due are the windows up to samples 25, 27, 29 and 31
        counted = counting()
        got = predictions(counted, numbered(7, fps=2.0), hop=2)
        assert [item.timestamp for item in got] == [2.5, 3.0]
        assert counted.windows[0] == [0, *np.repeat([1, 2, 3, 4, 5], [5, 5, 5, 5, 4])]
        assert counted.windows[1] == np.repeat([2, 3, 4, 5, 6], 5).tolist()

    def test_video_shorter_than_a_window_has_no_predictions_and_no_events(self):
        assert predictions(counting(), numbered(24)) == []
        assert find_events(counting(), numbered(24)) == []

    def test_smoothing_is_used_and_begins_anew_each_time(self):
        smoothing, options = MeanSmoothing(10), EventOptions(min_seconds=0.0)
        first = find_events(counting(), numbered(100), options=options, smoothing=smoothing)
        assert find_events(counting(), numbered(100), options=options, smoothing=smoothing) == first
        assert [event.timestamp for event in first if event.label == "b"] == [pytest.approx(4.5), pytest.approx(8.5)]

    def test_smoothing_may_be_told_in_words(self):
        options = EventOptions(min_seconds=0.0)
        in_words = find_events(counting(), numbered(100), options=options, smoothing="mean:10")
        assert in_words == find_events(counting(), numbered(100), options=options, smoothing=MeanSmoothing(10))
        with pytest.raises(OptionError, match="The smoothing 'much' was given"):
            find_events(counting(), numbered(100), smoothing="much")

    def test_memory_does_not_grow_with_the_video(self):
        class Plain(Numbers):
            dim = 1280

            def embed(self, sample: Sample) -> np.ndarray:
                return np.zeros(1280, np.float32)

        class Undecided(Windows):
            dim = 1280

            def predict(self, window: Window) -> np.ndarray:
                return np.array([0.5, 0.5], np.float32)

        plain = edgevid.Recognizer([Plain()], Undecided(float), "ab", window_seconds=2.5)

        def used(count: int) -> int:
            video = ((k / 10, numbered_frame(k % 40)) for k in range(count))
            tracemalloc.start()
            try:
                find_events(plain, video)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        used(100)
        assert used(2000) < 1.2 * used(200)


class TestSources:
    def test_a_file_that_it_opened_is_closed_and_the_callers_own_is_not(
        self, make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ):
        closed: list[str] = []
        monkeypatch.setattr(VideoFile, "close", lambda self: closed.append(self.name))
        path = make_video("clip.mp4", 30)
        find_events(counting(), path)
        assert closed == [str(path)]
        find_events(counting(), VideoFile(path))
        assert closed == [str(path)]

    def test_a_camera_is_refused_and_one_that_it_opened_is_closed(self, monkeypatch: pytest.MonkeyPatch):
        class Endless(Source):
            name, live, closed = "camera 0", True, False

            def close(self) -> None:
                self.closed = True

        with pytest.raises(OptionError, match=r"comes first: find_events\(edgevid\.load\(\)"):
            find_events("clip.mp4", counting())
        own, opened = Endless(), Endless()
        with pytest.raises(OptionError, match=r"camera 0 never ends; follow it with recognizer\.stream"):
            find_events(counting(), own)
        assert not own.closed
        monkeypatch.setattr("edgevid.offline.open_source", lambda video, colour: opened)
        with pytest.raises(OptionError, match="never ends"):
            find_events(counting(), 0)
        assert opened.closed

    def test_a_file_that_is_not_there(self):
        with pytest.raises(SourceError, match="No such file"):
            find_events(counting(), "no such file.mp4")

    def test_frames_out_of_order_are_refused(self):
        with pytest.raises(TimestampError, match="before the last one"):
            find_events(counting(), [*numbered(3), TimedFrame(0.0, numbered_frame(0))])

    @pytest.mark.parametrize("hop", [0, -1, 1.5, True, None])
    def test_hop_that_is_no_int_above_0_is_refused(self, hop: object):
        with pytest.raises(OptionError, match="expected an int of 1 or more"):
            find_events(counting(), numbered(3), stream=StreamOptions(hop=hop))

    def test_window_that_is_no_time_span_is_refused(self):
        with pytest.raises(OptionError, match=r"expected a number of seconds from 0\.001 to 86400"):
            find_events(counting(), numbered(3), stream=StreamOptions(window_seconds=0))


class TestFramesWithoutTimes:
    """They are as far apart as ``fps`` says, however fast they come."""

    def test_they_have_events(self):
        frames = [numbered_frame(k) for k in range(100)]
        timed = find_events(counting(), numbered(100))
        for video in (frames, iter(frames), np.stack(frames)):
            assert find_events(counting(), video, fps=10) == timed
        assert {event.label for event in timed} == {"a", "b"}

    def test_25_a_second_unless_told(self):
        frames = [numbered_frame(k // 2) for k in range(250)]
        told = find_events(counting(), ((k / 25, frame) for k, frame in enumerate(frames)))
        assert find_events(counting(), frames) == told
        assert told

    @pytest.mark.parametrize("fps", [0, -1, float("nan"), "25"])
    def test_fps_that_is_no_rate_is_refused(self, fps: object):
        with pytest.raises(OptionError, match=r"fps=.* was given; expected a number above 0"):
            find_events(counting(), [numbered_frame(0)], fps=fps)
