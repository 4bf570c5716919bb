"""edgevid.sources.camera, with stand-ins that behave like OpenCV's captures."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from support.cameras import BlockingCamera, FakeCamera, camera_threads
from support.videos import number_of, numbered_frame

import edgevid
from edgevid import Camera, OptionError, SourceError, StreamOptions


def take(camera: Camera, count: int) -> list[edgevid.TimedFrame]:
    frames = camera.frames()
    return [next(frames) for _ in range(count)]


class TestFrames:
    def test_slow_consumer_gets_the_newest_frame_and_nothing_queues_up(self, plug):
        capture = plug(FakeCamera(period=0.004))
        with Camera(0) as camera:
            frames = camera.frames()
            for _ in range(8):
                asked_at = capture.grabbed
                assert number_of(next(frames).image) >= asked_at
                time.sleep(0.05)
            stats = camera.stats()
            assert stats.used == 8
            assert stats.dropped > stats.used
            assert stats.captured == stats.used + stats.dropped

    def test_frames_that_nobody_waits_for_are_not_decoded(self, plug):
        capture = plug(FakeCamera(period=0.002))
        with Camera(0) as camera:
            frames = camera.frames()
            for _ in range(5):
                next(frames)
                time.sleep(0.03)
            stats = camera.stats()
        assert len(capture.retrieved) == stats.used == 5
        assert stats.captured > 10

    def test_only_wanted_frames_are_decoded(self, plug):
        capture = plug(FakeCamera(period=0.001))
        with Camera(0) as camera:
            frames = camera.frames(lambda timestamp: capture.grabbed % 10 == 0)
            got = [number_of(next(frames).image) for _ in range(3)]
        assert [number % 10 for number in got] == [0, 0, 0]
        stats = camera.stats()
        assert all(number % 10 == 0 for number in capture.retrieved)
        assert stats.used == 3
        assert stats.unwanted > stats.used

    def test_bgr_becomes_rgb_once(self, plug):
        capture = plug(FakeCamera())
        blue_in_bgr = np.zeros((48, 64, 3), np.uint8)
        blue_in_bgr[:, :, 0] = 200
        capture.retrieve = lambda: (True, blue_in_bgr)
        with Camera(0) as camera:
            ((_, image),) = take(camera, 1)
        assert (image.dtype, image.shape) == (np.uint8, (48, 64, 3))
        assert image[0, 0].tolist() == [0, 0, 200]

    def test_timestamps_are_monotonic_seconds_at_the_grab(self, plug):
        plug(FakeCamera(period=0.01))
        with Camera(0) as camera:
            start = time.monotonic()
            times = [frame.timestamp for frame in take(camera, 5)]
            end = time.monotonic()
        assert start <= times[0]
        assert times[-1] <= end
        assert (np.diff(times) > 0.005).all()

    def test_camera_is_live_and_a_context_manager(self, plug):
        capture = plug(FakeCamera())
        with edgevid.open_source(0) as camera:
            assert isinstance(camera, Camera)
            assert camera.live
            assert camera.name == "camera 0"
        assert capture.released.is_set()

    def test_a_grab_that_fails_now_and_then_is_passed_over(self, plug):
        capture = plug(FakeCamera())
        real, calls = capture.grab, iter(range(10**6))
        capture.grab = lambda: next(calls) % 4 == 3 and real()
        with Camera(0, timeout_seconds=5) as camera:
            assert len(take(camera, 5)) == 5

    def test_recogniser_streams_from_a_camera(self, plug, recognizer: edgevid.Recognizer):
        capture = plug(FakeCamera(period=0.005))
        capture.retrieve = lambda: (True, numbered_frame(7))
        with Camera(0) as camera:
            predictions = recognizer.stream(camera, StreamOptions(window_seconds=0.5, min_filled=0))
            got = [next(predictions) for _ in range(3)]
        assert got[0].label in recognizer.labels
        assert got[0].timestamp < got[1].timestamp < got[2].timestamp

    def test_camera_that_the_stream_opened_is_closed_with_it(self, plug, recognizer: edgevid.Recognizer):
        capture = plug(FakeCamera())
        predictions = recognizer.stream("/dev/video0", StreamOptions(min_filled=0))
        next(predictions)
        predictions.close()
        assert capture.released.is_set()


class TestTrouble:
    """A camera that is not reopened; for the others see test_sources_reconnect.py."""

    def test_camera_that_does_not_open_says_what_to_check(self):
        with pytest.raises(SourceError, match=r"camera 99 does not open.*ls /dev/video.*picamera2"):
            Camera(99)
        assert camera_threads() == []

    def test_device_that_does_not_exist_does_not_open(self):
        with pytest.raises(SourceError, match="/dev/video987 does not open"):
            edgevid.open_source("/dev/video987")

    @pytest.mark.parametrize("device", [-1, True, None, 1.5])
    def test_what_is_no_camera_is_refused(self, device: object):
        with pytest.raises(OptionError, match="expected an index from 0, a device path or a URL"):
            Camera(device)

    @pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "10"])
    def test_timeout_that_is_no_time_is_refused(self, plug, timeout: float):
        plug(FakeCamera())
        with pytest.raises(OptionError, match="expected a number of seconds above 0"):
            Camera(0, timeout_seconds=timeout)

    def test_camera_that_stops_raises_and_says_after_how_many_frames(self, plug):
        capture = plug(FakeCamera(frames=3))
        with (
            Camera(0, reconnect=False) as camera,
            pytest.raises(SourceError, match=r"camera 0 stopped giving frames after 3; check"),
        ):
            list(camera)
        assert capture.released.is_set()

    def test_stopped_camera_raises_each_time(self, plug):
        plug(FakeCamera(frames=0))
        with Camera(0, reconnect=False) as camera:
            for _ in range(2):
                with pytest.raises(SourceError, match="stopped giving frames after 0"):
                    next(iter(camera))

    def test_camera_that_hangs_raises_after_the_timeout(self, plug):
        capture = plug(BlockingCamera(frames=2))
        with Camera(0, timeout_seconds=0.3, reconnect=False) as camera:
            start = time.monotonic()
            with pytest.raises(SourceError, match=r"gave no frame for 0\.3 s; check its cable or network"):
                list(camera)
            assert time.monotonic() - start > 0.25
            assert capture.opens == 1

    def test_closing_a_camera_that_hangs_does_not_hang(self, plug):
        capture = plug(BlockingCamera(frames=0))
        camera = Camera(0)
        start = time.monotonic()
        camera.close()
        assert time.monotonic() - start < 30  # it would block for 60
        assert not capture.released.is_set()  # the thread in the driver still uses it
        capture.unblock.set()
        assert capture.released.wait(30)

    def test_camera_whose_frames_cannot_be_decoded_raises_after_the_timeout(self, plug):
        capture = plug(FakeCamera())
        capture.retrieve = lambda: (False, None)
        with (
            Camera(0, timeout_seconds=0.3, reconnect=False) as camera,
            pytest.raises(SourceError, match=r"gave no frame for 0\.3 s"),
        ):
            next(iter(camera))

    def test_camera_that_lives_is_waited_for_while_no_frame_is_wanted(self, plug):
        plug(FakeCamera())
        start = time.monotonic()
        with Camera(0, timeout_seconds=0.3, reconnect=False) as camera:
            frame = next(camera.frames(lambda timestamp: timestamp > start + 0.8))
        assert frame.timestamp > start + 0.8

    def test_error_in_the_question_whether_a_frame_is_wanted_reaches_the_consumer_as_it_is(self, plug):
        plug(FakeCamera())
        with Camera(0) as camera:
            with pytest.raises(ZeroDivisionError):
                next(camera.frames(lambda timestamp: 1 / 0 > 0))
            assert len(take(camera, 3)) == 3  # the camera itself works
            assert camera.restarts == 0

    def test_error_in_the_driver_reaches_the_consumer(self, plug):
        capture = plug(FakeCamera())

        def fail() -> bool:
            raise RuntimeError("USB device vanished")

        capture.grab = fail
        with (
            Camera(0, reconnect=False) as camera,
            pytest.raises(SourceError, match="camera 0 failed: USB device vanished"),
        ):
            next(iter(camera))
        assert capture.released.is_set()

    def test_picture_that_opencv_cannot_convert_is_an_error_not_a_dead_thread(self, plug):
        capture = plug(FakeCamera())
        capture.retrieve = lambda: (True, np.zeros((0, 0, 3), np.uint8))
        with Camera(0, reconnect=False) as camera, pytest.raises(SourceError, match="camera 0 failed: "):
            next(iter(camera))


class TestClosing:
    def test_close_from_another_thread_ends_the_iteration(self, plug):
        plug(BlockingCamera(frames=3))
        camera = Camera(0, timeout_seconds=60)
        closer = threading.Timer(0.2, camera.close)
        closer.start()
        start = time.monotonic()
        assert len(list(camera)) <= 3
        assert time.monotonic() - start < 30  # it would block for 60
        closer.join()

    def test_close_frees_the_camera_and_leaves_no_thread(self, plug):
        capture = plug(FakeCamera())
        camera = Camera(0)
        take(camera, 2)
        assert len(camera_threads()) == 1
        camera.close()
        assert capture.released.is_set()
        assert camera_threads() == []

    def test_closing_twice_is_fine_and_nothing_comes_after(self, plug):
        plug(FakeCamera())
        camera = Camera(0)
        frames = camera.frames()
        next(frames)
        camera.close()
        camera.close()
        assert list(frames) == []
        assert list(camera) == []

    def test_leaving_the_with_block_by_an_error_closes_too(self, plug):
        capture = plug(FakeCamera())
        with pytest.raises(KeyError), Camera(0):
            raise KeyError
        assert capture.released.is_set()

    def test_frame_of_an_interrupted_wait_is_not_handed_out_later(self, plug):
        capture = plug(FakeCamera(period=0.01))
        with Camera(0) as camera:
            real = camera._condition.wait

            def interrupted(timeout: float) -> bool:
                while camera._slot is None:  # a frame comes, and with it Ctrl-C
                    real(0.5)
                camera._condition.wait = real
                raise KeyboardInterrupt

            camera._condition.wait = interrupted
            with pytest.raises(KeyboardInterrupt):
                next(camera.frames())
            time.sleep(0.1)
            asked_at = capture.grabbed
            assert number_of(next(camera.frames()).image) >= asked_at


class TestOpenSource:
    @pytest.mark.parametrize("source", [0, "0", "12", "/dev/video0", "rtsp://host/stream", "HTTP://host/x.mjpg"])
    def test_index_device_and_url_are_cameras(self, plug, source: object):
        plug(FakeCamera())
        with edgevid.open_source(source) as camera:
            assert isinstance(camera, Camera)
            assert camera.device == (int(source) if str(source).isdecimal() else source)

    def test_device_may_be_a_path(self, plug):
        plug(FakeCamera())
        with edgevid.open_source(Path("/dev/video0")) as camera:
            assert isinstance(camera, Camera)

    @pytest.mark.parametrize("source", ["²", "1.5", "clip.mp4", "video0", ""])
    def test_other_strings_are_files(self, source: str):
        with pytest.raises(SourceError, match=r"No such file|is not a file"):
            edgevid.open_source(source)

    def test_a_source_is_itself(self, plug):
        plug(FakeCamera())
        with Camera(0) as camera:
            assert edgevid.open_source(camera) is camera
