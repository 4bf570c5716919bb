"""edgevid.sources.picamera, with a stand-in that behaves like the package picamera2."""

from __future__ import annotations

import builtins
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.cameras import Statuses, camera_threads
from support.fake_picamera2 import Sensor, plug_picamera2
from support.waiting import wait_until

import edgevid
from edgevid import ExtraNotInstalledError, OptionError, SourceError, StreamOptions
from edgevid.sources import PiCamera, live
from edgevid.support.retry import Retry


@pytest.fixture
def sensor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sensor]:
    monkeypatch.setattr(live, "Retry", lambda: Retry(0.02))
    yield from plug_picamera2(monkeypatch)
    wait_until(lambda: not camera_threads(), 10)


def take(camera: PiCamera, count: int) -> list[edgevid.TimedFrame]:
    frames = camera.frames()
    return [next(frames) for _ in range(count)]


class TestFrames:
    def test_colours_are_rgb(self, sensor: Sensor):
        sensor.scene[:] = (200, 100, 10)
        with PiCamera() as camera:
            (frame,) = take(camera, 1)
        assert (frame.image.dtype, frame.image.shape) == (np.uint8, (480, 640, 3))
        assert frame.image[0, 0].tolist() == [200, 100, 10]

    def test_size_and_rate_are_asked_of_the_camera(self, sensor: Sensor):
        with PiCamera(width=320, height=240, fps=50) as camera:
            (frame,) = take(camera, 1)
        assert frame.image.shape == (240, 320, 3)
        assert sensor.opened[0]["controls"]["FrameDurationLimits"] == (20000, 20000)

    def test_only_wanted_frames_are_copied(self, sensor: Sensor):
        with PiCamera(fps=200) as camera:
            frames = camera.frames(lambda timestamp: sensor.frames % 4 == 0)
            for _ in range(3):
                next(frames)
            assert sensor.arrays == 3
            stats = camera.stats()
        assert stats.used == 3
        assert stats.unwanted >= 3

    def test_buffers_are_given_back(self, sensor: Sensor):
        """More frames than the camera has buffers, used and unused."""
        with PiCamera(fps=500) as camera:
            assert len(take(camera, 40)) == 40
            wait_until(lambda: camera.stats().dropped > 40)

    def test_picture_stays_as_it_was(self, sensor: Sensor):
        with PiCamera(fps=100) as camera:
            (first,) = take(camera, 1)
            sensor.scene = np.full((48, 64, 3), 77, np.uint8)
            wait_until(lambda: take(camera, 1)[0].image[0, 0, 0] == 77)
        assert not first.image.any()

    def test_recogniser_streams_from_it(self, sensor: Sensor, recognizer: edgevid.Recognizer):
        predictions = recognizer.stream("picamera2", StreamOptions(window_seconds=0.5, min_filled=0))
        assert next(predictions).label in recognizer.labels
        predictions.close()


class TestTimestamps:
    @pytest.mark.parametrize("suspended_seconds", [0, 3600])
    @pytest.mark.parametrize("clock", ["CLOCK_BOOTTIME", "CLOCK_MONOTONIC"])
    def test_sensor_time_becomes_monotonic_time(
        self, sensor: Sensor, monkeypatch: pytest.MonkeyPatch, clock: str, suspended_seconds: int
    ):
        """libcamera documents one clock, its drivers use the other; they differ once the computer was suspended."""
        boottime = 7  # CLOCK_BOOTTIME on Linux
        monkeypatch.setattr(time, "CLOCK_BOOTTIME", boottime, raising=False)
        monkeypatch.setattr(time, "clock_gettime", lambda number: time.monotonic() + suspended_seconds, raising=False)
        ahead = suspended_seconds if clock == "CLOCK_BOOTTIME" else 0
        exposed: list[float] = []

        def sensor_clock() -> int:
            exposed.append(time.monotonic() - 0.02)  # the read-out takes its time
            return int((exposed[-1] + ahead) * 1e9)

        sensor.clock = sensor_clock
        with PiCamera() as camera:
            (frame,) = take(camera, 1)
        assert min(abs(frame.timestamp - time_) for time_ in exposed) < 0.001

    @pytest.mark.parametrize("clock", [None, lambda: 12], ids=["none", "unknown"])
    def test_without_a_sensor_time_that_can_be_believed_it_is_when_the_frame_came(self, sensor: Sensor, clock):
        sensor.clock = clock
        before = time.monotonic()
        with PiCamera() as camera:
            (frame,) = take(camera, 1)
        assert before < frame.timestamp <= time.monotonic()


