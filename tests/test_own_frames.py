"""Frames of the caller's own: BGR, of ``cv2.VideoCapture`` objects, of async iterables, with odd timestamps or none."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Callable, Optional

import cv2
import numpy as np
import pytest
from support.cameras import FakeCamera
from support.stand_ins import LABELS, SECONDS, StandInRecognizer, picture, video
from support.videos import moving_frames, number_of
from support.waiting import reached

import edgevid
from edgevid import EdgevidWarning, FrameError, OptionError, SourceError, StreamOptions
from edgevid.pace import ArrivalClock, PauseWatch
from edgevid.sources import open_capture
from edgevid.sources.sequence import FrameIterable


@pytest.fixture
def blue() -> np.ndarray:
    """RGB frames in which red means a jump, which BGR mistakes for blue."""
    frames = np.zeros((6, 8, 8, 3), np.uint8)
    frames[..., 0] = 200
    return frames


def bgr(frames: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frames[..., ::-1])


class TestColour:
    """``StandInRecognizer`` reads the first channel of a frame: red."""

    def test_frames_of_opencv_are_classified_as_what_they_show(self, stand_in: StandInRecognizer, blue: np.ndarray):
        given = bgr(blue)
        before = given.copy()
        assert stand_in.classify(given).label == "idle"
        assert stand_in.classify(given, colour="bgr") == stand_in.classify(blue)
        assert stand_in.classify(list(given), colour="bgr").label == "jump"
        np.testing.assert_array_equal(given, before)

    def test_frames_that_are_pushed_are_converted(self, stand_in: StandInRecognizer, blue: np.ndarray):
        right, converted = stand_in.open_stream(), stand_in.open_stream(colour="bgr")
        for k, (frame, opencv) in enumerate(zip(blue, bgr(blue))):
            assert converted.push(opencv, k * SECONDS) == right.push(frame, k * SECONDS)

    def test_frames_of_iterables_are_converted_wherever_they_go(self, stand_in: StandInRecognizer, blue: np.ndarray):
        timed = [(k * SECONDS, frame) for k, frame in enumerate(bgr(blue))]
        assert {p.label for p in stand_in.stream(timed, colour="bgr")} == {"jump"}
        with stand_in.start(timed, colour="bgr") as runner:
            runner.wait(20)
        assert runner.latest.label == "jump"
        np.testing.assert_array_equal(runner.latest_sampled.frame, blue[-1])  # what outputs draw
        began = edgevid.find_events(stand_in, timed, colour="bgr", options=edgevid.EventOptions(min_seconds=0))
        assert {event.label for event in began} == {"jump"}

    def test_the_real_embedders_see_the_same(self, recognizer: edgevid.Recognizer):
        frames = moving_frames(5, 64, 48)
        given = recognizer.classify(bgr(frames), colour="bgr")
        assert given == recognizer.classify(frames)
        assert given != recognizer.classify(bgr(frames))

    def test_a_file_is_what_it_is_whatever_is_said(self, stand_in: StandInRecognizer, make_video: Callable[..., Path]):
        clip = make_video(frames=bgr(np.full((6, 48, 64, 3), (200, 0, 0), np.uint8))[..., ::-1])
        assert stand_in.classify(clip, colour="bgr") == stand_in.classify(clip)
        assert list(stand_in.stream(clip, colour="bgr")) == list(stand_in.stream(clip))

    @pytest.mark.parametrize("colour", ["BGR", "grey", None, 3])
    def test_another_colour_is_refused_at_once(self, stand_in: StandInRecognizer, blue: np.ndarray, colour: Any):
        for call in (
            lambda: stand_in.classify(blue, colour=colour),
            lambda: stand_in.open_stream(colour=colour),
            lambda: stand_in.stream(blue, colour=colour),
            lambda: stand_in.astream(blue, colour=colour),
            lambda: stand_in.start(blue, colour=colour),
            lambda: edgevid.open_source(blue, colour=colour),
        ):
            with pytest.raises(OptionError, match=r"colour=.* was given; expected 'rgb', or 'bgr'"):
                call()

    def test_what_is_no_frame_is_refused_in_either_colour(self, stand_in: StandInRecognizer):
        with pytest.raises(FrameError, match="greyscale"):
            stand_in.open_stream(colour="bgr").push(np.zeros((8, 8), np.uint8), 0.0)
        with pytest.raises(FrameError, match="0 frames"):
            stand_in.classify([], colour="bgr")


class TestVideoCapture:
    def test_of_a_file_each_frame_comes_with_its_time_in_rgb_and_it_stays_open(self, make_video: Callable[..., Path]):
        frames = np.full((12, 48, 64, 3), (200, 30, 30), np.uint8)
        capture = cv2.VideoCapture(str(make_video(frames=frames, fps=12.5)))
        capture.grab()  # the caller has looked at the first
        states = []
        with edgevid.open_source(capture) as source:
            source.on_status = lambda status: states.append(status.state)
            assert not source.live
            seen = list(source)
        assert [frame.timestamp for frame in seen] == pytest.approx([k / 12.5 for k in range(1, 12)])
        assert np.abs(seen[-1].image.mean(axis=(0, 1)) - (200, 30, 30)).max() < 12
        assert states == ["opened", "ended"]
        assert capture.isOpened()
        capture.release()

    def test_it_streams_as_the_file_does(self, motion_recognizer: edgevid.Recognizer, make_video: Callable[..., Path]):
        clip = make_video(frames=moving_frames(100, 64, 48))
        early = StreamOptions(min_filled=0.2)
        capture = cv2.VideoCapture(str(clip))
        found = list(motion_recognizer.stream(capture, early))
        assert len(found) > 2
        assert found == list(motion_recognizer.stream(clip, early))
        capture.release()

    def test_of_a_camera_the_newest_frame_comes_and_it_stays_open(self):
        camera = FakeCamera(period=0.002)
        capture = camera.open(0)
        with edgevid.open_source(capture) as source:
            assert source.live
            frames = iter(source)
            first = next(frames)
            assert reached(lambda: camera.grabbed > number_of(first.image) + 10)
            second = next(frames)
        assert number_of(second.image) > number_of(first.image) + 9
        assert first.timestamp < second.timestamp <= time.monotonic()
        assert capture.isOpened()
        assert reached(lambda: not [t for t in threading.enumerate() if "VideoCapture" in t.name])

    def test_who_knows_better_says_whether_it_is_live(self):
        capture = FakeCamera(period=0.0, frames=5).open(0)
        with open_capture(capture, live=False) as source:
            assert [number_of(frame.image) for frame in source] == [1, 2, 3, 4, 5]

    def test_a_camera_that_stops_is_told(self, stand_in: StandInRecognizer):
        capture, states = FakeCamera(frames=10).open(0), []
        with pytest.raises(SourceError, match="stopped giving frames after 10"):
            stand_in.start(capture, on_status=lambda status: states.append(status.state)).wait(20)
        assert states == ["opened", "failed"]

    def test_one_that_is_not_open_is_refused(self):
        with pytest.raises(SourceError, match=r"cv2\.VideoCapture was given that is not open"):
            edgevid.open_source(cv2.VideoCapture())


async def timed(jumps: list[float]) -> AsyncIterator[Any]:
    for item in video(jumps):
        await asyncio.sleep(0)
        yield item


class TestAsync:
    def test_async_frames_give_what_a_loop_over_them_gives(self, stand_in: StandInRecognizer):
        async def run() -> list[edgevid.Prediction]:
            return [prediction async for prediction in stand_in.astream(timed([0, 1, 1, 0.5, 0]), smoothing="mean:2")]

        assert asyncio.run(run()) == list(stand_in.stream(video([0, 1, 1, 0.5, 0]), smoothing="mean:2"))

    def test_the_event_loop_goes_on_while_the_networks_run(self):
        looped, busy = threading.Event(), []
        recognizer = StandInRecognizer(lambda: busy.append(looped.wait(20)))

        async def tick() -> None:
            looped.set()

        async def run() -> list[edgevid.Prediction]:
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(tick()))
            return [prediction async for prediction in recognizer.astream(timed([0, 1, 1]))]

        assert len(asyncio.run(run())) == 2
        assert busy == [True] * 3

    def test_colours_and_wrong_frames(self, stand_in: StandInRecognizer, blue: np.ndarray):
        async def frames(images: Any) -> AsyncIterator[Any]:
            for k, image in enumerate(images):
                yield k * SECONDS, image

        async def run(images: Any) -> set[str]:
            return {prediction.label async for prediction in stand_in.astream(frames(images), colour="bgr")}

        assert asyncio.run(run(bgr(blue))) == {"jump"}
        with pytest.raises(FrameError):
            asyncio.run(run([np.zeros((3, 3))]))

    def test_each_kind_of_source_says_what_it_is_for(self, stand_in: StandInRecognizer):
        async def run() -> None:
            async for _ in stand_in.astream(0):
                pass

        with pytest.raises(SourceError, match=r"int was given to astream.*async for prediction in runner"):
            asyncio.run(run())
        with pytest.raises(SourceError, match=r"async for prediction in recognizer\.astream"):
            next(stand_in.stream(timed([0])))


class Ticking:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("edgevid.pace.time.monotonic", lambda: self.now)

    def frames(self, fps: float, count: int, clock: Optional[ArrivalClock] = None) -> ArrivalClock:
        clock = ArrivalClock() if clock is None else clock
        for _ in range(count):
            clock.now()
            self.now += 1 / fps
        return clock


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Ticking:
    return Ticking(monkeypatch)


@pytest.fixture
def quiet() -> Iterator[None]:
    """There are no warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", EdgevidWarning)
        yield


