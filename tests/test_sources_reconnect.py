"""Cameras that go away and come back, block, or answer late: edgevid.sources.live through Camera."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any, Callable, Optional

import cv2
import numpy as np
import pytest
from support.cameras import BlockingCamera, FakeCamera, Statuses, camera_threads
from support.stand_ins import StandInRecognizer, picture
from support.videos import number_of
from support.waiting import wait_until

from edgevid import Camera, OptionError, SourceError, TimedFrame, VideoFile
from edgevid.events import Began, Ended, Event, EventOptions
from edgevid.sources import live, turns
from edgevid.support.retry import Retry


class Consumer:
    """A thread that takes frames, and records with each how often the source was reopened."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.got: list[tuple[int, int]] = []
        self.error: Optional[Exception] = None
        self._thread = threading.Thread(target=self._take)

    def __enter__(self) -> Consumer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.camera.close()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _take(self) -> None:
        try:
            for frame in self.camera:
                self.got.append((number_of(frame.image), self.camera.restarts))
        except SourceError as error:
            self.error = error

    def wait_for_frames(self, count: int = 1) -> None:
        """Until ``count`` more frames came."""
        enough = len(self.got) + count
        wait_until(lambda: len(self.got) >= enough or self.error)


class TestUnplugged:
    def test_camera_that_comes_back_is_opened_again_while_the_iteration_waits(self, plug):
        fake = plug(FakeCamera())
        with Camera(0) as camera, Consumer(camera) as consumer:
            consumer.wait_for_frames(2)
            fake.present = False
            wait_until(lambda: fake.opens >= 4)  # three times in vain
            before = len(consumer.got)
            fake.present = True
            consumer.wait_for_frames(2)
            assert consumer.error is None
            assert {restarts for _, restarts in consumer.got[:before]} == {0}
            assert {restarts for _, restarts in consumer.got[before:]} == {1}
            assert camera.stats().restarts == camera.restarts == 1

    def test_restarts_belongs_to_the_frame_handed_out(self, plug):
        fake = plug(FakeCamera())
        with Camera(0) as camera:
            frames = camera.frames()
            for session in range(4):
                for _ in range(3):
                    next(frames)
                    assert camera.restarts == session
                fake.present = False
                opened = fake.opens
                wait_until(lambda opened=opened: fake.opens > opened)
                fake.present = True
                # it may be back before the consumer asks again: what it holds is still a frame from before the loss
                wait_until(lambda session=session: camera.stats().restarts == session + 1)
                assert camera.restarts == session

    def test_statuses_tell_the_story_once_each(self, plug):
        fake, statuses = plug(FakeCamera()), Statuses()
        camera = Camera(0)
        camera.on_status = statuses
        with camera, Consumer(camera) as consumer:
            consumer.wait_for_frames()
            fake.present = False
            lost = statuses.wait_for("lost")
            wait_until(lambda: fake.opens >= 3)
            fake.present = True
            back = statuses.wait_for("reopened")
        assert statuses.states == ["opened", "lost", "reopened", "ended"]
        assert {status.source for status in statuses} == {"camera 0"}
        assert "stopped giving frames after" in lost.message
        assert "being opened again" in lost.message
        assert "camera 0 is back after" in back.message
        assert lost.timestamp < back.timestamp <= time.monotonic()

    def test_tries_become_rarer_and_frequent_again_after_a_success(self, plug, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(live, "Retry", lambda: Retry(0.03, 0.1))
        fake = plug(FakeCamera())
        with Camera(0) as camera, Consumer(camera) as consumer:
            consumer.wait_for_frames()
            assert camera.retry_at is None
            fake.present = False
            wait_until(lambda: camera.retry_at is not None)
            wait_until(lambda: fake.opens >= 6)
            gaps = np.diff(fake.open_times[1:6])
            assert (gaps >= [0.06, 0.1, 0.1, 0.1]).all()
            fake.present = True
            consumer.wait_for_frames()
            assert camera._retry.next_delay() == 0.03

    def test_who_asks_for_losses_is_told_each_at_once_and_not_only_when_it_is_over(self, plug):
        fake = plug(FakeCamera())
        with Camera(0) as camera:
            frames = camera.frames_and_losses()
            for restarts in (1, 2):
                assert next(frames) is not None
                fake.present = False
                while next(frames) is not None:  # comes while the camera is away
                    pass
                assert camera.restarts == restarts - 1
                fake.present = True
                assert next(frames) is not None
                assert camera.restarts == restarts

    def test_what_goes_on_ends_when_the_camera_is_lost(self, plug):
        fake, events, ended = plug(FakeCamera()), [], threading.Event()
        fake.retrieve = lambda: (True, picture(1.0))  # always the same, so that nothing but the loss ends it

        def note(event: Event) -> None:
            events.append(event)
            if isinstance(event, Ended):
                ended.set()

        with StandInRecognizer().start(0, on_event=note, events=EventOptions(min_seconds=0.0)) as runner:
            wait_until(lambda: events)
            fake.present = False
            assert ended.wait(30)
            assert runner.stats().source.restarts == 0
            seen = runner.stats().events
            fake.present = True
            wait_until(lambda: runner.stats().events > seen)
        assert [type(event) for event in events] == [Began, Ended] * 2

    def test_camera_that_opens_but_gives_nothing_is_not_back(self, plug):
        fake, statuses = plug(FakeCamera()), Statuses()
        camera = Camera(0)
        camera.on_status = statuses
        with camera, Consumer(camera) as consumer:
            consumer.wait_for_frames()
            fake.frames = 0
            wait_until(lambda: fake.opens >= 3)
            assert statuses.states == ["opened", "lost"]
            assert camera.stats().restarts == 0
            fake.frames = float("inf")
            statuses.wait_for("reopened")

    def test_loss_before_the_iteration_is_told_when_it_begins(self, plug):
        fake, statuses = plug(FakeCamera()), Statuses()
        with Camera(0) as camera:
            fake.present = False
            wait_until(lambda: fake.opens >= 2)
            camera.on_status = statuses
            with Consumer(camera):
                statuses.wait_for("lost")
        assert statuses.states == ["opened", "lost", "ended"]

    def test_time_does_not_run_backwards_over_a_loss(self, plug):
        fake = plug(FakeCamera())
        with Camera(0) as camera:
            frames = camera.frames()
            times = [next(frames).timestamp for _ in range(3)]
            fake.present = False
            wait_until(lambda: fake.opens >= 2)
            fake.present = True
            times += [next(frames).timestamp for _ in range(3)]
        assert times == sorted(times)

    @pytest.mark.parametrize("error", [cv2.error("Unknown C++ exception"), OSError("no such device"), ValueError()])
    def test_any_error_of_the_driver_is_a_loss(self, plug, error: Exception):
        fake, statuses = plug(FakeCamera()), Statuses()
        real = fake.grab

        def fail_once() -> bool:
            fake.grab = real
            raise error

        camera = Camera(0)
        camera.on_status = statuses
        with camera, Consumer(camera) as consumer:
            consumer.wait_for_frames()
            fake.grab = fail_once
            assert f"camera 0 failed: {error}" in statuses.wait_for("lost").message
            statuses.wait_for("reopened")
            consumer.wait_for_frames()
            assert consumer.got[-1][1] == 1

    @pytest.mark.parametrize("nothing", [(False, None), (True, None)])
    def test_frame_that_cannot_be_decoded_counts_as_dropped(self, plug, nothing: tuple[bool, Any]):
        fake = plug(FakeCamera())
        real, calls = fake.retrieve, iter(range(10**6))
        fake.retrieve = lambda: nothing if next(calls) < 5 else real()
        with Camera(0) as camera:
            next(camera.frames())
            assert camera.stats().dropped >= 5
            assert camera.restarts == 0


class TestGivingUp:
    def test_without_reconnect_a_loss_is_an_error_and_a_status(self, plug):
        fake, statuses = plug(FakeCamera(frames=2)), Statuses()
        camera = Camera(0, reconnect=False)
        camera.on_status = statuses
        with camera, pytest.raises(SourceError, match="stopped giving frames after 2"):
            list(camera)
        assert fake.opens == 1
        assert statuses.states == ["opened", "failed"]
        assert "stopped giving frames" in statuses[-1].message

    def test_camera_that_stays_away_is_given_up_after_reconnect_seconds(self, plug):
        fake, statuses = plug(FakeCamera(frames=2)), Statuses()
        camera = Camera(0, reconnect_seconds=0.3)
        camera.on_status = statuses
        with camera:
            lost_by = time.monotonic()
            with pytest.raises(SourceError, match=r"camera 0 was lost, and did not come back within 0\.3 s"):
                list(camera)
            assert time.monotonic() - lost_by > 0.3
            opens = fake.opens
            wait_until(lambda: not camera_threads())  # and is not tried any more
            assert fake.opens in (opens, opens + 1)
        assert statuses.states == ["opened", "lost", "failed"]

    def test_blocked_camera_is_given_up_after_reconnect_seconds_too(self, plug):
        plug(BlockingCamera(frames=2))
        camera = Camera(0, timeout_seconds=0.1, reconnect_seconds=0.2)
        with camera, pytest.raises(SourceError, match=r"did not come back within 0\.2 s"):
            list(camera)

    @pytest.mark.parametrize("seconds", [0, -1, float("nan"), True, "5"])
    def test_patience_that_is_no_time_is_refused(self, plug, seconds: object):
        plug(FakeCamera())
        with pytest.raises(OptionError, match=r"reconnect_seconds=.* was given; expected a number of seconds above 0"):
            Camera(0, reconnect_seconds=seconds)

    def test_camera_that_does_not_open_at_first_is_an_error_at_once(self, plug):
        fake = plug(FakeCamera())
        fake.present = False
        with pytest.raises(SourceError, match="camera 0 does not open"):
            Camera(0)
        assert fake.opens == 1
        assert camera_threads() == []


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An OpenCV that opens one capture at a time."""
    monkeypatch.setenv("OPENCV_FFMPEG_IS_THREAD_SAFE", "0")


def test_who_comes_first_opens_first() -> None:
    """Even a file, however many cameras are being reopened."""
    queue, order, threads = turns.Turns(), [], []

    def camera(name: str) -> None:
        with queue.take(name, lambda: False):
            wait_until(lambda: name == "camera 1" or "file" in order)  # which is behind the file
            order.append(name)

    def file(name: str) -> None:
        queue.wait(name)
        order.append(name)

    with queue.take("first", lambda: False):
        for number, (kind, name) in enumerate([(camera, "camera 1"), (file, "file"), (camera, "camera 2")]):
            threads.append(threading.Thread(target=kind, args=[name]))
            threads[-1].start()
            wait_until(lambda number=number: len(queue._queue) == number + 2)
    for thread in threads:
        thread.join(30)
    assert order == ["camera 1", "file", "camera 2"]


class TestBlocked:
    def test_camera_that_blocks_in_read_is_opened_anew_and_the_old_capture_freed_when_it_wakes(self, plug):
        fake, statuses = plug(BlockingCamera(frames=2)), Statuses()
        camera = Camera(0, timeout_seconds=1.0)
        camera.on_status = statuses
        with camera, Consumer(camera) as consumer:
            assert "gave no frame for 1 s" in statuses.wait_for("lost").message
            fake.frames = float("inf")  # the new capture works, the old one still blocks
            statuses.wait_for("reopened")
            consumer.wait_for_frames(2)
            assert consumer.got[-1][1] == 1
            blocked, working = fake.captures[0], fake.captures[-1]
            assert not blocked.released
            fake.unblock.set()
            wait_until(lambda: blocked.released)
            consumer.wait_for_frames(2)
            assert not working.released
            assert camera.stats().restarts == 1

    def test_blocked_threads_do_not_pile_up(self, plug):
        """However long it lasts: three that block, and one that waits for one of them to return."""
        fake = plug(BlockingCamera(frames=2))
        with Camera(0, timeout_seconds=0.1) as camera, Consumer(camera) as consumer:
            most = 0
            wait_until(lambda: len(camera._stuck) == 3)
            for _ in range(50):
                time.sleep(0.01)
                most = max(most, len(camera_threads()))
            assert most == 4
            assert fake.opens == 3
            fake.unblock.set()
            consumer.wait_for_frames(2)
            wait_until(lambda: len(camera_threads()) == 1)

    def test_camera_whose_opening_blocks_is_an_error(self, plug, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(live, "_OPEN_SECONDS", 0.2)
        fake = plug(FakeCamera())
        fake.before_open = lambda: fake.unblock.wait(60)
        with pytest.raises(SourceError, match=r"camera 0 does not open: no answer within 0\.2 s"):
            Camera(0)
        fake.unblock.set()
        wait_until(lambda: fake.captures and fake.captures[0].released)  # late, and no longer of use

    def test_reopening_that_blocks_is_tried_anew(self, plug, monkeypatch: pytest.MonkeyPatch):
        fake = plug(FakeCamera())
        with Camera(0) as camera, Consumer(camera) as consumer:
            consumer.wait_for_frames()
            monkeypatch.setattr(live, "_OPEN_SECONDS", 0.2)
            fake.before_open = lambda: fake.opens == 2 and fake.unblock.wait(60)  # the second opening is a black hole
            fake.present = False
            wait_until(lambda: fake.opens >= 3)
            fake.present = True
            consumer.wait_for_frames(2)
            assert consumer.got[-1][1] == 1

    @pytest.mark.parametrize("where", ["read", "open", "backoff"])
    def test_closing_does_not_wait_for_a_driver(self, plug, monkeypatch: pytest.MonkeyPatch, where: str):
        fake = plug(BlockingCamera(frames=2) if where == "read" else FakeCamera())
        if where == "backoff":
            monkeypatch.setattr(live, "Retry", lambda: Retry(1000))
        camera = Camera(0, timeout_seconds=1000)
        with Consumer(camera) as consumer:
            consumer.wait_for_frames()
            if where == "open":
                fake.before_open = lambda: fake.unblock.wait(60)
            if where != "read":
                fake.present = False
                wait_until(lambda: fake.opens == 2 if where == "open" else camera._lost_at)
            start = time.monotonic()
            camera.close()
            assert (
                time.monotonic() - start < 30
            )  # 2 s, and much patience with a busy computer; the driver blocks for 60
            if where == "backoff":
                assert camera_threads() == []
        assert consumer.error is None  # the iteration just ended

    def test_each_close_waits_for_the_driver(self, plug):
        fake = plug(FakeCamera())
        camera = Camera(0)
        freeing, capture = threading.Event(), fake.captures[0]
        release = capture.release

        def slow_release() -> None:
            freeing.set()
            fake.unblock.wait(60)
            release()

        capture.release = slow_release
        first = threading.Thread(target=camera.close)
        first.start()
        assert freeing.wait(30)
        threading.Timer(0.1, fake.unblock.set).start()
        camera.close()
        assert camera_threads() == []
        first.join(30)

    @pytest.mark.usefixtures("one_at_a_time")
    def test_network_camera_that_answers_is_opened_after_those_that_do_not(self, plug, monkeypatch: pytest.MonkeyPatch):
        """OpenCV opens one at a time: a camera that waits for its turn is not at fault."""
        monkeypatch.setattr(live, "_OPEN_SECONDS", 0.2)
        silent = plug(FakeCamera(), "rtsp://silent/")
        plug(FakeCamera(), "rtsp://good/")
        silent.before_open = lambda: silent.unblock.wait(60)
        opened: list[Camera] = []
        with pytest.raises(SourceError, match="no answer within"):
            Camera("rtsp://silent/")
        opening = threading.Thread(target=lambda: opened.append(Camera("rtsp://good/")))
        opening.start()
        opening.join(0.6)  # much longer than opening may take
        assert opening.is_alive()
        silent.unblock.set()
        opening.join(30)
        opened[0].close()

    @pytest.mark.usefixtures("one_at_a_time")
    def test_an_opening_that_never_ends_is_named_to_the_others_and_holds_none_up_for_ever(
        self, plug, monkeypatch: pytest.MonkeyPatch, make_video: Callable[..., Path]
    ):
        monkeypatch.setattr(live, "_OPEN_SECONDS", 0.2)
        monkeypatch.setattr(turns, "_STUCK_SECONDS", 0.4)
        silent, good = plug(FakeCamera(), "rtsp://me:secret@silent/"), plug(FakeCamera(), "rtsp://good/")
        silent.before_open = lambda: silent.unblock.wait(60)
        path = make_video("clip.mp4", 3)
        with pytest.raises(SourceError, match="no answer within"):
            Camera("rtsp://me:secret@silent/")
        why = r"cannot be opened: OpenCV opens one .* at a time, and has been opening the camera rtsp://me:\*\*\*@silent/ for"
        with pytest.raises(SourceError, match=f"The camera rtsp://good/ {why}"):
            Camera("rtsp://good/")
        with pytest.raises(SourceError, match=f"clip.mp4 {why}"):
            VideoFile(path)
        assert good.opens == 0
        silent.unblock.set()
        wait_until(lambda: silent.captures and silent.captures[0].released)
        with Camera("rtsp://good/") as camera:
            assert next(iter(camera))

    @pytest.mark.usefixtures("one_at_a_time")
    def test_a_lost_camera_comes_back_once_an_opening_that_held_it_up_has_ended(
        self, plug, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(turns, "_STUCK_SECONDS", 0.1)
        silent, good = plug(FakeCamera(), "rtsp://silent/"), plug(FakeCamera(), "rtsp://good/")
        silent.before_open = lambda: silent.unblock.wait(60)
        with Camera("rtsp://good/") as camera, Consumer(camera) as consumer:
            consumer.wait_for_frames()
            monkeypatch.setattr(live, "_OPEN_SECONDS", 0.2)
            with pytest.raises(SourceError, match="no answer within"):
                Camera("rtsp://silent/")
            good.present = False
            wait_until(lambda: camera._lost_at)
            good.present = True
            time.sleep(0.3)
            assert good.opens == 1
            silent.unblock.set()
            consumer.wait_for_frames()
            assert (good.opens, consumer.got[-1][1]) == (2, 1)

    @pytest.mark.usefixtures("one_at_a_time")
    def test_closing_does_not_wait_for_a_turn(self, plug, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(live, "_OPEN_SECONDS", 0.2)
        silent, good = plug(FakeCamera(), "rtsp://silent/"), plug(FakeCamera(), "rtsp://good/")
        silent.before_open = lambda: silent.unblock.wait(60)
        with Camera("rtsp://good/") as camera, Consumer(camera) as consumer:
            consumer.wait_for_frames()
            with pytest.raises(SourceError, match="no answer within"):
                Camera("rtsp://silent/")
            good.present = False
            wait_until(lambda: camera._lost_at)
            camera.close()
            assert len(camera_threads()) == 1  # the one that is stuck
        assert consumer.error is None

    def test_the_consumer_that_was_away_finds_out_too(self, plug):
        """Nobody watches the thread while the consumer is busy; the block is noticed with the next request for a frame."""
        fake = plug(BlockingCamera())
        with Camera(0, timeout_seconds=0.5) as camera:
            frames = camera.frames()
            next(frames)
            fake.frames = 0
            assert fake.blocks.wait(30)
            fake.frames = float("inf")  # the next capture works
            time.sleep(0.6)
            next(frames)
            assert camera.restarts == 1


class TestWatchers:
    def test_watcher_that_raises_ends_nothing(self, plug, caplog: pytest.LogCaptureFixture):
        fake, told = plug(FakeCamera()), Statuses()

        def on_status(status: Any) -> None:
            told(status)
            raise RuntimeError("the broker is gone")

        camera = Camera(0)
        camera.on_status = on_status
        with camera, Consumer(camera) as consumer:
            consumer.wait_for_frames()
            fake.present = False
            told.wait_for("lost")
            fake.present = True
            told.wait_for("reopened")
            consumer.wait_for_frames()
        assert told.states == ["opened", "lost", "reopened", "ended"]
        assert "the broker is gone" in caplog.text

    def test_closing_twice_tells_the_end_once(self, plug):
        plug(FakeCamera())
        statuses = Statuses()
        camera = Camera(0)
        camera.on_status = statuses
        next(camera.frames())
        camera.close()
        camera.close()
        assert list(camera) == []
        assert statuses.states == ["opened", "ended"]

    def test_camera_that_was_never_iterated_tells_nothing(self, plug):
        plug(FakeCamera())
        statuses = Statuses()
        with Camera(0) as camera:
            camera.on_status = statuses
        assert list(camera) == []
        assert statuses.states == []


class TestStats:
    def test_sum_holds_at_every_moment_from_another_thread(self, plug):
        fake = plug(FakeCamera(period=0.0005))
        seen = []
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                seen.append(camera.stats())
                time.sleep(0.0005)

        with Camera(0) as camera:
            watcher = threading.Thread(target=watch)
            watcher.start()
            frames = camera.frames(lambda timestamp: fake.grabbed % 3 > 0)
            for _ in range(50):
                next(frames)
                time.sleep(0.002)
            done.set()
            watcher.join()
            last = camera.stats()
        # all that was grabbed, except while it was closed
        assert fake.grabbed - 2 <= camera.stats().captured <= fake.grabbed
        assert [stats.captured for stats in seen] == sorted(stats.captured for stats in seen)
        assert last.used == 50
        assert min(last.unwanted, last.dropped) > 0

    def test_age_is_that_of_the_frame_in_use(self, plug):
        plug(FakeCamera())
        with Camera(0) as camera:
            assert camera.stats().age_seconds is None
            frame = next(camera.frames())
            time.sleep(0.05)
            before = time.monotonic()
            age = camera.stats().age_seconds
            assert before - frame.timestamp <= age <= time.monotonic() - frame.timestamp

    def test_each_camera_has_its_own_thread_and_stats(self, plug):
        fakes = [plug(FakeCamera(), device) for device in range(3)]
        cameras = [Camera(device) for device in range(3)]
        try:
            assert len(camera_threads()) == 3
            streams = [camera.frames() for camera in cameras]
            for count, stream in enumerate(streams, 1):
                assert all(isinstance(next(stream), TimedFrame) for _ in range(count))
            fakes[1].present = False
            wait_until(lambda: fakes[1].opens == 2)
            next(streams[0])
            next(streams[2])
            assert [camera.stats().used for camera in cameras] == [2, 2, 4]
            assert [fakes[0].opens, fakes[2].opens] == [1, 1]
        finally:
            for camera in cameras:
                camera.close()
        assert camera_threads() == []


class TestSeveralConsumers:
    def test_one_that_leaves_takes_no_frame_from_the_other(self, plug):
        plug(FakeCamera())
        with Camera(0) as camera, Consumer(camera) as consumer:
            for frame in itertools.islice(camera.frames(), 3):
                assert isinstance(frame, TimedFrame)
            consumer.wait_for_frames(3)
            assert consumer.error is None


class TestNames:
    def test_password_of_a_url_is_shown_nowhere(self, plug):
        fake = plug(FakeCamera())
        url = "rtsp://admin:s3cret@10.0.0.7:554/live"
        with Camera(url) as camera:
            assert camera.device == url
            assert camera.name == "camera rtsp://admin:***@10.0.0.7:554/live"
        fake.present = False
        with pytest.raises(SourceError) as raised:
            Camera(url)
        assert "s3cret" not in str(raised.value)