class TestTrouble:
    def test_capture_that_times_out_is_a_loss_and_the_camera_comes_back(self, sensor: Sensor):
        statuses = Statuses()
        camera = PiCamera(timeout_seconds=0.5)
        camera.on_status = statuses
        with camera:
            frames = camera.frames()
            next(frames)
            sensor.streaming = False
            assert "gave no frame for 0.4 s; check its ribbon cable" in statuses.wait_for("lost").message
            sensor.streaming = True
            statuses.wait_for("reopened")
            next(frames)
            assert camera.restarts == 1
        assert len(sensor.opened) >= 2

    def test_capture_that_fails_is_a_loss(self, sensor: Sensor):
        statuses = Statuses()
        camera = PiCamera()
        camera.on_status = statuses
        with camera:
            frames = camera.frames()
            next(frames)
            sensor.failing = RuntimeError("Camera frontend has timed out!")
            assert "Camera frontend has timed out!" in statuses.wait_for("lost").message
            sensor.failing = None
            next(frames)
            wait_until(lambda: camera.stats().restarts == 1)

    def test_closing_while_a_capture_blocks_does_not_hang(self, sensor: Sensor):
        sensor.streaming = False
        camera = PiCamera(timeout_seconds=100)
        start = time.monotonic()
        camera.close()
        assert time.monotonic() - start < 40  # 2 s, and much patience with a busy computer; the capture waits for 80
        assert sensor.open_cameras  # the thread in the driver still uses it
        sensor.streaming = True
        wait_until(lambda: not sensor.open_cameras)

    def test_camera_that_is_not_there(self, sensor: Sensor):
        with pytest.raises(SourceError, match=r"camera picamera2:7 does not open: .*rpicam-hello --list-cameras"):
            PiCamera(7)

    def test_camera_that_is_in_use(self, sensor: Sensor):
        with (
            PiCamera(0),
            pytest.raises(SourceError, match=r"camera picamera2:0 does not open: .*no other program uses it"),
        ):
            PiCamera(0)

    def test_camera_that_does_not_start_is_closed(self, sensor: Sensor, monkeypatch: pytest.MonkeyPatch):
        def fail(self: Any) -> None:
            raise RuntimeError("Failed to start camera: Cannot allocate memory")

        monkeypatch.setattr(sys.modules["picamera2"].Picamera2, "start", fail)
        with pytest.raises(SourceError, match="does not open: Failed to start camera: Cannot allocate memory"):
            PiCamera()
        assert sensor.open_cameras == {}

    def test_closed_camera_is_free_for_the_next(self, sensor: Sensor):
        for _ in range(2):
            with PiCamera() as camera:
                take(camera, 1)

    @pytest.mark.parametrize("options", [{"index": -1}, {"index": True}, {"index": "0"}, {"width": 0}, {"height": 241},
                                         {"width": 64.0}, {"fps": 0}, {"fps": float("nan")}, {"timeout_seconds": 0}])  # fmt: skip
    def test_bad_options_are_refused(self, sensor: Sensor, options: dict[str, Any]):
        with pytest.raises(OptionError, match="expected"):
            PiCamera(**options)
        assert sensor.opened == []


class TestOpenSource:
    @pytest.mark.parametrize(("source", "index"), [("picamera2", 0), ("picamera2:0", 0), ("picamera2:1", 1)])
    def test_name_and_number(self, sensor: Sensor, source: str, index: int):
        with edgevid.open_source(source) as camera:
            assert isinstance(camera, PiCamera)
            assert camera.live
            assert camera.index == index
            assert camera.name == f"camera picamera2:{index}"

    def test_package_that_is_missing_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(sys.modules, "picamera2", None)
        with pytest.raises(ExtraNotInstalledError, match=r"sudo apt install python3-picamera2.*--system-site-packages"):
            edgevid.open_source("picamera2")

    def test_package_that_does_not_import_says_why(self, monkeypatch: pytest.MonkeyPatch):
        real = builtins.__import__

        def fail(name: str, *args: Any, **options: Any) -> Any:
            if name == "picamera2":
                raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")
            return real(name, *args, **options)

        monkeypatch.setattr(builtins, "__import__", fail)
        with pytest.raises(ExtraNotInstalledError, match=r"cannot be imported: numpy\.dtype size changed"):
            edgevid.open_source("picamera2")
