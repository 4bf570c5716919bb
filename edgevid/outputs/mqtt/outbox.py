"""What is to be published, kept in bounded memory until the network takes it: of each source the latest, and some events."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from ... import __version__
from ...events import Event
from ...runner.messages import Observation
from ...sources.base import SourceStatus
from ...support.credentials import without_credentials
from .discovery import discovery_payload, discovery_topic
from .source_state import Slot, SourceState, WallClock, event_payload
from .topics import Topics, slug

ONLINE, OFFLINE = "online", "offline"


class Message(NamedTuple):
    """A message that can be handed to the client."""

    topic: str
    payload: str
    qos: int = 0
    retain: bool = False


class Outbox:
    """Filled by the threads that run the streams, emptied by the one that talks to the broker. No method waits for a network.

    Args:
        topics: where to publish.
        name: of the device, for people.
        labels: the classes.
        discovery_prefix: Home Assistant's; None for no discovery.
        interval_seconds: the least time between two states of a source.
        stats_seconds: the same for its stats.
        max_events: events that are kept while the broker is away; of more, the oldest are dropped.
    """

    def __init__(
        self,
        topics: Topics,
        name: str,
        labels: Sequence[str],
        *,
        discovery_prefix: Optional[str],
        interval_seconds: float,
        stats_seconds: float,
        max_events: int,
    ) -> None:
        self._topics, self._name, self._labels = topics, name, tuple(labels)
        self._discovery_prefix = discovery_prefix
        self._interval_seconds, self._stats_seconds = interval_seconds, stats_seconds
        self._max_events = max_events
        self._lock = threading.Lock()
        self._sources: dict[str, SourceState] = {}
        self._events: deque[tuple[str, dict[str, Any]]] = deque()
        self._events_dropped = 0
        self._discovery_due = self._online_due = False

    def observe(self, observation: Observation) -> bool:
        """Remember what a frame brought. Returns whether there is something new to send."""
        clock = WallClock(observation)
        with self._lock:
            source = self._source(observation.source, clock.at(observation.timestamp))
            before = (source.state.dirty, source.stats.dirty)
            for event in observation.events:
                self._add_event(source, event, clock.at(event.timestamp))
            source.observe(observation, clock.at(observation.timestamp))
            changed = before != (source.state.dirty, source.stats.dirty)
            return changed or bool(observation.events) or self._discovery_due

    def status(self, status: SourceStatus) -> None:
        """Remember a source's new state; it is sent at once."""
        with self._lock:
            self._source(status.source, time.time()).change_status(status, time.time())

    def republish(self) -> None:
        """All that is retained is to be sent again: the broker, or Home Assistant, is new."""
        with self._lock:
            self._discovery_due = self._discovery_prefix is not None
            self._online_due = True
            for source in self._sources.values():
                source.state.mark(0.0)
                source.stats.mark(0.0)

    def hurry(self) -> None:
        """What is to be sent is to be sent now, not when its interval is over."""
        with self._lock:
            for slot in self._slots():
                slot.due = 0.0

    def take_greeting(self) -> Optional[Message]:
        """What has to be there before an event: discovery, then "online"."""
        with self._lock:
            if self._discovery_due and self._discovery_prefix is not None:
                self._discovery_due = False
                return self._discovery(self._discovery_prefix)
            if self._online_due:
                self._online_due = False
                return Message(self._topics.availability, ONLINE, retain=True)
        return None

    def take_latest(self) -> Optional[Message]:
        """The next state, or stats, that are due."""
        now = time.monotonic()
        with self._lock:
            for source in self._sources.values():
                if source.state.is_due(now):
                    source.state.sent(now + self._interval_seconds)
                    return self._retained(source, "state", source.state_payload())
                if source.stats.is_due(now):
                    source.stats.sent(now + self._stats_seconds)
                    return self._retained(source, "stats", source.stats_payload(self._events_dropped))
        return None

    def take_event(self) -> Optional[Message]:
        """The oldest event that was not sent."""
        with self._lock:
            if not self._events:
                return None
            slug, payload = self._events.popleft()
        return Message(self._topics.of_source(slug, "event"), _json(payload), qos=1)

    def due_in(self) -> Optional[float]:
        """Seconds until there is a message that is no event; None when nothing is to be sent."""
        now = time.monotonic()
        with self._lock:
            if self._discovery_due or self._online_due:
                return 0.0
            return min((max(slot.due - now, 0.0) for slot in self._slots() if slot.dirty), default=None)

    @property
    def events_waiting(self) -> int:
        """Events that were not taken."""
        return len(self._events)

    @property
    def events_dropped(self) -> int:
        """Events that were dropped because more than ``max_events`` waited."""
        return self._events_dropped

    def _slots(self) -> list[Slot]:
        return [slot for source in self._sources.values() for slot in (source.state, source.stats)]

    def _source(self, name: str, wall: float) -> SourceState:
        source = self._sources.get(name)
        if source is None:
            taken = {other.slug for other in self._sources.values()}
            shown = without_credentials(name)
            source = self._sources[name] = SourceState(shown, slug(shown, taken), wall)
            self._discovery_due = self._discovery_prefix is not None
        return source

    def _add_event(self, source: SourceState, event: Event, wall: float) -> None:
        if len(self._events) >= self._max_events:
            self._events.popleft()
            self._events_dropped += 1
        self._events.append((source.slug, event_payload(event, source.name, wall)))
        source.apply(event, wall)

    def _retained(self, source: SourceState, leaf: str, payload: dict[str, Any]) -> Message:
        return Message(self._topics.of_source(source.slug, leaf), _json(payload), retain=True)

    def _discovery(self, prefix: str) -> Message:
        sources = [(source.name, source.slug) for source in self._sources.values()]
        payload = discovery_payload(self._topics, self._name, __version__, self._labels, sources)
        return Message(discovery_topic(prefix, self._topics.node_id), _json(payload), retain=True)


def _json(payload: dict[str, Any]) -> str:
    return json.dumps(payload, separators=(",", ":"))
