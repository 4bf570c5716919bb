"""edgevid.sources.playback and opening: a file as a camera would show it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Callable

import pytest
from support.cameras import Statuses
from support.videos import number_of

from edgevid import Camera, Recognizer, SourceError, StreamOptions, VideoFile
from edgevid.sources import playback
from edgevid.sources.opening import open_for_stream
from edgevid.sources.playback import Playback

MakeVideo = Callable[..., Path]


@pytest.fixture
def film(make_video: MakeVideo) -> Path:
    return make_video("film.avi", 5, 10.0)


def test_a_loop_begins_again_and_its_timestamps_go_on(film: Path):
    with Playback(VideoFile(film), realtime=False, loop=True) as source:
        seen = []
        for timed in source.frames_and_losses():
            assert timed is not None
            seen.append((round(timed.timestamp, 3), number_of(timed.image)))
            if len(seen) == 11:
                break
    assert seen == [(round(i / 10, 3), i % 5) for i in range(11)]
    assert source.stats().used == 11


def test_a_folder_of_pictures_is_looped_too(tmp_path: Path):
    from PIL import Image

    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    source = open_for_stream(str(tmp_path), loop=True)
    frames = iter(source)
    assert [next(frames).timestamp for _ in range(3)] == pytest.approx([0, 0.04, 0.08])


def test_frames_that_are_not_wanted_are_asked_for_in_its_own_time(film: Path):
    asked: list[float] = []
    with Playback(VideoFile(film), realtime=False, loop=True) as source:
        frames = source.frames(lambda timestamp: asked.append(timestamp) or timestamp > 0.75)  # type: ignore[func-returns-value]
        assert next(frames).timestamp == pytest.approx(0.8)
    assert asked == pytest.approx([i / 10 for i in range(9)])


class Clock:
    """A clock that advances only while it is waited for."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(playback, "time", clock)
    monkeypatch.setattr(threading.Event, "wait", lambda event, seconds: clock.wait(seconds))
    return clock


@pytest.mark.parametrize(
    ("pause", "shown"),
    [
        (0.15, [0.0, 0.1, 0.25, 0.3, 0.4]),  # a consumer that is a little late catches up
        (60.0, [0.0, 0.1, 60.1, 60.2, 60.3]),  # what a long pause left out is not shown in fast motion
    ],
)
def test_frames_come_when_they_are_due(film: Path, clock: Clock, pause: float, shown: list[float]):
    seen = []
    for timed in Playback(VideoFile(film)):
        seen.append(round(clock.now - 100, 3))
        if timed.timestamp == 0.1:
            clock.now += pause
    assert seen == shown


def test_closing_ends_a_wait_and_the_iteration(make_video: MakeVideo):
    source = Playback(VideoFile(make_video("slow.avi", 3, 0.01)), loop=True)
    source.on_status = statuses = Statuses()
    threading.Timer(0.2, source.close).start()
    began = time.monotonic()
    assert len(list(source)) == 1  # the next is due after 100 s
    assert time.monotonic() - began < 30
    assert statuses.states == ["opened", "ended"]


def test_a_file_that_is_gone_when_it_is_to_begin_again_is_a_failure(film: Path):
    source = Playback(VideoFile(film), realtime=False, loop=True)
    source.on_status = statuses = Statuses()
    frames = source.frames()
    for _ in range(5):
        next(frames)
    film.unlink()
    with pytest.raises(SourceError, match="No such file"):
        next(frames)
    assert statuses.states == ["opened", "failed"]


def test_only_files_are_played(film: Path, monkeypatch: pytest.MonkeyPatch):
    assert isinstance(open_for_stream(str(film), realtime=True), Playback)
    assert isinstance(open_for_stream(str(film)), VideoFile)
    camera = object.__new__(Camera)
    monkeypatch.setattr("edgevid.sources.opening.open_source", lambda source: camera)
    assert open_for_stream("0", realtime=True, loop=True, reconnect=False) is camera
    assert camera.reconnect is False


def test_the_window_of_a_stream_spans_the_seam(film: Path, motion_recognizer: Recognizer):
    predictions = []
    with Playback(VideoFile(film), realtime=False, loop=True) as source:
        for prediction in motion_recognizer.stream(
            source, StreamOptions(window_seconds=0.8, min_filled=1, reset_on_cut=False)
        ):
            predictions.append(prediction)
            if len(predictions) == 5:
                break
    assert predictions[0].start_timestamp is not None
    assert predictions[0].start_timestamp < 0.5 <= predictions[0].timestamp  # type: ignore[operator]
