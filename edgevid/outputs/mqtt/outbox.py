"""Messages to publish, kept in bounded memory until the network takes them: the newest of each topic, and some events."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from ... import __version__
from ...events import Event
from ...runner.messages import Message, SourceEvent
from ...runner.state import SourceState
from ...sources.base import SourceStatus
from .discovery import EVENT_TYPES, discovery_payload, discovery_topic
from .payloads import SourcePayloads, stale_payload
from .topics import Topics, slug

ONLINE, OFFLINE = "online", "offline"
_ONLINE_SECONDS = 2.0  # limits the answers to another program of the same name that keeps saying "offline"
_MAX_STALE = 64  # no program has more sources than that, but a broker may send anything


class Publication(NamedTuple):
    """A message to hand to the client."""

    topic: str
    payload: str
    qos: int = 0
    retain: bool = False


class Outbox:
    """Filled by the runners' threads, emptied by the connection to the broker. No method waits for a network.

    Args:
        topics: where to publish.
        name: name of the device, for people.
        labels: the classes.
        discovery_prefix: Home Assistant's; None disables discovery.
        interval_seconds: minimum time between two states of a source.
        stats_seconds: the same for its stats.
        max_events: number of events to keep while the broker is away; beyond it the oldest are dropped.
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
        self._interval_seconds = {
            "state": interval_seconds, "stats": stats_seconds, "availability": _ONLINE_SECONDS,
        }  # fmt: skip
        self._max_events = max_events
        self._lock = threading.Lock()
        self._sources: dict[str, SourcePayloads] = {}
        self._event_types = dict.fromkeys(EVENT_TYPES)
        self._discovery_topic = discovery_prefix and discovery_topic(discovery_prefix, topics.node_id)
        # Retained topics: their newest payloads, those still to send, and the earliest time to send them (time.monotonic())
        self._latest: dict[str, Any] = {}
        self._changed: dict[str, None] = {}
        self._due: dict[str, float] = {}
        self._stale: dict[str, None] = {}
        self._events: deque[Publication] = deque()
        self.events_dropped = 0
        self._discover()
        self._latest[topics.availability] = ONLINE

    def take(self, message: Message, state: SourceState) -> None:
        """Store the content of a message. A status is sent at once, the rest when its interval is over."""
        with self._lock:
            source = self._sources.get(state.source) or self._add_source(state)
            if isinstance(message, SourceEvent):
                self._add_event(message.event, source, state)
            state_topic, stats_topic = (self._topics.of_source(source.slug, leaf) for leaf in ("state", "stats"))
            if source.update(message, state, self.events_dropped):
                self._put(state_topic, source.state)
            self._put(stats_topic, source.stats)
            if isinstance(message, SourceStatus):
                self._due.pop(state_topic, None)
                self._due.pop(stats_topic, None)

    def republish(self) -> None:
        """Send all retained topics again: the broker, or Home Assistant, has restarted."""
        with self._lock:
            self._changed = dict.fromkeys(self._latest)
            self._due.clear()

    def hurry(self) -> None:
        """Send everything now, without waiting for intervals."""
        with self._lock:
            self._due.clear()

    def replace_stale(self, topic: str) -> None:
        """The broker retains this topic of a source. If the source is not ours, a killed run left it: mark it as ended."""
        with self._lock:
            if topic not in self._latest and len(self._stale) < _MAX_STALE:
                self._stale[topic] = None

    def say_online(self) -> None:
        """Send "online" again, because someone else sent "offline" in our name."""
        with self._lock:
            self._changed[self._topics.availability] = None

    def next(self) -> Optional[Publication]:
        """The next message to send. At the beginning "online" comes after all retained topics, so that nothing old stands
        beside it; later events come before states.
        """
        now = time.monotonic()
        with self._lock:
            if self._stale:
                topic, _ = self._stale.popitem()
                return Publication(topic, _text(stale_payload(topic.rpartition("/")[2])), retain=True)
            due = [topic for topic in self._changed if self._due.get(topic, now) <= now]
            if self._discovery_topic in due:
                topic = str(self._discovery_topic)
            elif self._topics.availability in due:
                topic = next((one for one in due if one != self._topics.availability), self._topics.availability)
            elif self._events:
                return self._events.popleft()
            elif due:
                topic = due[0]
            else:
                return None
            del self._changed[topic]
            self._due[topic] = now + self._interval_seconds.get(topic.rpartition("/")[2], 0.0)
            return Publication(topic, _text(self._latest[topic]), retain=True)

    @property
    def events_waiting(self) -> int:
        """Number of events that were not taken."""
        return len(self._events)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to send, now or after an interval."""
        return not (self._events or self._changed or self._stale)

    def _put(self, topic: str, payload: Any) -> None:
        self._latest[topic] = payload
        self._changed[topic] = None

    def _add_source(self, state: SourceState) -> SourcePayloads:
        name = slug(state.name, {source.slug for source in self._sources.values()})
        source = self._sources[state.source] = SourcePayloads(state.name, name)
        self._discover()
        return source

    def _add_event(self, event: Event, source: SourcePayloads, state: SourceState) -> None:
        if len(self._events) >= self._max_events:
            self._events.popleft()
            self.events_dropped += 1
        topic = self._topics.of_source(source.slug, "event")
        self._events.append(Publication(topic, _text(source.event(event, state)), qos=1))
        if event.kind not in self._event_types:  # Home Assistant must know all kinds beforehand
            self._event_types[event.kind] = None
            self._discover()

    def _discover(self) -> None:
        if self._discovery_topic is not None:
            sources = [(source.name, source.slug) for source in self._sources.values()]
            payload = discovery_payload(
                self._topics, self._name, __version__, self._labels, list(self._event_types), sources
            )
            self._put(self._discovery_topic, payload)


def _text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
