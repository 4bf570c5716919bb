"""A clip of frames that have been seen already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import pytest
from support.videos import number_of, numbered_frame

from edgevid import Source, SourceError, TimedFrame
from edgevid.recording.recent import RecentFrames
from edgevid.sources.base import Wanted


class Camera(Source):
    """Ten frames a second; lost and opened again before the frame of each number in ``losses``."""

    name, live = "camera", True

    def __init__(self, count: int, losses: tuple[int, ...] = ()) -> None:
        self._count, self._losses = count, losses

    def frames_and_losses(self, wanted: Optional[Wanted] = None) -> Iterator[Optional[TimedFrame]]:
        for number in range(self._count):
            if number in self._losses:
                yield None
                self.restarts += 1
            if wanted is None or wanted(number / 10):
                yield TimedFrame(number / 10, numbered_frame(number))


def numbers(recent: RecentFrames, since: float = 0.0) -> list[int]:
    return [number_of(frame.image) for frame in recent.take("wave", since).frames()]


def test_frames_are_handed_on_and_the_last_seconds_kept():
    recent = RecentFrames(Camera(30), 1.0)
    seen = list(recent.frames(lambda timestamp: round(timestamp * 10) % 2 == 0))
    assert [number_of(frame.image) for frame in seen] == list(range(0, 30, 2))
    assert numbers(recent) == [18, 20, 22, 24, 26, 28], "what was handed on, of the last second"
    assert numbers(recent, since=2.4) == [24, 26, 28]
    assert recent.take("clap", 2.4).label == "clap"
    with pytest.raises(SourceError, match="expected 2 or more"):
        recent.take("wave", 2.8)


def test_what_came_before_a_loss_is_forgotten():
    camera = Camera(20, losses=(15,))
    recent = RecentFrames(camera, 10.0)
    frames = list(recent.frames_and_losses())
    assert frames.index(None) == 15
    assert numbers(recent) == [15, 16, 17, 18, 19]
    assert recent.restarts == camera.restarts == 1


def test_states_are_the_sources_own():
    camera = Camera(1)
    recent = RecentFrames(camera, 1.0)
    told = []
    recent.on_status = told.append
    assert camera.on_status == recent.on_status == told.append
    assert (recent.name, recent.live, recent.stats()) == ("camera", True, camera.stats())
