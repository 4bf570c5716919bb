"""Telling an output what happens in sources, as a runner does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Optional

from edgevid.events import Event
from edgevid.runner.messages import Message, Sampled, SourceEvent, SourceStatus
from edgevid.runner.state import SourceState, StateTracker


class Seen(NamedTuple):
    """A frame, and the events that it decided."""

    sampled: Sampled
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Paced(Event):
    """An event of a kind that no output knows."""

    repetitions: int
    per_minute: float
    kind: ClassVar[str] = "paced"


class Told:
    """An output that is told the state of each source. Its own attributes are available here too."""

    def __init__(self, output: Any, window_seconds: Optional[float] = None) -> None:
        self.output = output
        self._window_seconds = window_seconds
        self._trackers: dict[str, StateTracker] = {}
        self.next_try_at: Optional[float] = None  # time.monotonic() when a source that is lost is opened again

    def observe(self, seen: Seen) -> None:
        self.take(seen.sampled)
        for event in seen.events:
            self.take(SourceEvent(seen.sampled.source, event, seen.sampled.live))

    def status(self, status: SourceStatus) -> None:
        self.take(status)

    def events(self, source: str, events: Sequence[Event], *, live: bool = True) -> None:
        """Events without a frame, as after a scene's last one."""
        for event in events:
            self.take(SourceEvent(source, event, live))

    def take(self, message: Message) -> None:
        tracker = self._trackers.get(message.source)
        if tracker is None:
            tracker = StateTracker(message.source, self._window_seconds, next_try_at=lambda: self.next_try_at)
            tracker = self._trackers.setdefault(message.source, tracker)
        self.output.take(message, tracker.take(message))

    def states(self, source: Optional[str] = None) -> list[SourceState]:
        """What is known about a source, or about all."""
        return [tracker.state for name, tracker in self._trackers.items() if source in (None, name)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)

    def __enter__(self) -> Told:
        self.output.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.output.__exit__(*error)
