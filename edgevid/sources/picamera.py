"""Raspberry Pi CSI cameras, through picamera2."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from functools import partial
from typing import Any, Optional

from ..errors import ExtraNotInstalledError, OptionError, SourceError
from ..frames import Frame
from .live import LiveSource

# libcamera's names give the order of the bits in a word, not of the bytes in memory: in "BGR888" a pixel is R, G, B.
_RGB_IN_MEMORY = "BGR888"
_MAX_AGE_SECONDS = 5.0


class PiCamera(LiveSource):
    """A Raspberry Pi CSI camera, read with picamera2: always its newest frame.

    Timestamps are those of the sensor, when the frame's first row was exposed, on ``time.monotonic()``. A camera that is lost is
    opened again, after 0.5 s and then ever more seldom up to each 30 s, while the iteration waits.

    Args:
        index: the camera's number, as ``rpicam-hello --list-cameras`` counts them.
        width, height: of the frames, even; the image processor of the Pi scales for nothing.
        fps: frames a second; default: picamera2's, 30.
        timeout_seconds: how long to wait for a frame before the camera counts as lost.
        reconnect: whether a lost camera is opened again; else its loss is an error.
        reconnect_seconds: give a lost camera up after so long; default: never.

    Raises:
        ExtraNotInstalledError: picamera2 is not there. SourceError: it does not open. Raised by the iteration: it is
            lost, and not to be opened (any longer).
    """

    def __init__(
        self,
        index: int = 0,
        *,
        width: int = 640,
        height: int = 480,
        fps: Optional[float] = None,
        timeout_seconds: float = 10.0,
        reconnect: bool = True,
        reconnect_seconds: Optional[float] = None,
    ) -> None:
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise OptionError(f"The camera picamera2:{index!r} was asked for; expected a number from 0.")
        for option, pixels in (("width", width), ("height", height)):
            if isinstance(pixels, bool) or not isinstance(pixels, int) or pixels < 2 or pixels % 2:
                raise OptionError(f"{option}={pixels!r} was given; expected an even number of pixels from 2.")
        if fps is not None and (isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= 1000):
            raise OptionError(f"fps={fps!r} was given; expected a number of frames a second above 0.")
        self.index = index
        super().__init__(
            f"camera picamera2:{index}",
            partial(_PicameraCapture, _import_picamera2(), index, (width, height), fps, timeout_seconds),
            timeout_seconds=timeout_seconds,
            reconnect=reconnect,
            reconnect_seconds=reconnect_seconds,
        )

    def __enter__(self) -> PiCamera:
        return self


class _PicameraCapture:
    """A running ``Picamera2``. Holds at most one of its requests, for it has only a few buffers."""

    def __init__(
        self, module: Any, index: int, size: tuple[int, int], fps: Optional[float], timeout_seconds: float
    ) -> None:
        self._timeout_seconds = 0.8 * timeout_seconds  # gives up a little before a stuck thread would count as lost
        self._request: Any = None
        try:
            self._camera = module.Picamera2(index)
        except Exception as error:
            raise SourceError(_does_not_open(index, error)) from error
        try:
            controls = {} if fps is None else {"FrameDurationLimits": (round(1e6 / fps), round(1e6 / fps))}
            main = {"format": _RGB_IN_MEMORY, "size": size}
            self._camera.configure(self._camera.create_video_configuration(main=main, controls=controls))
            self._camera.start()
        except Exception as error:
            with contextlib.suppress(Exception):
                self._camera.close()
            raise SourceError(_does_not_open(index, error)) from error

    def grab(self) -> Optional[float]:
        self._let_go()
        try:
            self._request = self._camera.capture_request(wait=self._timeout_seconds)
        except (TimeoutError, concurrent.futures.TimeoutError):  # two classes before Python 3.11
            # What was asked for would still be served one day, and nobody would give the buffer back: no second try.
            raise SourceError(
                f"The Raspberry Pi camera gave no frame for {self._timeout_seconds:g} s; check its ribbon cable."
            ) from None
        return _monotonic(self._request.get_metadata().get("SensorTimestamp"))

    def retrieve(self) -> Optional[Frame]:
        frame: Frame = self._request.make_array("main")  # a copy
        self._let_go()
        return frame

    def release(self) -> None:
        with contextlib.suppress(Exception):
            self._let_go()
        # After a timeout the question still stands before the one to stop, which would wait for it for ever.
        cancel = getattr(self._camera, "cancel_all_and_flush", None)
        if cancel is not None:
            with contextlib.suppress(Exception):
                cancel()
        self._camera.close()  # stops it first

    def _let_go(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()


def _monotonic(sensor_nanoseconds: Optional[int]) -> float:
    """The sensor's time on the clock of ``time.monotonic()``.

    libcamera documents CLOCK_BOOTTIME; the Pi's drivers use CLOCK_MONOTONIC. They differ by the time that the computer was
    suspended, so that only one of them gives a time shortly before now.
    """
    now = time.monotonic()
    if sensor_nanoseconds is None:
        return now
    seconds = sensor_nanoseconds / 1e9
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    suspended = 0.0 if boottime is None else time.clock_gettime(boottime) - now
    for candidate in (seconds - suspended, seconds):
        if 0 <= now - candidate < _MAX_AGE_SECONDS:
            return candidate
    return now


def _import_picamera2() -> Any:
    try:
        import picamera2
    except ModuleNotFoundError as error:
        raise ExtraNotInstalledError(
            f"A Raspberry Pi CSI camera needs picamera2, which is not there ({error}). It comes with Raspberry Pi OS, not with "
            "pip: sudo apt install python3-picamera2, and make the virtual environment with "
            "python3 -m venv --system-site-packages, with the system's own Python."
        ) from error
    except Exception as error:  # libraries that do not fit together, such as NumPy 2 over the system's
        raise ExtraNotInstalledError(
            f"picamera2 is installed, but cannot be imported: {error}. It needs the packages of Raspberry Pi OS: keep to the "
            "versions of NumPy and OpenCV that apt installs beside python3-picamera2."
        ) from error
    return picamera2


def _does_not_open(index: int, error: Exception) -> str:
    return (
        f"The camera picamera2:{index} does not open: {error}. Check its ribbon cable, that rpicam-hello --list-cameras "
        "shows it, and that no other program uses it."
    )
