"""edgevid.sources.opening: sources that are not there yet."""

from __future__ import annotations

import threading

import pytest

from edgevid.errors import EdgevidError, SourceError
from edgevid.sources import FrameIterable, opening
from edgevid.sources.opening import Opener
from edgevid.support.retry import Retry


class Late:
    """A source that opens at the ``opens_at``-th try."""

    def __init__(self, opens_at: float, message: str = "It does not open.") -> None:
        self.tries = 0
        self.message = message
        self.opens_at = opens_at

    def __call__(self) -> FrameIterable:
        self.tries += 1
        if self.tries < self.opens_at:
            raise SourceError(self.message)
        return FrameIterable([])


@pytest.fixture
def said() -> list[tuple[str, str]]:
    return []


def opener(said, *, wait: bool) -> Opener:
    return Opener(reconnect=True, wait=wait, on_message=lambda *what: said.append(what))


def test_who_does_not_wait_is_told_at_once(said):
    late = Late(2)
    with pytest.raises(SourceError, match="It does not open"):
        opener(said, wait=False).open("door", late)
    assert (late.tries, said) == (1, [])


def test_it_is_tried_ever_more_seldom_until_it_opens_and_said_once(said, monkeypatch):
    waits = []
    monkeypatch.setattr(threading.Event, "wait", lambda event, seconds: waits.append(seconds))
    source = opener(said, wait=True).open("door", Late(10))
    assert isinstance(source, FrameIterable)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert [name for name, _ in said] == ["door", "door"]
    assert said[0][1] == "It does not open. It is tried again until it opens."
    assert said[1][1].startswith("It is open after ")


def test_what_it_says_is_made_of_sentences(said, monkeypatch):
    monkeypatch.setattr(threading.Event, "wait", lambda event, seconds: False)
    opener(said, wait=True).open("door", Late(2, "No such file: door.mp4"))
    assert said[0][1] == "No such file: door.mp4. It is tried again until it opens."


def test_a_stop_ends_the_wait_with_the_reason(said, monkeypatch):
    monkeypatch.setattr(opening, "Retry", lambda: Retry(1000.0))
    waiting, ended = opener(said, wait=True), []

    def open_it() -> None:
        with pytest.raises(SourceError, match="It does not open"):
            waiting.open("door", Late(float("inf")))
        ended.append(True)

    thread = threading.Thread(target=open_it)
    thread.start()
    waiting.stop()
    thread.join(30)
    assert ended == [True]


def test_another_error_is_no_reason_to_wait(said):
    def wrong() -> FrameIterable:
        raise EdgevidError("That is no source.")

    with pytest.raises(EdgevidError, match="no source"):
        opener(said, wait=True).open("door", wrong)
    assert said == []
