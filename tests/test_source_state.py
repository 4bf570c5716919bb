"""edgevid.runner.state: what is known about a source after each message."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Optional

import numpy as np
import pytest
from support.stand_ins import Endless, StandInRecognizer
from support.waiting import reached

from edgevid import SourceStats, SourceStatus
from edgevid.cli.stream_summary import Summary
from edgevid.events import Began, Counted, Ended
from edgevid.prediction import Prediction
from edgevid.runner import state as state_module
from edgevid.runner.messages import Sampled, SourceEvent
from edgevid.runner.state import SourceState, StateTracker

LABELS = ("idle", "jump")


def sampled(
    timestamp: float,
    jump: Optional[float] = None,
    *,
    scene: int = 1,
    captured: int = 0,
    filled: float = 1.0,
    **options: Any,
) -> Sampled:
    predicted = None
    if jump is not None:
        predicted = Prediction(LABELS, np.array([1 - jump, jump], np.float32), window_filled=filled)
    frame = np.zeros((4, 4, 3), np.uint8)
    return Sampled("camera", timestamp, frame, predicted, 0.02, SourceStats(captured=captured), True, scene, **options)


def status(state: str, message: str = "") -> SourceStatus:
    return SourceStatus("camera", state, message, time.monotonic())


def event(event: Any) -> SourceEvent:
    return SourceEvent("camera", event, True)


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(state_module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def tracker() -> StateTracker:
    return StateTracker("camera", 5.0)


class TestStates:
    def test_from_waiting_to_its_end(self, tracker: StateTracker):
        assert (tracker.state.state, tracker.state.sampled, tracker.state.live) == ("waiting", None, False)
        told = [status("opened"), sampled(0), status("lost"), status("reopened"), sampled(9, scene=2), status("ended")]
        states = [tracker.take(message) for message in told]
        assert [state.state for state in states] == ["opened", "running", "lost", "reopened", "running", "ended"]
        assert states[1].live
        assert states[0].state == "opened"  # each is frozen

    def test_it_may_be_shown_to_others(self):
        tracker = StateTracker("camera rtsp://me:secret@yard/live")
        state = tracker.take(status("failed", "rtsp://me:secret@yard/live does not open."))
        assert (state.name, state.message) == ("camera rtsp://yard/live", "rtsp://yard/live does not open.")
        assert state.source == "camera rtsp://me:secret@yard/live"

    def test_counts(self, tracker: StateTracker):
        for message in (sampled(3.0), sampled(3.2, 0.7), event(Began("jump", 3.2, 0.7)), sampled(3.4, 0.8)):
            state = tracker.take(message)
        assert (state.frames, state.predictions, state.events) == (3, 2, 1)
        assert (state.first_timestamp, state.timestamp) == (3.0, 3.4)
        assert state.mean_latency_seconds == state.latency_seconds == pytest.approx(0.02)

    def test_an_action_s_repetitions(self, tracker: StateTracker):
        for message in (sampled(3.0, 0.7), event(Began("jump", 3.0, 0.7)), event(Counted("jump", 3.0, 2))):
            state = tracker.take(message)
        assert (state.action.label, state.action.count, state.action.since, state.events) == ("jump", 2, 3.0, 2)
        assert tracker.take(event(Counted("idle", 3.1, 7))).action == state.action  # idle is not under way
        assert tracker.take(sampled(3.2, 0.9)).action.count == 2

    def test_a_runner_has_one(self):
        with StandInRecognizer().start(Endless(jump=1.0), name="door") as runner:
            assert runner.state.source == "door"
            assert reached(lambda: runner.state.action is not None)
            assert runner.state.action.label == "jump"
            assert runner.state.window_filled == 1.0
        assert runner.state.state == "ended"
        with pytest.raises(dataclasses.FrozenInstanceError):
            runner.state.frames = 0


class TestWindow:
    def test_it_fills_until_the_first_prediction(self, tracker: StateTracker):
        filled = [tracker.take(one).window_filled for one in (sampled(10), sampled(12), sampled(14), sampled(15, 0.5))]
        assert filled == [0.0, 0.4, 0.8, 1.0]
        assert tracker.take(sampled(15.2)).window_filled == 1.0  # between two hops

    def test_a_prediction_that_is_early_says_how_far_it_is(self, tracker: StateTracker):
        assert tracker.take(sampled(0, 0.5, filled=0.04)).window_filled == 0.04

    def test_not_known_where_nobody_said_what_it_spans(self):
        assert StateTracker("camera").take(sampled(10)).window_filled is None

    @pytest.mark.parametrize("lost", [True, False])
    def test_a_new_scene_fills_it_anew(self, tracker: StateTracker, lost: bool):
        tracker.take(sampled(0, 0.5))
        if lost:
            state = tracker.take(status("lost"))
            assert (state.prediction, state.window_filled) == (None, None)
            tracker.take(status("reopened"))
        state = tracker.take(sampled(9, scene=2))
        assert (state.prediction, state.window_filled) == (None, 0.0)
        assert tracker.take(sampled(11, scene=2)).window_filled == 0.4


class TestActions:
    def test_one_goes_on_until_it_ends(self, tracker: StateTracker):
        assert tracker.take(sampled(0)).since is None
        state = tracker.take(sampled(1, 0.2))
        assert (state.action, state.since) == (None, 1)
        tracker.take(sampled(2, 0.7))
        state = tracker.take(event(Began("jump", 2, 0.7)))
        assert (state.action.label, state.since, state.action.peak_score) == ("jump", 2, 0.7)
        assert state.action_score == pytest.approx(0.7)
        tracker.take(sampled(3, 0.9))
        state = tracker.take(sampled(4, 0.8))
        assert state.action_score == pytest.approx(0.8)
        assert state.action.peak_score == pytest.approx(0.9)
        state = tracker.take(event(Ended("jump", 5, 3, 0.9)))
        assert (state.action, state.action_score, state.since) == (None, None, 5)

    def test_of_several_the_one_that_began_last(self, tracker: StateTracker):
        tracker.take(event(Began("idle", 1, 0.6)))
        state = tracker.take(event(Began("jump", 2, 0.6)))
        assert [action.label for action in state.actions] == ["idle", "jump"]
        assert state.action.label == "jump"
        state = tracker.take(event(Ended("jump", 3, 1, 0.6)))
        assert (state.action.label, state.since) == ("idle", 1)

    def test_none_goes_on_in_a_source_that_is_gone(self, tracker: StateTracker):
        tracker.take(sampled(1, 0.9))
        tracker.take(event(Began("jump", 1, 0.9)))
        state = tracker.take(status("lost"))
        assert (state.action, state.since) == (None, None)
        for late in (sampled(2, 0.9), event(Began("jump", 2, 0.9)), event(Ended("jump", 2, 1, 0.9))):  # were under way
            state = tracker.take(late)
            assert (state.state, state.action, state.prediction, state.since) == ("lost", None, None, None)
        assert (state.frames, state.events) == (2, 3)


class TestRates:
    def test_over_the_last_seconds(self, tracker: StateTracker, clock: Clock):
        rates = []
        for number in range(100):
            clock.now += 0.2 if number < 50 else 0.1
            state = tracker.take(sampled(number, captured=3 * number))
            rates.append((state.frames_per_second, state.captured_per_second))
        assert rates[0] == (None, None)
        assert rates[40] == pytest.approx((5, 15))
        assert rates[99] == pytest.approx((10, 30))

    def test_none_come(self, tracker: StateTracker, clock: Clock):
        for number in range(2):
            clock.now += 0.5
            state = tracker.take(sampled(number, 0.5))
        assert state.frames_per_second == pytest.approx(2)
        clock.now += 6
        assert (state.frames_per_second, state.captured_per_second) == (0, 0)
        assert state.age_seconds == pytest.approx(6.02)
        assert state.prediction_age_seconds == pytest.approx(6)
        assert tracker.take(status("lost")).frames_per_second == 0
        assert SourceState("a", "a").age_seconds is None

    @pytest.mark.parametrize(
        ("seconds", "captured_each", "too_slow"),
        [(0.2, 6, None), (0.215, 6, None), (0.5, 15, "machine"), (0.5, 1, "camera"), (0.9, 2, "camera")],
    )
    def test_what_is_too_slow_for_the_samples(
        self,
        clock: Clock,
        capsys: pytest.CaptureFixture[str],
        seconds: float,
        captured_each: int,
        too_slow: Optional[str],
    ):
        tracker, summary = StateTracker("camera", 5.0, 5.0), Summary()
        for number in range(1, 60):
            clock.now += seconds
            message = sampled(number * seconds, captured=number * captured_each)
            state = tracker.take(message)
            summary.take(message, state)
            if number * seconds < 4:
                assert state.too_slow is None  # too early to tell
        assert state.too_slow == too_slow
        told = capsys.readouterr().err
        assert told.count("the model needs") == (1 if too_slow else 0)
        assert (f"this machine processes {1 / seconds:.1f} of the 5.0" in told) == (too_slow == "machine")
        # a file waits, so it is not too slow; nor is a lost source
        assert tracker.take(dataclasses.replace(sampled(60.0), live=False)).too_slow is None
        assert tracker.take(status("lost")).too_slow is None
