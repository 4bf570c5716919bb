"""edgevid.runner.runner and recognizer.start: a stream that runs by itself."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.stand_ins import AT_ONCE, SECONDS, Endless, Keeping, Scripted, StandInRecognizer, picture, video
from support.system import open_files
from support.videos import moving_frames
from support.waiting import reached

import edgevid
from edgevid import EdgevidError, OptionError, SourceError, StreamOptions, TimedFrame, TimestampError
from edgevid.events import Began, Counted, Ended, MeanSmoothing
from edgevid.runner import runner as runner_module
from edgevid.runner import running as running_module
from edgevid.runner.feed import Feed
from edgevid.runner.messages import Message, Sampled
from edgevid.runner.state import SourceState
from edgevid.sources import ImageFolder, SourceStats, SourceStatus

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class TestRunning:
    def test_every_prediction_of_a_file_is_told_in_order(self, stand_in: StandInRecognizer):
        got = []
        with stand_in.start(Scripted(video([k / 50 for k in range(50)])), on_prediction=got.append) as runner:
            assert runner.wait() is True
        assert [round(p.timestamp / SECONDS) for p in got] == list(range(1, 50))
        assert not runner.running
        assert runner.latest is got[-1]
        assert runner.latest_sampled.timestamp == got[-1].timestamp
        assert runner.error is None

    def test_it_gives_what_stream_gives(self, recognizer: edgevid.Recognizer, make_video):
        path = make_video("clip.avi", moving_frames(60))
        got = []
        with recognizer.start(path, on_prediction=got.append, stream=StreamOptions(window_seconds=2.0)) as runner:
            runner.wait()
        expected = list(recognizer.stream(path, StreamOptions(window_seconds=2.0)))
        assert len(got) == len(expected) > 3
        for one, other in zip(got, expected):
            np.testing.assert_array_equal(one.probabilities, other.probabilities)
            assert one.timestamp == other.timestamp

    def test_latest_is_there_without_any_callback(self, stand_in: StandInRecognizer):
        with stand_in.start(Endless(jump=1.0)) as runner:
            assert reached(lambda: runner.latest is not None)
            assert runner.running
            assert runner.latest.label == "jump"
        assert not runner.running

    def test_predictions_events_and_statuses_keep_their_order(self, stand_in: StandInRecognizer):
        got: list[object] = []
        source = Scripted(video([0, 0, 1, 1]))
        with stand_in.start(
            source, on_prediction=got.append, on_event=got.append, on_status=got.append, events=AT_ONCE
        ) as runner:
            runner.wait()
        kinds = [item.state if isinstance(item, SourceStatus) else type(item).__name__ for item in got]
        assert kinds == [
            "opened", "Prediction", "Began", "Prediction", "Prediction", "Ended", "Began", "Ended", "ended",
        ]  # fmt: skip
        assert runner.stats().events == 4
        assert runner.stats().predictions == 3
        assert runner.stats().source.used == 4

    def test_outputs_are_told_every_frame_event_and_status_and_stay_open(self, stand_in: StandInRecognizer):
        keeping = Keeping()
        with stand_in.start(Scripted(video([0] * 20)), outputs=[keeping], name="door") as runner:
            runner.wait()
        assert [type(message).__name__ for message in keeping.messages] == [
            "SourceStatus", *["Sampled"] * 7, "SourceEvent", *["Sampled"] * 13, "SourceEvent", "SourceStatus",
        ]  # fmt: skip
        assert {message.source for message in keeping.messages} == {"door"}
        assert [s.state for s in keeping.statuses] == ["opened", "ended"]
        assert not keeping.closed

    def test_on_sampled_is_told_what_a_prediction_belongs_to(self, stand_in: StandInRecognizer):
        got = []
        with stand_in.start(Scripted(video([0, 0, 0])), on_sampled=got.append, stream=StreamOptions(hop=2)) as runner:
            runner.wait()
        assert [(round(o.timestamp, 6), o.prediction is not None) for o in got] == [(0.1, True)]
        assert got[0].frame.shape == (8, 8, 3)

    def test_limits(self, stand_in: StandInRecognizer):
        got = []
        with stand_in.start(Endless(), on_event=got.append, max_predictions=7, events=AT_ONCE) as runner:
            runner.wait()
        assert runner.stats().predictions == 7
        assert [type(event) for event in got] == [Began, Ended]
        with stand_in.start(Endless(), max_seconds=0.95) as runner:
            runner.wait()
        assert runner.stats().predictions == 9

    @pytest.mark.parametrize(
        "wrong",
        [
            {"max_seconds": 0},
            {"max_predictions": 0},
            {"smoothing": "much"},
            {"smoothing": ""},
            {"on_pred": print},
            {"on_event": 3},
        ],
    )
    def test_wrong_options_are_refused_at_once(self, stand_in: StandInRecognizer, wrong: dict):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            stand_in.start(Scripted([]), **wrong)

    def test_smoothing(self, stand_in: StandInRecognizer):
        got = []
        with stand_in.start(Scripted(video([0, 0, 1, 1])), on_prediction=got.append, smoothing="mean:3") as runner:
            runner.wait()
        assert [p.probabilities[1] for p in got] == pytest.approx([0.0, 0.25, 0.5])

    def test_one_smoothing_may_be_given_to_several(self, stand_in: StandInRecognizer):
        smoothing = MeanSmoothing(3)
        got: dict[int, list[float]] = {0: [], 1: []}
        first_is_under_way, second_is_over = threading.Event(), threading.Event()

        def wait() -> None:
            first_is_under_way.set()
            assert second_is_over.wait(20)

        script = [*video([0, 0, 0]), wait, *video([1, 1], start=0.3)]
        with stand_in.start(
            Scripted(script), on_prediction=lambda p: got[0].append(p.probabilities[1]), smoothing=smoothing
        ) as runner:
            assert first_is_under_way.wait(20)
            with stand_in.start(
                Scripted(video([1, 1])), on_prediction=lambda p: got[1].append(p.probabilities[1]), smoothing=smoothing
            ) as other:
                other.wait()
            second_is_over.set()
            runner.wait()
        assert got[0] == pytest.approx([0, 0, 0.5 / 3, 0.5])
        assert got[1] == [1.0]

    def test_a_source_that_the_runner_opened_is_closed_and_the_callers_own_is_not(self, stand_in: StandInRecognizer):
        own, opened = Scripted(video([0, 0])), Scripted(video([0, 0]))
        told = []
        own.on_status = told.append
        with stand_in.start(own) as runner, stand_in.start(lambda: opened) as other:
            assert runner.wait()
            assert other.wait()
        assert not own.closed.is_set()
        assert opened.closed.is_set()
        assert own.on_status == told.append
        assert runner.name == "scripted"


class TestSlowConsumers:
    def test_of_a_camera_a_slow_one_gets_the_newest_and_never_stops_inference(self, stand_in: StandInRecognizer):
        got, events, released = [], [], threading.Event()

        def sleep_once(prediction: edgevid.Prediction) -> None:
            got.append(prediction)
            if len(got) == 1:
                assert released.wait(30)

        jumping = Endless()
        with stand_in.start(jumping, on_prediction=sleep_once, on_event=events.append, events=AT_ONCE) as runner:
            assert reached(lambda: len(got) == 1)
            seen, told = runner.stats().predictions, len(events)
            for k in range(20):  # the camera continues, and events are recorded though nobody listens
                jumping.jump = float(k % 2 == 0)
                assert reached(lambda: runner.latest.probabilities[1] == jumping.jump)
            assert runner.stats().predictions > seen + 20
            assert len(events) == told
            waiting = runner.latest.timestamp
            released.set()
            assert reached(lambda: len(got) > 2)
        assert got[1].timestamp >= waiting - SECONDS  # the newest, not the next
        assert runner.stats().passed_over > 20
        assert len(events) == runner.stats().events > 20  # nothing is lost
        kinds = [type(event) for event in events if not isinstance(event, Counted)]
        assert kinds == [Began, Ended] * (len(kinds) // 2)  # in order

    def test_of_a_file_a_slow_one_gets_all_and_the_reading_waits(self, stand_in: StandInRecognizer):
        got, go_on = [], threading.Semaphore(0)

        def slow(prediction: edgevid.Prediction) -> None:
            got.append(prediction)
            assert go_on.acquire(timeout=30)

        with stand_in.start(Scripted(video([0] * 60)), on_prediction=slow) as runner:
            assert reached(lambda: len(got) == 1)
            assert reached(lambda: runner.stats().predictions == 10)  # one runs, eight wait, one is blocked
            assert runner.stats().source.used == 11
            for _ in range(59):
                go_on.release()
            runner.wait()
        assert [round(p.timestamp / SECONDS) for p in got] == list(range(1, 60))
        assert runner.stats().passed_over == 0

    def test_stop_does_not_wait_for_one_that_blocks(self, stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(running_module, "STOP_SECONDS", 0.2)
        blocked, released = threading.Event(), threading.Event()

        def block(prediction: edgevid.Prediction) -> None:
            blocked.set()
            released.wait(30)

        for source in (Endless(), Scripted(video([0] * 60))):
            runner = stand_in.start(source, on_prediction=block)
            assert blocked.wait(20)
            runner.stop()
            assert runner.running  # its thread is left behind
            released.set()
            assert runner.wait(20)
            blocked.clear()
            released.clear()


class TestErrors:
    def test_a_source_that_breaks_off(self, stand_in: StandInRecognizer):
        statuses = []

        def fail() -> None:
            raise SourceError("The cable is out.")

        runner = stand_in.start(Scripted([*video([0, 0]), fail]), on_status=statuses.append)
        with pytest.raises(SourceError, match="The cable is out"):
            runner.wait()
        assert isinstance(runner.error, SourceError)
        assert not runner.consumer_failed
        assert [(s.state, s.message) for s in statuses][1:] == [("failed", "scripted broke off: The cable is out.")]

    def test_a_source_that_does_not_open(self, stand_in: StandInRecognizer, tmp_path: Path):
        statuses = []
        runner = stand_in.start(tmp_path / "absent.mp4", on_status=statuses.append)
        with pytest.raises(SourceError, match="No such file"):
            runner.wait()
        assert [s.state for s in statuses] == ["failed"]
        assert "No such file" in statuses[0].message

    @pytest.mark.parametrize("kind", ["on_prediction", "on_event", "on_status", "on_sampled"])
    def test_a_callback_that_raises_stops_it_and_the_error_comes_back(self, stand_in: StandInRecognizer, kind: str):
        class MineError(Exception):
            pass

        def fail(told: object) -> None:
            raise MineError("my own mistake")

        source = Endless()
        with (
            pytest.raises(MineError, match="my own mistake"),
            stand_in.start(lambda: source, events=AT_ONCE, **{kind: fail}),
        ):
            assert source.closed.wait(20)  # the camera is not read if nobody listens
        runner = stand_in.start(Endless(), events=AT_ONCE, **{kind: fail})
        with pytest.raises(MineError):
            runner.wait(20)
        assert runner.consumer_failed

    def test_a_callback_that_raises_ends_a_wait_though_a_read_blocks(self, stand_in: StandInRecognizer):
        source = Scripted([], live=True)
        source.script = [*video([0, 0]), source.wait_for_close]
        runner = stand_in.start(lambda: source, on_prediction=lambda prediction: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            runner.wait(20)

    def test_an_output_that_raises_is_logged_and_left_out_and_the_rest_goes_on(
        self, stand_in: StandInRecognizer, caplog: pytest.LogCaptureFixture
    ):
        class Broken(Keeping):
            def take(self, message: Message, state: SourceState) -> None:
                super().take(message, state)
                if len(self.messages) == 3:
                    raise ZeroDivisionError

        broken, good, got = Broken(), Keeping(), []
        with (
            caplog.at_level(logging.ERROR, "edgevid"),
            stand_in.start(Scripted(video([0] * 20)), outputs=[broken, good], on_prediction=got.append) as runner,
        ):
            assert runner.wait(20)
        assert (len(broken.messages), len(good.sampled), len(got)) == (3, 20, 19)
        (record,) = caplog.records
        assert record.name == "edgevid"
        assert "Broken object" in record.getMessage()
        assert record.exc_info[0] is ZeroDivisionError

    def test_each_error_is_raised_once_by_stop_and_always_by_wait(self, stand_in: StandInRecognizer, tmp_path: Path):
        runner = stand_in.start(tmp_path / "absent.mp4")
        assert reached(lambda: not runner.running)
        with pytest.raises(SourceError):
            runner.stop()
        runner.stop()
        for _ in range(2):
            with pytest.raises(SourceError):
                runner.wait()

    def test_an_error_of_the_block_goes_first(self, stand_in: StandInRecognizer, tmp_path: Path):
        runner = stand_in.start(tmp_path / "absent.mp4", on_status=lambda status: None)
        assert reached(lambda: not runner.running)
        with pytest.raises(KeyError), runner:
            raise KeyError

    @pytest.mark.parametrize("back", [0.05, 3600.0])
    def test_frames_out_of_order_reach_the_caller_in_words(self, stand_in: StandInRecognizer, back: float):
        frames = [*video([0, 0], start=5000.0), TimedFrame(5000.1 - back, picture(0))]
        with stand_in.start(tuple(frame) for frame in frames) as runner:
            with pytest.raises(TimestampError, match="push frames in time order"):
                runner.wait()
            assert runner.stats().predictions == 1

    def test_a_clock_that_jumps_ahead_by_an_hour_is_no_trouble(self, stand_in: StandInRecognizer):
        frames = [*video([0, 0, 0]), *video([1, 1, 1], start=3600.0)]
        with stand_in.start(tuple(frame) for frame in frames) as runner:
            assert runner.wait()
            assert runner.stats().predictions == 5

    def test_one_that_nobody_asks_for_is_logged_and_still_raised_by_stop(
        self, stand_in: StandInRecognizer, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch
    ):
        """Whether the end of a block raises must not depend on how long the block lasts."""
        monkeypatch.setattr(runner_module, "_ASK_SECONDS", 0.01)
        with caplog.at_level(logging.ERROR, "edgevid"):
            runner = stand_in.start(tmp_path / "absent.mp4")
            assert reached(lambda: bool(caplog.records))
        (record,) = caplog.records
        assert record.name == "edgevid"
        assert "absent.mp4 stopped: No such file" in record.getMessage()
        assert not record.exc_info  # the words say it all
        with pytest.raises(SourceError, match="No such file"):
            runner.stop()
        runner.stop()

    def test_that_nobody_reads_any_more_is_not_logged(
        self, stand_in: StandInRecognizer, caplog: pytest.LogCaptureFixture, monkeypatch
    ):
        monkeypatch.setattr(runner_module, "_ASK_SECONDS", 0.0)

        def write(prediction: object) -> None:
            raise BrokenPipeError

        with caplog.at_level(logging.ERROR, "edgevid"):
            runner = stand_in.start(Scripted(video([0] * 20)), on_prediction=write)
            assert reached(lambda: not any(thread.is_alive() for thread in runner._threads))
        assert caplog.records == []
        with pytest.raises(BrokenPipeError):
            runner.stop()

    def test_one_that_was_asked_for_or_told_is_not_logged(
        self, stand_in: StandInRecognizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ):
        with caplog.at_level(logging.ERROR, "edgevid"):
            runner = stand_in.start(tmp_path / "absent.mp4")
            with pytest.raises(SourceError):
                runner.wait()
            told = []
            other = stand_in.start(tmp_path / "absent.mp4", on_status=told.append)
            assert reached(lambda: not other.running and bool(told))
        assert caplog.records == []


class TestSourcesOfTheCallers:
    def test_a_function_may_give_whatever_is_a_source(self, stand_in: StandInRecognizer):
        def frames():
            for number in range(3):
                yield number * SECONDS, picture(0)

        got = []
        assert stand_in.start(frames, on_sampled=got.append).wait(60)
        assert len(got) > 0

    def test_what_is_no_source_and_a_close_that_fails_end_it(self, stand_in: StandInRecognizer):
        class Broken(Scripted):
            def close(self) -> None:
                raise RuntimeError("It does not close.")

        for source, message in ((lambda: None, "A source of type NoneType"), (lambda: Broken([]), "does not close")):
            with pytest.raises(Exception, match=message):
                stand_in.start(source).wait(60)

    def test_its_own_on_status_is_told_too_and_a_second_run_is_opened_too(
        self, stand_in: StandInRecognizer, tmp_path: Path
    ):
        for number, frame in enumerate(moving_frames(3)):
            Image.fromarray(frame).save(tmp_path / f"{number}.png")
        own, runs = [], ([], [])
        with ImageFolder(tmp_path) as source:
            source.on_status = own.append
            for statuses in runs:
                stand_in.start(source, on_status=statuses.append).wait()
            assert source.on_status == own.append
        assert [status.state for status in own][:2] == ["opened", "ended"]
        for statuses in runs:
            assert [status.state for status in statuses] == ["opened", "ended"]


class TestStopping:
    def test_what_goes_on_ends_and_is_told(self, stand_in: StandInRecognizer):
        events, statuses = [], []
        source = Endless()
        with stand_in.start(
            lambda: source, on_event=events.append, on_status=statuses.append, events=AT_ONCE
        ) as runner:
            assert reached(lambda: len(events) == 1)
            runner.stop()
            assert not runner.running
        assert [type(event) for event in events] == [Began, Ended]
        assert [status.state for status in statuses] == ["opened", "ended"]
        assert source.closed.is_set()

    def test_twice_and_after_the_end_is_fine(self, stand_in: StandInRecognizer):
        runner = stand_in.start(Scripted(video([0, 0])))
        runner.wait()
        runner.stop()
        runner.stop()
        runner = stand_in.start(Endless())
        runner.stop()
        runner.stop()

    @pytest.mark.parametrize("kind", ["on_prediction", "on_event", "on_status", "on_sampled"])
    def test_from_within_a_callback(self, stand_in: StandInRecognizer, kind: str):
        runners, calls, ready = [], [], threading.Event()

        def stop(told: object) -> None:
            assert ready.wait(20)
            calls.append(told)
            runners[0].stop()

        runners.append(stand_in.start(Endless(), events=AT_ONCE, **{kind: stop}))
        ready.set()
        assert runners[0].wait(20)
        if kind in ("on_prediction", "on_sampled"):
            assert len(calls) == 1  # none comes after it

    def test_from_within_an_output(self, stand_in: StandInRecognizer):
        keeping, ready = Keeping(), threading.Event()
        runners = []

        def stop(message: Message, state: SourceState) -> None:
            assert ready.wait(20)
            runners[0].stop()

        keeping.take = stop  # type: ignore[method-assign]
        runners.append(stand_in.start(Endless(), outputs=[keeping]))
        ready.set()
        assert runners[0].wait(20)

    def test_a_wait_within_a_callback_is_refused_and_does_not_hang(self, stand_in: StandInRecognizer):
        runners, ready = [], threading.Event()

        def wait(prediction: edgevid.Prediction) -> None:
            assert ready.wait(20)
            runners[0].wait()

        runners.append(stand_in.start(Endless(), on_prediction=wait))
        ready.set()
        with pytest.raises(EdgevidError, match=r"A callback called wait\(\).*use stop\(\)"):
            runners[0].wait(20)

    def test_a_read_that_blocks_is_freed_by_closing_the_source(self, stand_in: StandInRecognizer):
        source = Scripted([], live=True)
        source.script = [*video([0, 0]), source.wait_for_close]
        with stand_in.start(lambda: source) as runner:
            assert reached(lambda: runner.latest is not None)
            asked = time.monotonic()
        assert time.monotonic() - asked < 20
        assert not runner.running

    def test_a_read_that_never_ends_does_not_hold_it_up(
        self, stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(running_module, "STOP_SECONDS", 0.2)
        released = threading.Event()
        source = Scripted([*video([0, 0]), lambda: released.wait(30)])
        with stand_in.start(source) as runner:
            assert reached(lambda: runner.latest is not None)
        assert runner.running
        released.set()
        assert runner.wait(20)

    def test_a_source_that_takes_long_to_open_does_not_hold_it_up(
        self, stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(running_module, "STOP_SECONDS", 0.2)
        opening, released = threading.Event(), threading.Event()
        source = Scripted(video([0, 0]))

        def slow() -> Scripted:
            opening.set()
            released.wait(30)
            return source

        with stand_in.start(slow) as runner:
            assert opening.wait(20)
        assert runner.running
        released.set()
        assert runner.wait(20)
        assert source.closed.is_set()
        assert stand_in.embedded == 0

    def test_wait_gives_up_after_the_timeout(self, stand_in: StandInRecognizer):
        with stand_in.start(Endless()) as runner:
            assert runner.wait(0.01) is False
            assert runner.wait(0) is False
            assert runner.running

    def test_the_end_of_the_program_stops_it(self, repository: Path, make_video):
        """Also where a network runs at that moment: no crash, no message."""
        clip = make_video("clip.mp4", moving_frames(6), 3.0)
        code = (
            "import itertools, sys, edgevid\n"
            "with edgevid.VideoFile(sys.argv[1]) as video: frames = [f.image for f in video]\n"
            "early = edgevid.StreamOptions(window_seconds=0.001, min_filled=0)\n"
            "runner = edgevid.load().start(itertools.cycle(frames), stream=early)\n"
            "while runner.latest is None: pass\n"
        )
        done = run_program(repository, code, clip)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("ending", ["runner.stop(); seen.set()", "seen.set(); raise ValueError('mine')"])
    def test_the_end_of_the_program_waits_for_one_that_is_ending(self, repository: Path, make_video, ending: str):
        clip = make_video("clip.mp4", moving_frames(60, width=1280, height=720), 30.0)
        code = (
            "import sys, threading, edgevid\n"
            "seen = threading.Event()\n"
            "def told(prediction):\n"
            f"    {ending}\n"
            "early = edgevid.StreamOptions(window_seconds=0.5, min_filled=0)\n"
            "runner = edgevid.load('exercises10-motion').start(sys.argv[1], on_prediction=told, stream=early)\n"
            "seen.wait()\n"
        )
        done = run_program(repository, code, clip)
        assert done.returncode == 0, done.stderr
        assert ("ValueError: mine" in done.stderr) is ("raise" in ending)

    def test_an_error_that_nobody_asked_for_is_logged_before_the_program_ends(self, repository: Path):
        code = (
            "import edgevid\n"
            "runner = edgevid.load('exercises10-motion').start('absent.mp4', on_prediction=print)\n"
            "while runner.running: pass\n"
        )
        done = run_program(repository, code)
        assert done.stderr.count("absent.mp4 stopped: No such file") == 1

    def test_nothing_is_left_open(self, recognizer: edgevid.Recognizer, make_video):
        path = make_video("clip.avi", moving_frames(30))

        def run() -> None:
            with recognizer.start(
                path, on_prediction=lambda p: None, stream=StreamOptions(min_filled=0, window_seconds=1.0)
            ) as runner:
                runner.wait()

        run()  # opens what libraries keep open
        handles, threads = len(open_files()), threading.active_count()
        for _ in range(3):
            run()
        assert (len(open_files()), threading.active_count()) == (handles, threads)


def run_program(repository: Path, code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip


class TestStuck:
    """A caller's function that never returns, and a camera that gives no more frames."""

    def test_what_waits_for_a_function_that_never_returns_is_bounded_and_told_once(
        self, caplog: pytest.LogCaptureFixture
    ):
        release, got = threading.Event(), []

        def stuck(status: SourceStatus) -> None:
            release.wait(20)
            got.append(status.message)

        feed = Feed(lambda message, more: stuck(message), "edgevid door callbacks", lambda error: None)
        feed.newest_only = True
        feed.thread.start()
        for k in range(5000):
            feed.put(SourceStatus("door", "lost", str(k), 0.0), None)
            feed.put(Sampled("door", float(k), picture(0), None, 0.0, SourceStats(), True), None)
        assert len(feed._waiting) <= 65
        release.set()
        feed.finish()
        told = [message for message in got if message.isdigit()]
        assert told[-64:] == [str(k) for k in range(4936, 5000)]
        assert [record.message for record in caplog.records] == [
            "edgevid door callbacks: the called function has not returned while 64 events and statuses arrived; "
            "the oldest are dropped."
        ]

    @pytest.mark.parametrize("frames", [0, 5])
    def test_max_seconds_ends_a_camera_that_gives_no_frame(
        self, stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch, frames: int
    ):
        monkeypatch.setattr(runner_module, "_LATE_SECONDS", 0.1)
        source = Scripted(video([0.5] * frames, time.monotonic()), live=True)
        source.script.append(source.wait_for_close)
        began, states = time.monotonic(), []
        runner = stand_in.start(lambda: source, max_seconds=0.6, on_status=lambda status: states.append(status.state))
        assert runner.wait(20)
        assert 0.6 <= time.monotonic() - began < 5
        assert states == ["opened", "ended"]

    def test_a_camera_that_gives_frames_ends_by_them(self, stand_in: StandInRecognizer):
        with stand_in.start(Endless(), max_seconds=2.0) as runner:  # its clock runs ahead
            runner.wait(20)
        assert runner.state.timestamp - runner.state.first_timestamp == pytest.approx(2.0 - SECONDS)
