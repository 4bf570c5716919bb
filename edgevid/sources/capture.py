"""Open ``cv2.VideoCapture`` objects: their properties, and the caller's own as sources."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol

from ..errors import SourceError
from ..frames import BGR, Frame, to_rgb
from .base import Source
from .live import LiveSource
from .sequence import SequenceSource

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

_DEFAULT_FPS = 25.0
_TIMEOUT_SECONDS = 10.0
_METHODS = ("isOpened", "get", "grab", "retrieve")
_NAME = "cv2.VideoCapture"


class VideoCapture(Protocol):
    """The methods used of a ``cv2.VideoCapture``, or of a substitute."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name

    def get(self, propId: int) -> float: ...  # noqa: N803 - OpenCV's name

    def grab(self) -> bool: ...

    def retrieve(self) -> tuple[bool, Any]: ...


def is_capture(source: Any) -> TypeGuard[VideoCapture]:
    """Whether it is a ``cv2.VideoCapture``, or looks like one."""
    return all(callable(getattr(source, method, None)) for method in _METHODS)


def open_capture(capture: VideoCapture, *, live: Optional[bool] = None) -> Source:
    """Make a source from a ``cv2.VideoCapture`` that the caller has opened. It is not released; nobody else may read it.

    Frames start at its current position. They are converted from OpenCV's BGR. A file's frames wait to be used and have the
    file's own times. From a camera or network stream, the newest frame is used; a thread grabs it, and its time is
    ``time.monotonic()`` when it was grabbed. A camera that stops giving frames is an error; it is not reopened.

    Args:
        live: whether it is a camera or a network stream. Default: it is if OpenCV gives no number of frames.

    Raises:
        SourceError: it is not open. Raised by the iteration: the camera is lost.
    """
    if not capture.isOpened():
        raise SourceError(f"A {_NAME} was given that is not open; check the number, path or URL that it was made with.")
    if frame_count(capture) == 0 if live is None else live:
        return _LentCamera(capture)
    return _LentFile(capture)


def frame_rate(capture: VideoCapture) -> float:
    """Nominal frames per second; 25 if unknown."""
    import cv2

    fps = capture.get(cv2.CAP_PROP_FPS)
    return float(fps) if math.isfinite(fps) and 0 < fps <= 1000 else _DEFAULT_FPS


def frame_count(capture: VideoCapture) -> int:
    """The number of frames that a file's container declares, which may be wrong; 0 if it declares none."""
    import cv2

    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if math.isfinite(count) and 0 < count < 2**40 else 0


def grabbed_at(capture: VideoCapture, last: float, fps: float) -> float:
    """The time of the frame just grabbed from a file, in seconds from its start: after ``last``, or 0.

    If a container gives no times, or the same time again, the nominal rate is used.
    """
    import cv2

    timestamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
    if not math.isfinite(timestamp) or timestamp <= last:
        timestamp = last + 1.0 / fps
    return max(timestamp, 0.0)


class LentCapture:
    """An open ``cv2.VideoCapture`` of a camera, which is not released."""

    def __init__(self, capture: VideoCapture) -> None:
        self._capture = capture

    def grab(self) -> Optional[float]:
        return time.monotonic() if self._capture.grab() else None

    def retrieve(self) -> Optional[Frame]:
        good, image = self._capture.retrieve()
        return to_rgb(image, BGR) if good and image is not None else None

    def release(self) -> None:
        """Do nothing: the owner releases it."""


class _LentCamera(LiveSource):
    def __init__(self, capture: VideoCapture) -> None:
        opened = partial(LentCapture, capture)
        super().__init__(_NAME, opened, timeout_seconds=_TIMEOUT_SECONDS, reconnect=False, reconnect_seconds=None)


class _LentFile(SequenceSource):
    name = _NAME

    def __init__(self, capture: VideoCapture) -> None:
        self._capture = capture
        self._fps = frame_rate(capture)
        self._timestamp = -1.0 / self._fps

    def _items(self) -> Iterator[tuple[float, Callable[[], Frame]]]:
        while self._capture.grab():
            self._timestamp = grabbed_at(self._capture, self._timestamp, self._fps)
            yield self._timestamp, self._retrieve

    def _retrieve(self) -> Frame:
        good, image = self._capture.retrieve()
        if not good:
            raise SourceError(f"A frame at {self._timestamp:.2f} s of a {_NAME} cannot be decoded.")
        return to_rgb(image, BGR)
