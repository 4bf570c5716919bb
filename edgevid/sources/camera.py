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

    Timestamps are ``time.monotonic()`` at the moment a frame was grabbed. A camera or stream that is lost is opened again, after
    0.5 s and then ever more seldom up to each 30 s, while the iteration waits. OpenCV cannot tell a stream that has
    ended from one that was lost: both are opened again.

    Args:
        device: index (0), device path ("/dev/video0") or URL ("rtsp://...").
        width, height, fps: what to ask the camera for; it may give something else.
        timeout_seconds: how long to wait for a frame before the camera counts as lost.
        reconnect: whether a lost camera is opened again; else its loss is an error.
        reconnect_seconds: give a lost camera up after so long; default: never.

    Raises:
        SourceError: it does not open. Raised by the iteration: it is lost, and not to be opened (any longer).
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
                f"The camera {shown(device)} was asked for; expected an index from 0, a device path or a URL."
            )
        if isinstance(device, str) and not is_text(device):
            raise SourceError(
                f"The name of the camera {device!a} is not valid text, which OpenCV needs; give another one."
            )
        if isinstance(device, str) and _is_memory(device):
            raise SourceError(f"{device} is no camera; expected a device such as /dev/video0.")
        self.device = device
        super().__init__(
            f"camera {without_password(str(device))}",
            partial(
                _OpenCVCapture, device, {"FRAME_WIDTH": width, "FRAME_HEIGHT": height, "FPS": fps}, timeout_seconds
            ),
            timeout_seconds=timeout_seconds,
            reconnect=reconnect,
            reconnect_seconds=reconnect_seconds,
            turns=opencv_turns if isinstance(device, str) else None,  # FFmpeg is asked for a device's path too
        )


def _is_memory(device: str) -> bool:
    """Whether it is one of the devices that end never, such as /dev/zero, which FFmpeg would read for ever."""
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
        # before OpenCV 4.5.2 there are no timeouts
        if is_url and hasattr(cv2, "CAP_PROP_READ_TIMEOUT_MSEC") and _has_ffmpeg():
            # FFmpeg gives up by itself, a little before a thread that is stuck in it would count as lost.
            read_ms = min(max(int(0.8 * timeout_seconds * 1000), 1), _INT_MAX)
            open_ms = int(_URL_OPEN_SECONDS * 1000)
            options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, open_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_ms]
            arguments += [cv2.CAP_FFMPEG, options]
        with silent_opencv():  # what is wrong is said below
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
