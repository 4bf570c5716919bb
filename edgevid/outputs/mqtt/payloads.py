"""The JSON published for a source: its state, its stats, its events."""

from __future__ import annotations

import math
import time
from datetime import datetime, timezone
from typing import Any, Optional

from ...events import Event
from ...runner.messages import Message
from ...runner.state import GONE, SourceState
from ...sources.base import SourceStatus
from .discovery import NONE, UNKNOWN

_LAST_WALL = 253402300799.0  # the end of the year 9999, the last that a datetime can hold


def stale_payload(leaf: str) -> dict[str, Any]:
    """A payload that replaces the "state" or "stats" left behind by a killed program."""
    payloads = SourcePayloads("", "")
    payloads.update(SourceStatus("", "ended", "", 0.0), SourceState("", "", state="ended"), 0)
    return payloads.state if leaf == "state" else payloads.stats


class SourcePayloads:
    """The payloads of one source, without pictures.

    Attributes:
        state, stats: the payloads after the last message, for JSON.
    """

    def __init__(self, name: str, slug: str) -> None:
        self.name, self.slug = name, slug
        self.state: dict[str, Any] = {}
        self.stats: dict[str, Any] = {}
        self._status: Optional[str] = None  # of the last SourceStatus
        self._action: Optional[tuple[str, Optional[float]]] = None  # and its beginning on the source's clock
        self._since = 0.0  # the same, time.time()

    def update(self, message: Message, state: SourceState, events_dropped: int) -> bool:
        """Apply a message. Returns whether the action, its score, count or beginning, or the prediction in words has changed."""
        wall = time.time() if isinstance(message, SourceStatus) else _wall(state, state.timestamp)
        if isinstance(message, SourceStatus):
            self._status = message.state
        gone = state.state in GONE
        if gone or (state.action is None and state.prediction is None):
            action, since = UNKNOWN, None
        else:
            action, since = NONE if state.action is None else state.action.label, state.since
        if (action, since) != self._action:
            self._action, self._since = (action, since), wall if since is None else _wall(state, since)
        score = None if action == UNKNOWN else _rounded(state.action_score, 2)
        prediction, answer = (None, None) if gone else (state.prediction, state.answer)
        region = None if prediction is None else prediction.region
        before = self.state
        self.state = {
            "action": action,
            "score": score,
            "count": None if gone or state.action is None else state.action.count,
            "since": _iso(self._since),
            "time": _iso(wall),
            "seconds": _rounded(state.timestamp or 0.0, 3),
            "prediction": None if answer is None else answer.words(f"{answer.label} {answer.score:.2f}"),
            "region": None if region is None else region.as_list(),
        }
        stats = state.stats
        self.stats = {
            "status": self._status,
            "message": state.message or None,
            "frames_per_second": _rounded(state.frames_per_second, 2),
            "latency_ms": None if gone else _milliseconds(state.latency_seconds),
            "age_ms": _milliseconds(stats.age_seconds),
            "captured": stats.captured,
            "used": stats.used,
            "dropped": stats.dropped,
            "restarts": stats.restarts,
            "events_dropped": events_dropped,
            "time": _iso(wall),
        }
        return any(before.get(name) != self.state[name] for name in ("action", "score", "count", "since", "prediction"))

    def event(self, event: Event, state: SourceState) -> dict[str, Any]:
        """The payload of an event: the common fields, and those of its kind."""
        others = {name: value for name, value in event.as_dict().items() if name not in ("event", "label", "timestamp")}
        return {
            "event_type": event.kind,
            "label": event.label,
            "source": self.name,
            "time": _iso(_wall(state, event.timestamp)),
            "seconds": _rounded(event.timestamp, 3),
            **{name: _rounded(value, 3) if isinstance(value, float) else value for name, value in others.items()},
        }


def _wall(state: SourceState, timestamp: Optional[float]) -> float:
    """Convert a timestamp of a source to ``time.time()``.

    A camera's clock is ``time.monotonic()``; its offset to the wall clock is measured anew each time, because the wall
    clock may be set. A file's clock begins with the file: its events get the time when the frame was read.
    """
    now = time.time()
    ahead = now - time.monotonic()
    wall = ahead + timestamp if state.live and timestamp is not None else now - (state.age_seconds or 0.0)
    return wall if math.isfinite(wall) else now


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(min(max(wall, 0.0), _LAST_WALL), timezone.utc).isoformat(timespec="milliseconds")


def _rounded(value: Optional[float], digits: int) -> Optional[float]:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _milliseconds(seconds: Optional[float]) -> Optional[float]:
    return _rounded(None if seconds is None else seconds * 1000, 1)
