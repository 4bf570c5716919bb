"""Raspberry Pi CSI cameras, through picamera2."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from functools import partial
from typing import Any, Optional

from ..errors import ExtraNotInstalledError, OptionError, SourceError
from ..frames import Frame
from ..support.checks import check_int, check_number
from .live import LiveSource

# libcamera's names give the order of the bits in a word, not of the bytes in memory: in "BGR888" a pixel is R, G, B.
_RGB_IN_MEMORY = "BGR888"
_MAX_AGE_SECONDS = 5.0


class PiCamera(LiveSource):
    """A Raspberry Pi CSI camera, read with picamera2: always its newest frame.

    Timestamps are those of the sensor, when the frame's first row was exposed, on ``time.monotonic()``. A lost camera is
    handled as by :class:`~edgevid.Camera`.

    Args:
        index: the camera's number in ``rpicam-hello --list-cameras``.
        width, height: size of the frames, even numbers; the Pi's image processor scales at no cost.
        fps: frames per second; default: picamera2's, 30.
        timeout_seconds, reconnect, reconnect_seconds: as for :class:`~edgevid.Camera`.

    Raises:
        ExtraNotInstalledError: picamera2 is not installed. SourceError: it does not open. Raised by the iteration: it was
            lost, and is not (or no longer) to be reopened.
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
        self.index = check_int("index", index, 0)
        for name, pixels in (("width", width), ("height", height)):
            if check_int(name, pixels, 2) % 2:
                raise OptionError(f"{name}={pixels!r} was given; expected an even number of pixels.")
        if fps is not None:
            check_number("fps", fps, 0, 1000, above_low=True, unit="frames a second")
        super().__init__(
            f"camera picamera2:{index}",
            partial(_PicameraCapture, _import_picamera2(), index, (width, height), fps, timeout_seconds),
            timeout_seconds=timeout_seconds,
            reconnect=reconnect,
            reconnect_seconds=reconnect_seconds,
        )


class _PicameraCapture:
    """A running ``Picamera2``. Holds at most one of its requests, because it has only a few buffers."""

    def __init__(
        self, module: Any, index: int, size: tuple[int, int], fps: Optional[float], timeout_seconds: float
    ) -> None:
        self._timeout_seconds = 0.8 * timeout_seconds  # a little before a stuck thread would count as lost
        self._request: Any = None
        camera = None
        try:
            self._camera = camera = module.Picamera2(index)
            controls = {} if fps is None else {"FrameDurationLimits": (round(1e6 / fps), round(1e6 / fps))}
            main = {"format": _RGB_IN_MEMORY, "size": size}
            camera.configure(camera.create_video_configuration(main=main, controls=controls))
            camera.start()
        except Exception as error:
            if camera is not None:
                with contextlib.suppress(Exception):
                    camera.close()
            raise SourceError(
                f"The camera picamera2:{index} does not open: {error}. Check its ribbon cable, that rpicam-hello "
                "--list-cameras shows it, and that no other program uses it."
            ) from error

    def grab(self) -> Optional[float]:
        self._let_go()
        try:
            self._request = self._camera.capture_request(wait=self._timeout_seconds)
        except (TimeoutError, concurrent.futures.TimeoutError):  # two classes before Python 3.11
            # No second try: the pending request would still be served one day, and nobody would return the buffer.
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
        with contextlib.suppress(Exception):
            # After a timeout the request is still queued before the stop, which would wait for it for ever.
            self._camera.cancel_all_and_flush()  # older versions lack it
        self._camera.close()  # stops it first

    def _let_go(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()


def _monotonic(sensor_nanoseconds: Optional[int]) -> float:
    """Convert the sensor's time to the clock of ``time.monotonic()``.

    libcamera documents CLOCK_BOOTTIME; the Pi's drivers use CLOCK_MONOTONIC. They differ by the time that the computer was
    suspended, so only one of them gives a time shortly before now.
    """
    now = time.monotonic()
    if sensor_nanoseconds is None:
        return now
    seconds = sensor_nanoseconds / 1e9
    suspended = time.clock_gettime(time.CLOCK_BOOTTIME) - now if hasattr(time, "CLOCK_BOOTTIME") else 0.0
    likely = (time_ for time_ in (seconds - suspended, seconds) if 0 <= now - time_ < _MAX_AGE_SECONDS)
    return next(likely, now)


def _import_picamera2() -> Any:
    try:
        import picamera2
    except ModuleNotFoundError as error:
        raise ExtraNotInstalledError(
            f"A Raspberry Pi CSI camera needs picamera2, which is not there ({error}). It comes with Raspberry Pi OS, not with "
            "pip: sudo apt install python3-picamera2, and make the virtual environment with "
            "python3 -m venv --system-site-packages, with the system's own Python."
        ) from error
    except Exception as error:  # incompatible libraries, such as NumPy 2 over the system's
        raise ExtraNotInstalledError(
            f"picamera2 is installed, but cannot be imported: {error}. It needs the packages of Raspberry Pi OS: use the "
            "versions of NumPy and OpenCV that apt installs beside python3-picamera2."
        ) from error
    return picamera2
