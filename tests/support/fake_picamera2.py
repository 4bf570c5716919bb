"""A stand-in for the module ``picamera2`` that behaves like that package, for machines without its cameras.

It copies what code easily gets wrong: "RGB888" is B, G, R in memory; a camera can be opened only once at a time; only the newest
completed request is kept; a request that nobody releases keeps its buffer, and without a free buffer there are no frames; a
capture that times out leaves its job in the queue, where it takes the next request and blocks ``stop``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from types import ModuleType
from typing import Any, Callable, Optional

import numpy as np
import pytest


class Sensor:
    """What the cameras see, and the state that they are in.

    Attributes:
        scene: uint8 [H, W, 3] RGB; scaled to the configured size.
        streaming: False: the ribbon cable is loose; the camera opens, and there are no frames.
        clock: of ``SensorTimestamp``, in nanoseconds; None: there is no such key.
        failing: raised by the next captures.
        opened: the configurations of the cameras, as they were opened.
        open_cameras: the cameras that are not closed.
        frames: number of frames so far.
        arrays: how many pictures were copied out of a request.
    """

    def __init__(self) -> None:
        self.scene = np.zeros((48, 64, 3), np.uint8)
        self.present = True
        self.streaming = True
        self.clock: Optional[Callable[[], int]] = time.monotonic_ns
        self.failing: Optional[Exception] = None
        self.opened: list[dict[str, Any]] = []
        self.open_cameras: dict[int, Picamera2] = {}
        self.frames = 0
        self.arrays = 0
        self.misuse: list[str] = []


class Job:
    def __init__(self, function: Callable[[], tuple[bool, Any]]) -> None:
        self.function = function
        self.future: Future[Any] = Future()


class Request:
    def __init__(self, camera: Picamera2) -> None:
        self._camera = camera
        self._references = 1
        sensor = camera.sensor
        sensor.frames += 1
        self._metadata = {"ExposureTime": 9985, "FrameDuration": 33333, "Lux": 120.5, "AnalogueGain": 2.0}
        if sensor.clock is not None:
            self._metadata["SensorTimestamp"] = sensor.clock()
        width, height = camera.config["main"]["size"]
        scene = sensor.scene
        rows, columns = np.arange(height) * scene.shape[0] // height, np.arange(width) * scene.shape[1] // width
        self._rgb = scene[rows][:, columns]

    def get_metadata(self) -> dict[str, Any]:
        assert self._references > 0
        return dict(self._metadata)

    def make_array(self, name: str) -> np.ndarray:
        if name != "main":
            raise RuntimeError(f"Stream {name!r} is not defined")
        assert self._references > 0
        self._camera.sensor.arrays += 1
        opaque = np.full((*self._rgb.shape[:2], 1), 255, np.uint8)
        return {
            "BGR888": self._rgb.copy(),
            "RGB888": self._rgb[:, :, ::-1].copy(),
            "XBGR8888": np.concatenate([self._rgb, opaque], axis=2),
            "XRGB8888": np.concatenate([self._rgb[:, :, ::-1], opaque], axis=2),
        }[self._camera.config["main"]["format"]]

    def release(self) -> None:
        self._references -= 1
        if self._references < 0:
            self._camera.sensor.misuse.append("a request was released twice")
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self._camera.free_buffers += 1


class Picamera2:
    sensor: Sensor

    def __init__(self, camera_num: int = 0) -> None:
        self.started = self.is_open = False
        if camera_num > 1 or not self.sensor.present:
            raise IndexError("list index out of range")
        if camera_num in self.sensor.open_cameras:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.camera_num = camera_num
        self.is_open = True
        self.config: dict[str, Any] = {}
        self.lock = threading.RLock()
        self._jobs: list[Job] = []
        self._completed: list[Request] = []
        self.sensor.open_cameras[camera_num] = self

    def create_video_configuration(
        self, main: Optional[dict] = None, controls: Optional[dict] = None, buffer_count: int = 6, queue: bool = True
    ) -> dict[str, Any]:
        stream = {"format": "XBGR8888", "size": (1280, 720), **(main or {})}
        rate = {"FrameDurationLimits": (33333, 33333), **(controls or {})}
        return {"main": stream, "controls": rate, "buffer_count": buffer_count, "queue": queue}

    def configure(self, config: dict[str, Any]) -> None:
        width, height = config["main"]["size"]
        if width % 2 or height % 2:
            raise RuntimeError("width and height should be even")
        if config["main"]["format"] not in ("BGR888", "RGB888", "XBGR8888", "XRGB8888"):
            raise RuntimeError("Bad format " + config["main"]["format"] + " in stream main")
        self.config = config
        self.sensor.opened.append(config)

    def start(self) -> None:
        if not self.config:
            raise RuntimeError("Camera has not been configured")
        self.free_buffers = self.config["buffer_count"]
        self.started = True
        self._thread = threading.Thread(target=self._run, name="picamera2", daemon=True)
        self._thread.start()

    def capture_request(self, wait: Any = None, signal_function: Any = None) -> Any:
        def take() -> tuple[bool, Any]:
            if not self._completed:
                return False, None
            return True, self._completed.pop(0)

        if self.sensor.failing is not None:
            raise self.sensor.failing
        return self._dispatch(take, wait)

    def cancel_all_and_flush(self) -> None:
        with self.lock:
            for job in self._jobs:
                job.future.set_exception(CancelledError())
            self._jobs = []

    def stop(self) -> None:
        if self.started:
            self._dispatch(self._stop, True)

    def close(self) -> None:
        if not self.is_open:
            return
        self.stop()
        self.is_open = False
        del self.sensor.open_cameras[self.camera_num]

    def _stop(self) -> tuple[bool, Any]:
        self.started = False
        while self._completed:
            self._completed.pop(0).release()
        return True, None

    def _dispatch(self, function: Callable[[], tuple[bool, Any]], wait: Any) -> Any:
        job = Job(function)
        with self.lock:
            self._jobs.append(job)
        timeout = None if wait is True or wait is None else wait
        return job.future.result(timeout=timeout)

    def _run(self) -> None:
        """The event loop: frames come, jobs are served in order."""
        period = self.config["controls"]["FrameDurationLimits"][0] / 1e6
        due = time.monotonic()
        while self.started:
            time.sleep(0.001)
            with self.lock:
                if self.sensor.streaming and self.free_buffers and time.monotonic() >= due:
                    due = time.monotonic() + period
                    self.free_buffers -= 1
                    self._completed.append(Request(self))
                while self._jobs:
                    done, result = self._jobs[0].function()
                    if not done:
                        break
                    self._jobs.pop(0).future.set_result(result)
                while len(self._completed) > int(self.config["queue"]):
                    self._completed.pop(0).release()


def plug_picamera2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sensor]:
    """Puts the stand-in where ``import picamera2`` finds it; gives its sensor. At the end all cameras must be closed."""
    module = ModuleType("picamera2")
    sensor = Sensor()
    module.Picamera2 = type("Picamera2", (Picamera2,), {"sensor": sensor})  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "picamera2", module)
    yield sensor
    assert sensor.open_cameras == {}
    assert sensor.misuse == []
