"""The latest of one source: what it shows, since when, and how fast."""

from __future__ import annotations

import math
import time
from datetime import datetime, timezone
from typing import Any, Optional

from ...events import Began, Event
from ...runner.messages import Observation
from ...sources.base import SourceStats, SourceStatus
from ...support.credentials import without_credentials
from .discovery import NONE, UNKNOWN

_GONE = ("lost", "ended", "failed")
_LAST_WALL = 253402300799.0  # the end of the year 9999, the last that a datetime can hold


class WallClock:
    """Timestamps of an observation as seconds of ``time.time()``.

    A live source's clock is ``time.monotonic()``; how far the wall clock is ahead of it is measured anew each time, for people
    set clocks. A file's clock begins with the file: all that its frame brings happened when the frame was read.
    """

    def __init__(self, observation: Observation) -> None:
        self._now = time.time()
        self._live = observation.stats.age_seconds is not None
        self._ahead = self._now - time.monotonic()
        self._read = self._now - observation.latency_seconds

    def at(self, timestamp: float) -> float:
        wall = self._ahead + timestamp if self._live else self._read
        return wall if math.isfinite(wall) else self._now


class Slot:
    """Whether something is to be sent, and from when on it may be (``time.monotonic()``)."""

    def __init__(self) -> None:
        self.dirty = False
        self.due = 0.0

    def mark(self, due: Optional[float] = None) -> None:
        self.dirty = True
        if due is not None:
            self.due = due

    def is_due(self, now: float) -> bool:
        return self.dirty and now >= self.due

    def sent(self, next_due: float) -> None:
        self.dirty = False
        self.due = next_due


class SourceState:
    """The latest of one source. Walls are seconds of ``time.time()``."""

    def __init__(self, name: str, slug: str, wall: float) -> None:
        self.name, self.slug = name, slug
        self.state, self.stats = Slot(), Slot()
        self.state.mark()
        self._going_on: dict[str, float] = {}  # label -> wall when it began, in order
        self._quiet_since = wall
        self._action, self._since = UNKNOWN, wall
        self._score: Optional[float] = None
        self._wall, self._seconds = wall, 0.0
        self._status: Optional[str] = None
        self._status_message: Optional[str] = None
        self._source_stats = SourceStats()
        self._rate = _Rate()

    def apply(self, event: Event, wall: float) -> None:
        self._going_on.pop(event.label, None)
        if isinstance(event, Began):
            self._going_on[event.label] = wall
        else:
            self._quiet_since = wall

    def observe(self, observation: Observation, wall: float) -> None:
        self._wall, self._seconds = wall, observation.timestamp
        self._source_stats = observation.stats
        self.stats.mark()
        before = (self._action, self._since, self._score)
        if self._status in _GONE:
            return  # a frame that was under way when the camera was lost says nothing of now
        self._rate.count(observation.latency_seconds)
        if observation.prediction is None:
            if observation.events and not self._going_on:  # the scene ended; the window of a new one fills
                self._set(UNKNOWN, wall)
        elif self._going_on:
            label, since = list(self._going_on.items())[-1]
            index = observation.prediction.labels.index(label) if label in observation.prediction.labels else None
            score = None if index is None else _rounded(float(observation.prediction.probabilities[index]), 2)
            self._set(label, since, score)
        else:
            self._set(NONE, wall if self._action == UNKNOWN else self._quiet_since)
        if before != (self._action, self._since, self._score):
            self.state.mark()

    def change_status(self, status: SourceStatus, wall: float) -> None:
        self._status, self._status_message = status.state, without_credentials(status.message)
        self._wall = wall
        self._going_on.clear()
        if self._action != UNKNOWN:
            self._set(UNKNOWN, wall)
            self.state.mark(0.0)
        if status.state in _GONE:
            self._rate.stop()
        self.stats.mark(0.0)

    def state_payload(self) -> dict[str, Any]:
        return {
            "action": self._action,
            "score": self._score,
            "since": _iso(self._since),
            "time": _iso(self._wall),
            "seconds": _rounded(self._seconds, 3),
        }

    def stats_payload(self, events_dropped: int) -> dict[str, Any]:
        rate, latency = self._rate.take()
        stats = self._source_stats
        return {
            "status": self._status,
            "message": self._status_message,
            "frames_per_second": _rounded(rate, 2),
            "latency_ms": _milliseconds(latency),
            "age_ms": _milliseconds(stats.age_seconds),
            "captured": stats.captured,
            "used": stats.used,
            "dropped": stats.dropped,
            "restarts": stats.restarts,
            "events_dropped": events_dropped,
            "time": _iso(self._wall),
        }

    def _set(self, action: str, since: float, score: Optional[float] = None) -> None:
        if action == NONE and self._action == NONE:
            since = self._since
        self._action, self._since, self._score = action, since, score


class _Rate:
    """Frames a second and their mean latency, between two takes."""

    def __init__(self) -> None:
        self._start: Optional[float] = None  # monotonic, of the frame before those counted
        self._last = 0.0
        self._frames = 0
        self._latency_sum = 0.0
        self._taken: tuple[Optional[float], Optional[float]] = (None, None)

    def count(self, latency_seconds: float) -> None:
        self._last = time.monotonic()
        if self._start is None:
            self._start = self._last
            self._taken = (None, latency_seconds)
            return
        self._frames += 1
        self._latency_sum += latency_seconds

    def stop(self) -> None:
        """No frames come: the rate is 0 until the next."""
        self._start, self._frames, self._latency_sum = None, 0, 0.0
        self._taken = (0.0, None)

    def take(self) -> tuple[Optional[float], Optional[float]]:
        """Rate and latency (seconds) since the last take; the last ones where no frame came since."""
        if self._start is not None and self._frames and self._last > self._start:
            self._taken = (self._frames / (self._last - self._start), self._latency_sum / self._frames)
            self._start, self._frames, self._latency_sum = self._last, 0, 0.0
        return self._taken


def event_payload(event: Event, source: str, wall: float) -> dict[str, Any]:
    payload = event.as_dict()
    return {
        "event_type": payload.pop("event"),
        "label": payload.pop("label"),
        "source": source,
        "time": _iso(wall),
        "seconds": _rounded(payload.pop("timestamp"), 3),
        **{name: _rounded(value, 3) for name, value in payload.items()},
    }


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(min(max(wall, 0.0), _LAST_WALL), timezone.utc).isoformat(timespec="milliseconds")


def _rounded(value: Optional[float], digits: int) -> Optional[float]:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _milliseconds(seconds: Optional[float]) -> Optional[float]:
    return _rounded(None if seconds is None else seconds * 1000, 1)
