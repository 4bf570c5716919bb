"""Stand-ins for cameras: they replace ``cv2.VideoCapture``, and work and fail as it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable, Optional

import cv2
import numpy as np
import pytest

from edgevid.sources import SourceStatus, live
from edgevid.support.retry import Retry

from .system import threads_named
from .videos import numbered_frame
from .waiting import wait_until


class FakeCamera:
    """A camera that gives numbered frames at a fixed rate, as a driver does: ``grab`` waits for the next.

    ``open`` takes the place of ``cv2.VideoCapture``. Tests replace ``grab`` and ``retrieve``, or set:

    Attributes:
        frames: after this many, no more come.
        present: whether it is plugged in. While it is not, no grab succeeds and no capture opens.
        opens: how often it was opened or tried to be.
        open_times: when, on ``time.monotonic()``.
        faults: what would have crashed OpenCV.
    """

    def __init__(self, period: float = 0.004, frames: float = float("inf")) -> None:
        self.period, self.frames = period, frames
        self.present = True
        self.grabbed = 0
        self.retrieved: list[int] = []
        self.released = threading.Event()
        self.unblock = threading.Event()  # set at the end of the test, so that no thread stays in a blocked call
        self.captures: list[FakeCapture] = []
        self.open_times: list[float] = []
        self.faults: list[str] = []

    @property
    def opens(self) -> int:
        return len(self.open_times)

    def open(self, device: object, *options: object) -> FakeCapture:
        self.open_times.append(time.monotonic())
        self.before_open()
        capture = FakeCapture(self, self.present)
        self.captures.append(capture)
        return capture

    def before_open(self) -> None:
        """For cameras that block."""

    def grab(self) -> bool:
        if not self.present:
            return False
        if self.grabbed >= self.frames:
            return self.at_the_end()
        time.sleep(self.period)
        self.grabbed += 1
        return True

    def at_the_end(self) -> bool:
        return False

    def retrieve(self) -> tuple[bool, Optional[np.ndarray]]:
        self.retrieved.append(self.grabbed)
        return True, numbered_frame(self.grabbed % 4096)


class FakeCapture:
    """The capture of an opened :class:`FakeCamera`. Never raises by itself, like OpenCV's."""

    def __init__(self, camera: FakeCamera, is_open: bool) -> None:
        self._camera = camera
        self._open = is_open
        self._thread = threading.current_thread()
        self.released = False
        self.properties: dict[int, float] = {}
        if is_open:
            camera.released.clear()

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._open

    def get(self, name: int) -> float:
        return self.properties.get(name, 0.0)

    def set(self, prop: int, value: float) -> bool:
        self.properties[prop] = value
        return True

    def grab(self) -> bool:
        self._check("grab")
        return self._open and self._camera.grab()

    def retrieve(self) -> tuple[bool, Optional[np.ndarray]]:
        self._check("retrieve")
        return self._camera.retrieve() if self._open else (False, None)

    def release(self) -> None:
        self._check("release")
        self.released = True
        if self._open:
            self._camera.released.set()
        self._open = False

    def _check(self, call: str) -> None:
        if self.released and call != "release":
            self._camera.faults.append(f"{call} after release")
        if threading.current_thread() is not self._thread:
            self._camera.faults.append(f"{call} from another thread than the one that opened")


class BlockingCamera(FakeCamera):
    """After its last frame ``grab`` sets ``blocks`` and waits until ``unblock`` is set; then there are frames again."""

    def __init__(self, period: float = 0.004, frames: float = float("inf")) -> None:
        super().__init__(period, frames)
        self.blocks = threading.Event()

    def at_the_end(self) -> bool:
        self.blocks.set()
        self.unblock.wait(60)
        self.frames = float("inf")
        return False


class Statuses(list[SourceStatus]):
    """An ``on_status`` that keeps the statuses."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = threading.Condition()

    def __call__(self, status: SourceStatus) -> None:
        with self._condition:
            self.append(status)
            self._condition.notify_all()

    @property
    def states(self) -> list[str]:
        return [status.state for status in self]

    def wait_for(self, state: str, seconds: float = 30.0) -> SourceStatus:
        """The first status of this state; waits until there is one."""
        with self._condition:
            assert self._condition.wait_for(lambda: state in self.states, seconds), f"{state!r} is not in {self.states}"
            return self[self.states.index(state)]


def camera_threads() -> list[threading.Thread]:
    return threads_named("edgevid camera")


@contextmanager
def plugging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeCamera]]:
    """Gives ``plug(camera, device=None)``: from now on ``device`` (default: every one) is this camera.

    A lost camera is opened again after 0.02 s. At the end no camera's thread may be left, and nothing may have been done that
    crashes OpenCV.
    """
    plugged: list[tuple[object, FakeCamera]] = []

    def open_device(device: object, *options: object) -> FakeCapture:
        camera = next(camera for known, camera in reversed(plugged) if known in (None, device))
        return camera.open(device, *options)

    def plug(camera: FakeCamera, device: object = None) -> FakeCamera:
        plugged.append((device, camera))
        monkeypatch.setattr(cv2, "VideoCapture", open_device)
        return camera

    monkeypatch.setattr(live, "Retry", lambda: Retry(0.02))
    yield plug
    for _, camera in plugged:
        camera.unblock.set()
    wait_until(lambda: not camera_threads(), 10)
    assert [fault for _, camera in plugged for fault in camera.faults] == []
