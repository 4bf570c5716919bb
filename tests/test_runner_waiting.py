"""Runners that wait for missing sources, and report when they try again."""

from __future__ import annotations

import threading
from typing import Any, Optional

import pytest
from support.cameras import Statuses
from support.stand_ins import StandInRecognizer
from support.waiting import reached

from edgevid.errors import EdgevidError, SourceError
from edgevid.runner import runner as runner_module
from edgevid.runner.messages import Message
from edgevid.runner.running import wait_interruptibly
from edgevid.runner.state import SourceState
from edgevid.sources import FrameIterable
from edgevid.support.retry import Retry

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class Late:
    """A source that opens at the ``opens_at``-th try."""

    def __init__(
        self, opens_at: float, message: str = "It does not open.", error: type[Exception] = SourceError
    ) -> None:
        self.tries, self.opens_at = 0, opens_at
        self.error = error(message)

    def __call__(self) -> FrameIterable:
        self.tries += 1
        if self.tries < self.opens_at:
            raise self.error
        return FrameIterable([])


class Pauses:
    """In place of a :class:`Retry`: records what its pauses would have been, and makes short ones."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._retry = Retry()

    def __call__(self) -> Any:
        return self

    def next_delay(self) -> float:
        self.seconds.append(self._retry.next_delay())
        return 0.001


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    pauses = Pauses()
    monkeypatch.setattr(runner_module, "Retry", pauses)
    return pauses


def test_who_does_not_wait_is_told_at_once(stand_in: StandInRecognizer):
    late, statuses = Late(2), Statuses()
    with pytest.raises(SourceError, match="It does not open"):
        stand_in.start(late, on_status=statuses).wait()
    assert (late.tries, statuses.states) == (1, ["failed"])


def test_it_is_tried_ever_more_seldom_until_it_opens_and_said_once(stand_in: StandInRecognizer, pauses: Pauses):
    statuses = Statuses()
    stand_in.start(Late(10, "No such file: door.mp4"), on_status=statuses, wait=True).wait()
    assert pauses.seconds == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert statuses.states == ["waiting", "opened", "ended"]
    assert statuses[0].message == "No such file: door.mp4. It is tried again until it opens."
    assert statuses[1].message.startswith("source is open after ")


def test_outputs_see_that_it_is_waited_for_and_when_it_is_tried_next(
    stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(runner_module, "Retry", lambda: Retry(1000.0, 1000.0))
    told: list[SourceState] = []

    class Output:
        def take(self, message: Message, state: SourceState) -> None:
            told.append(state)

        def close(self) -> None:
            pass

    with stand_in.start(Late(float("inf")), outputs=[Output()], wait=True) as runner:
        assert reached(lambda: told)
        assert told[0].state == "waiting"
        seconds = told[0].next_try_seconds
        assert seconds is not None
        assert 900 < seconds <= 1000
    assert runner.error is None  # the stop ended the wait
    assert told[-1].state == "ended"
    assert told[-1].next_try_seconds is None


def test_another_error_is_no_reason_to_wait(stand_in: StandInRecognizer):
    late = Late(2, "That is no source.", EdgevidError)
    with pytest.raises(EdgevidError, match="no source"):
        stand_in.start(late, wait=True).wait()
    assert late.tries == 1


def test_a_wait_holds_no_lock_that_ctrl_c_could_leave_held():
    """``threading.Event.wait`` does, for moments; Ctrl-C there became a RuntimeError."""

    class Waiting(threading.Event):
        def wait(self, timeout: Optional[float] = None) -> bool:
            raise AssertionError("it was waited for")

    event = Waiting()
    assert not wait_interruptibly(event, 0.05)
    threading.Timer(0.05, event.set).start()
    assert wait_interruptibly(event, 20)


def test_ctrl_c_before_its_threads_run_is_no_trouble_at_the_end(
    stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*threads: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner_module, "start_threads", interrupt)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        stand_in.start(Late(1))
    (runner,) = {entry.frame.f_locals["self"] for entry in interrupted.traceback if entry.name == "__init__"}
    runner_module._stop_all([runner])
