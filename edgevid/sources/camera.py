"""Live cameras and network streams: always the newest frame, never a stale buffer.

OpenCV and camera drivers buffer frames, so a consumer that is slower than the camera would see older and older pictures. A
thread of its own therefore grabs every frame and decodes only the one that the consumer waits for.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from typing import Any, Optional, Union

from ..errors import OptionError, SourceError
from .base import Source, TimedFrame, Wanted

# A camera may skip a frame now and then; so many in a row mean that it is gone.
_MAX_FAILED_GRABS = 5
_CLOSE_SECONDS = 2.0


class Camera(Source):
    """A camera (index or device path) or a network stream (RTSP or HTTP URL).

    Timestamps are ``time.monotonic()`` at the moment a frame was grabbed.

    Attributes:
        frames_captured: frames the camera gave.
        frames_used: frames handed to the consumer; the others were dropped in favour of newer ones.

    Args:
        device: index (0), device path ("/dev/video0") or URL ("rtsp://...").
        width, height, fps: what to ask the camera for; it may give something else.
        timeout_seconds: how long to wait for a frame before the camera counts as gone.

    Raises:
        SourceError: it does not open. Raised by the iteration: it stopped.
    """

    live = True

    def __init__(
        self,
        device: Union[int, str] = 0,
        *,
        width: Optional[int] = None,
        height: Optional[int] = None,
        fps: Optional[float] = None,
        timeout_seconds: float = 10.0,
    ) -> None:
        if isinstance(device, bool) or not isinstance(device, (int, str)) or (isinstance(device, int) and device < 0):
            raise OptionError(f"The camera {device!r} was asked for; expected an index from 0, a device path or a URL.")
        if not timeout_seconds > 0:
            raise OptionError(f"timeout_seconds={timeout_seconds!r} was given; expected a number of seconds above 0.")
        self.device = device
        self.name = f"camera {device}"
        self.timeout_seconds = timeout_seconds
        self.frames_captured = 0
        self.frames_used = 0
        self._capture = _open_capture(device, width, height, fps)
        self._condition = threading.Condition()
        self._wanted: Optional[Wanted] = None  # set while the consumer waits for a frame
        self._slot: Optional[TimedFrame] = None
        self._error: Optional[SourceError] = None
        self._unwanted_at = -math.inf  # then the camera lived, though its frame was not wanted
        self._closing = False
        self._thread = threading.Thread(target=self._read, name=f"edgevid {self.name}", daemon=True)
        self._thread.start()

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        while True:
            frame = self._next(wanted or _every)
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Stop the thread and free the camera; never waits for a read that blocks longer than 2 s."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_SECONDS)

    def __enter__(self) -> Camera:
        return self

    def _next(self, wanted: Wanted) -> Optional[TimedFrame]:
        """Wait for the next wanted frame; None once closed."""
        started = time.monotonic()
        with self._condition:
            self._wanted = wanted
            try:
                while self._slot is None:
                    if self._error is not None:
                        raise self._error
                    if self._closing:
                        return None
                    remaining = max(started, self._unwanted_at) + self.timeout_seconds - time.monotonic()
                    if remaining <= 0:
                        raise SourceError(
                            f"The {self.name} gave no frame for {self.timeout_seconds:g} s; check its cable or network."
                        )
                    self._condition.wait(min(remaining, 0.5))
                frame, self._slot = self._slot, None
                self.frames_used += 1
                return frame
            finally:
                self._wanted = self._slot = None  # an interrupted wait leaves no frame to go stale

    def _read(self) -> None:
        try:
            self._read_until_closed()
        except Exception as error:  # an unknown driver error must reach the consumer, not die with this thread
            self._fail(SourceError(f"The {self.name} failed: {error}"))
        finally:
            self._capture.release()

    def _read_until_closed(self) -> None:
        import cv2

        failed = 0
        while not self._closing:
            if not self._capture.grab():
                failed += 1
                if failed >= _MAX_FAILED_GRABS:
                    self._fail(
                        SourceError(
                            f"The {self.name} stopped giving frames after {self.frames_captured}; "
                            "check that it is connected and that no other program uses it."
                        )
                    )
                    return
                time.sleep(0.01)
                continue
            failed = 0
            timestamp = time.monotonic()
            self.frames_captured += 1
            wanted = self._wanted
            if wanted is None or not wanted(timestamp):
                self._unwanted_at = timestamp
                continue
            good, image = self._capture.retrieve()
            if not good or image is None:
                continue
            frame = TimedFrame(timestamp, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            with self._condition:
                if self._wanted is not None:
                    self._slot = frame
                    self._wanted = None
                    self._condition.notify_all()

    def _fail(self, error: SourceError) -> None:
        with self._condition:
            self._error = error
            self._condition.notify_all()


def _every(timestamp: float) -> bool:
    return True


def _open_capture(device: Union[int, str], width: Optional[int], height: Optional[int], fps: Optional[float]) -> Any:
    import cv2

    capture = cv2.VideoCapture(device)
    if not capture.isOpened():
        capture.release()
        raise SourceError(
            f"The camera {device} does not open. Check that it is connected (ls /dev/video*), that you may read it (the group "
            "video) and that no other program uses it; for a URL check the address. Raspberry Pi CSI cameras need picamera2."
        )
    for prop, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, width),
        (cv2.CAP_PROP_FRAME_HEIGHT, height),
        (cv2.CAP_PROP_FPS, fps),
        (cv2.CAP_PROP_BUFFERSIZE, 1),  # often ignored, never harmful
    ):
        if value is not None:
            capture.set(prop, value)
    return capture
