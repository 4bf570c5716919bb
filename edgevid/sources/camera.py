"""Cameras and network streams that OpenCV reads."""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import Any, Optional, Union

from ..errors import EdgevidError, OptionError, SourceError
from ..support.checks import is_number, is_text, shown
from ..support.credentials import without_password
from ..support.native_log import silent_opencv
from .capture import LentCapture
from .limits import check_size
from .live import LiveSource
from .turns import opencv_turns

_URL_OPEN_SECONDS = 10.0
_INT_MAX = 2**31 - 1
_MEMORY_DEVICES = 1  # their major number on Linux
_CHECK_URL = "the address, the user name and password in it, and that the server runs."
_CHECK_DEVICE = (
    "that it is connected (ls /dev/video*), that you may read it (the group video) and that no other program uses it. A "
    "Raspberry Pi CSI camera is the source picamera2."
)


class Camera(LiveSource):
    """A camera (index or device path) or a network stream (RTSP or HTTP URL): always its newest frame.

    Timestamps are ``time.monotonic()`` at the moment a frame was grabbed. A lost camera or stream is reopened after 0.5 s, then
    less and less often, at least every 30 s; the iteration waits meanwhile. OpenCV cannot tell a stream that has
    ended from one that was lost: both are reopened.

    Args:
        device: index (0), device path ("/dev/video0") or URL ("rtsp://...").
        width, height, fps: requested from the camera, which may give something else.
        timeout_seconds: how long to wait for a frame before the camera counts as lost.
        reconnect: whether to reopen a lost camera; else its loss is an error.
        reconnect_seconds: give up on a lost camera after so long; default: never.

    Raises:
        SourceError: it does not open. Raised by the iteration: it was lost, and is not (or no longer) to be reopened.
    """

    def __init__(
        self,
        device: Union[int, str] = 0,
        *,
        width: Optional[int] = None,
        height: Optional[int] = None,
        fps: Optional[float] = None,
        timeout_seconds: float = 10.0,
        reconnect: bool = True,
        reconnect_seconds: Optional[float] = None,
    ) -> None:
        if not isinstance(device, str) and not (isinstance(device, int) and is_number(device, 0, _INT_MAX)):
            raise OptionError(
                f"The camera {shown(device)} was given; expected an index from 0, a device path or a URL."
            )
        if isinstance(device, str) and not is_text(device):
            raise SourceError(
                f"The name of the camera {device!a} is not valid text, which OpenCV needs; give another one."
            )
        if isinstance(device, str) and _is_memory(device):
            raise SourceError(f"{device} is not a camera; expected a device such as /dev/video0.")
        self.device = device
        super().__init__(
            f"camera {without_password(str(device))}",
            partial(
                _OpenCVCapture, device, {"FRAME_WIDTH": width, "FRAME_HEIGHT": height, "FPS": fps}, timeout_seconds
            ),
            timeout_seconds=timeout_seconds,
            reconnect=reconnect,
            reconnect_seconds=reconnect_seconds,
            turns=opencv_turns if isinstance(device, str) else None,  # FFmpeg opens device paths too
        )


def _is_memory(device: str) -> bool:
    """Whether it is a device without an end, such as /dev/zero, which FFmpeg would read for ever."""
    try:
        about = os.stat(device)  # noqa: PTH116 - it may be a URL
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(about.st_mode) and os.major(about.st_rdev) == _MEMORY_DEVICES


class _OpenCVCapture(LentCapture):
    """Opens a ``cv2.VideoCapture``, and releases it."""

    def __init__(self, device: Union[int, str], wishes: dict[str, Optional[float]], timeout_seconds: float) -> None:
        import cv2

        is_url = isinstance(device, str) and "://" in device
        arguments: list[object] = [device]
        # OpenCV has no timeouts before 4.5.2
        if is_url and hasattr(cv2, "CAP_PROP_READ_TIMEOUT_MSEC") and _has_ffmpeg():
            # FFmpeg itself gives up a little before a thread stuck in it would count as lost.
            read_ms = min(max(int(0.8 * timeout_seconds * 1000), 1), _INT_MAX)
            open_ms = int(_URL_OPEN_SECONDS * 1000)
            options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, open_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_ms]
            arguments += [cv2.CAP_FFMPEG, options]
        with silent_opencv():  # the error is reported below
            self._capture: Any = cv2.VideoCapture(*arguments)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(
                f"The camera {without_password(str(device))} does not open. Check {_CHECK_URL if is_url else _CHECK_DEVICE}"
            )
        try:
            width, height = (
                int(self._capture.get(getattr(cv2, f"CAP_PROP_FRAME_{side}"))) for side in ("WIDTH", "HEIGHT")
            )
            check_size(f"The camera {without_password(str(device))}", width, height)
        except EdgevidError:
            self._capture.release()
            raise
        for name, value in {**wishes, "BUFFERSIZE": 1}.items():  # the last is often ignored, never harmful
            if value is not None:
                self._capture.set(getattr(cv2, f"CAP_PROP_{name}"), value)

    def release(self) -> None:
        self._capture.release()


def _has_ffmpeg() -> bool:
    import cv2

    return cv2.CAP_FFMPEG in cv2.videoio_registry.getStreamBackends()