class TestPace:
    @pytest.mark.parametrize(("fps", "count"), [(600.0, 700), (1000.0, 400), (5000.0, 250), (1e6, 201)])
    def test_frames_faster_than_any_camera_are_warned_of_once(self, ticking: Ticking, fps: float, count: int):
        with pytest.warns(EdgevidWarning, match=r"faster than any camera.*push\(frame, timestamp\)") as told:
            ticking.frames(fps, 5 * count, ticking.frames(fps, count))
        assert len(told) == 1
        assert told[0].filename == __file__

    @pytest.mark.parametrize("fps", [0.1, 5, 30, 120, 240, 330, 399])
    def test_no_camera_is_warned_of(self, ticking: Ticking, quiet: None, fps: float):
        ticking.frames(fps, 10_000)

    def test_nor_is_one_whose_frames_pile_up_in_its_driver_and_its_network(self, ticking: Ticking, quiet: None):
        clock = ArrivalClock()
        for _ in range(20):
            ticking.frames(30.0, 100, clock)
            ticking.now += 6.0  # the caller was busy
            ticking.frames(5000.0, 6 * 30, clock)

    @pytest.mark.parametrize("apart", [40.0, 33_366.7, 4e7])
    def test_milliseconds_for_seconds_are_warned_of_once_a_stream(self, stand_in: StandInRecognizer, apart: float):
        stream = stand_in.open_stream()
        with pytest.warns(EdgevidWarning, match=r"frames lie .* s apart, but a window spans 0\.2 s.*by 1000") as told:
            pushed = [stream.push(picture(0), k * apart) for k in range(100)]
        assert len(pushed) == 100
        assert [one.filename for one in told] == [__file__]

    def test_a_film_without_its_timestamps_is_warned_of(self, stand_in: StandInRecognizer):
        stream, frame = stand_in.open_stream(), picture(0)
        with pytest.warns(EdgevidWarning, match="faster than any camera"):
            assert [stream.push(frame) for _ in range(5000)]
        with pytest.warns(EdgevidWarning, match="faster than any camera"):
            list(stand_in.stream([frame] * 5000))

    def test_cameras_with_pauses_and_losses_are_not_warned_of(self, quiet: None):
        watch, now = PauseWatch(2.0), 0.0
        for fps in (30.0, 5.0, 0.6):
            for k in range(200):
                now += 1 / fps if k % 5 else 60.0  # every fifth frame comes after a minute's silence
                watch.take(now)
        for _ in range(20):  # a loss in between: another scene
            watch.take(now)
            now += 100.0
            watch.reset()

    def test_a_stream_with_good_timestamps_is_not_warned_of(self, stand_in: StandInRecognizer, quiet: None):
        assert len(list(stand_in.stream(video([0.5] * 300)))) == 299
        assert len(list(FrameIterable(video([0.5] * 300)))) == 300
        assert stand_in.labels == LABELS
