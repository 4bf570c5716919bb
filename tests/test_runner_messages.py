"""What a runner reports, and in which order: scenes, ends, kinds of events."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from support.stand_ins import AT_ONCE, Keeping, Scripted, StandInRecognizer, video
from support.waiting import reached

from edgevid import FrameError, SourceError, SourceStatus, TimedFrame
from edgevid.events import Began, Ended, Event, EventDetector
from edgevid.prediction import Prediction
from edgevid.runner import runner as runner_module
from edgevid.runner.messages import Message, SourceEvent
from edgevid.runner.state import SourceState

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def run(source: Scripted, **options: Any) -> Keeping:
    keeping = Keeping()
    with StandInRecognizer().start(source, outputs=[keeping], events=AT_ONCE, **options) as runner:
        assert runner.wait(60)
    return keeping


def words(keeping: Keeping) -> list[str]:
    """Each message in a word: a status's state, an event and its class, a frame and its probability of a jump."""
    return [word(message) for message in keeping.messages]


def word(message: Message) -> str:
    if isinstance(message, SourceStatus):
        return message.state
    if isinstance(message, SourceEvent):
        return f"{message.event.kind} {message.event.label}"
    return "-" if message.prediction is None else f"{message.prediction.probabilities[1]:.2f}"


class TestFrames:
    def test_each_says_what_it_is(self):
        frames = video([0, 0, 0])
        keeping = run(Scripted(frames), name="door")
        assert [one.timestamp for one in keeping.sampled] == [frame.timestamp for frame in frames]
        assert keeping.sampled[0].frame is frames[0].image
        assert [one.stats.used for one in keeping.sampled] == [1, 2, 3]
        assert [(one.source, one.live, one.scene) for one in keeping.sampled] == [("door", False, 1)] * 3

    def test_latency_of_a_camera_counts_from_the_capture_and_of_a_file_from_the_read(self):
        long_ago = video([0, 0], start=time.monotonic() - 100)
        assert min(one.latency_seconds for one in run(Scripted(long_ago, live=True)).sampled) > 99
        assert max(one.latency_seconds for one in run(Scripted(long_ago)).sampled) < 50

    def test_predictions_are_smoothed_before_anything_else_sees_them(self):
        assert words(run(Scripted(video([0, 0, 0, 1, 1])), smoothing="mean:2")) == [
            "opened", "-", "0.00", "began idle", "0.00", "0.25", "0.75", "ended idle", "began jump", "ended jump", "ended",
        ]  # fmt: skip


class TestScenes:
    def test_what_goes_on_ends_where_the_source_was_lost_and_nothing_of_it_is_in_the_new_scene(self):
        source = Scripted([])
        source.script = [*video([0, 0, 0]), source.lose, *video([1, 1], start=9.0)]
        keeping = run(source, smoothing="mean:5")
        assert words(keeping) == [
            "opened", "-", "0.00", "began idle", "0.00", "lost", "reopened", "ended idle", "-", "1.00", "began jump",
            "ended jump", "ended",
        ]  # fmt: skip
        assert [one.scene for one in keeping.sampled] == [1, 1, 1, 2, 2]
        assert keeping.events[1].event.timestamp == pytest.approx(0.2)

    def test_where_a_source_says_when_it_was_lost_that_is_told_then(self):
        class Losing(Scripted):
            def frames_and_losses(self, wanted: Any = None) -> Any:
                for number, frame in enumerate(self.frames(wanted)):
                    if number == 3:
                        yield None
                        assert reached(lambda: keeping.events[-1:] and keeping.events[-1].event.kind == "ended")
                        self.restarts += 1
                    yield frame

        keeping = Keeping()
        with StandInRecognizer().start(
            Losing(video([0, 0, 0, 1, 1])), outputs=[keeping], events=AT_ONCE, smoothing="mean:5"
        ) as runner:
            assert runner.wait(60)
        assert words(keeping)[4:8] == ["0.00", "ended idle", "-", "1.00"]

    def test_a_source_that_is_lost_and_never_comes_back_loses_no_event(self):
        source = Scripted([])
        source.script = [*video([0, 0]), source.lose]
        assert words(run(source))[3:] == ["began idle", "lost", "reopened", "ended idle", "ended"]

    def test_a_cut_that_the_stream_notices_is_a_scene_for_smoothing_and_events_too(self, stand_in, monkeypatch):
        stream = stand_in.open_stream()
        monkeypatch.setattr(stand_in, "open_stream", lambda options=None: stream)
        source, keeping = Scripted([*video([0, 0, 0]), stream.reset, *video([1, 1, 1], start=1.0)]), Keeping()
        with stand_in.start(source, outputs=[keeping], events=AT_ONCE, smoothing="mean:5") as runner:
            assert runner.wait(60)
        assert words(keeping)[4:9] == ["0.00", "ended idle", "-", "1.00", "began jump"]


class TestEnds:
    def test_nothing_is_added_where_nothing_goes_on(self):
        assert words(run(Scripted(video([0.5, 0.5])))) == ["opened", "-", "0.50", "ended"]
        assert words(run(Scripted([]))) == ["opened", "ended"]

    def test_a_limit_ends_it_as_the_end_of_the_source_does(self):
        keeping = run(Scripted(video([0, 0, 0, 1, 1, 1])), max_seconds=0.15)
        assert words(keeping) == ["opened", "-", "0.00", "began idle", "ended idle", "ended"]

    @pytest.mark.parametrize(
        ("last", "error"),
        [(lambda: cut_the_cable(), SourceError), (TimedFrame(0.5, np.zeros((8, 8), np.uint8)), FrameError)],
    )
    def test_a_source_that_breaks_off_loses_no_event(self, last: Any, error: type[Exception]):
        keeping, frames = Keeping(), video([0, 0])
        runner = StandInRecognizer().start(Scripted([*frames, last]), outputs=[keeping], events=AT_ONCE)
        with pytest.raises(error):
            runner.wait(60)
        assert words(keeping) == ["opened", "-", "0.00", "began idle", "ended idle", "failed"]
        assert runner.latest_sampled.frame is frames[-1].image  # not one that was refused


class TestOrder:
    @pytest.mark.parametrize("told", ["outputs", "on_status"])
    def test_who_takes_long_over_opened_is_told_of_the_loss_after_it(self, stand_in: StandInRecognizer, told: str):
        """The loss is told by another thread: that of the camera's reader."""

        class Flaky(Scripted):
            lost = threading.Event()

            def frames(self, wanted: Any = None) -> Any:
                reader = threading.Thread(target=self.lose_at_once)
                reader.start()
                for frame in super().frames(wanted):
                    assert self.lost.wait(20)
                    yield frame
                reader.join()

            def lose_at_once(self) -> None:
                assert reached(lambda: self._last_told == "opened")
                self.lose()
                self.lost.set()

        source, states = Flaky(video([0] * 5), live=True), []

        def take(status: SourceStatus, *state: SourceState) -> None:
            if isinstance(status, SourceStatus):
                if status.state == "opened":
                    assert source.lost.wait(20)
                states.append(status.state)

        keeping = Keeping()
        keeping.take = take  # type: ignore[method-assign]
        options = {"outputs": [keeping]} if told == "outputs" else {"on_status": take}
        with stand_in.start(source, **options) as runner:
            assert runner.wait(60)
        assert states == ["opened", "lost", "reopened", "ended"]

    def test_a_slow_function_does_not_delay_the_outputs(self, stand_in: StandInRecognizer):
        keeping, got = Keeping(), []

        def slow(prediction: Prediction) -> None:
            got.append(prediction)
            assert reached(lambda: len(keeping.sampled) == 8)

        with stand_in.start(Scripted(video([0] * 8)), outputs=[keeping], on_prediction=slow) as runner:
            assert runner.wait(60)
        assert len(got) == 7

    def test_a_slow_output_of_a_camera_gets_the_newest_frame_and_every_event(self, stand_in: StandInRecognizer):
        keeping, take, all_told = Keeping(), Keeping.take, threading.Event()

        def slow(message: Message, state: SourceState) -> None:
            assert all_told.wait(20)
            take(keeping, message, state)

        keeping.take = slow  # type: ignore[method-assign]
        source = Scripted([*video([0, 0, 1, 1, 0, 0]), all_told.set], live=True)
        with stand_in.start(source, outputs=[keeping], events=AT_ONCE) as runner:
            assert runner.wait(60)
        # the first status was being handled; one frame waited: the last
        assert words(keeping) == [
            "opened", "began idle", "ended idle", "began jump", "0.00", "ended jump", "began idle", "ended idle", "ended",
        ]  # fmt: skip
        assert keeping.states[-1].frames == 6  # the state knows of all
        assert runner.stats().passed_over == 0  # which counts for functions only


@dataclass(frozen=True)
class Paced(Event):
    """An unknown kind of event."""

    count: int
    kind: ClassVar[str] = "paced"


class CountingDetector(EventDetector):
    """Also reports the number of predictions."""

    count = 0

    def update(self, prediction: Prediction) -> list[Event]:
        self.count += 1
        return [Paced("jump", prediction.timestamp or 0.0, self.count), *super().update(prediction)]


def test_a_further_kind_of_event_is_told_as_the_others_are(stand_in: StandInRecognizer, monkeypatch):
    monkeypatch.setattr(runner_module, "EventDetector", CountingDetector)
    keeping, got = Keeping(), []
    with stand_in.start(Scripted(video([0, 0, 1])), outputs=[keeping], on_event=got.append, events=AT_ONCE) as runner:
        assert runner.wait(60)
    assert words(keeping)[3:] == ["paced jump", "began idle", "0.50", "paced jump", "ended idle", "ended"]
    assert [type(event) for event in got] == [Paced, Began, Paced, Ended]
    assert got[2].as_dict() == {"event": "paced", "label": "jump", "timestamp": pytest.approx(0.2), "count": 2}
    assert runner.stats().events == 4
    assert [state.action and state.action.label for state in keeping.states] == [
        None, None, None, None, "idle", "idle", "idle", None, None,
    ]  # fmt: skip


def cut_the_cable() -> None:
    raise SourceError("The cable is out.")
