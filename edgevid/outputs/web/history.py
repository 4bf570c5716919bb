"""The last minutes of one source, for a page that is opened late: the actions, and the score of each prediction.

Its size is bounded.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from ...events import Began, Counted, Ended, Event

_MAX_INTERVALS = 500
_MAX_POINTS = 1200
# The clock of a file starts again at 0; a camera's never runs backwards.
_RUN_BACK_SECONDS = 1.0


@dataclass
class Interval:
    """An action from beginning to end, in seconds on the source's clock; ``end`` is None while it goes on.

    An event that neither begins nor ends an action has a ``kind`` and no duration.
    """

    number: int
    label: str
    begin: float
    end: Optional[float]
    peak: Optional[float]
    kind: Optional[str] = None
    version: int = 0  # of the history, when it last changed
    count: Optional[int] = None  # number of repetitions, if known

    def as_list(self) -> list[Any]:
        """For the page."""
        end = None if self.end is None else round(self.end, 3)
        peak = None if self.peak is None else round(self.peak, 4)
        return [self.number, self.label, round(self.begin, 3), end, peak, self.kind, self.count]


class History:
    """Not thread-safe: its owner locks.

    Args:
        seconds: how much to keep.

    Attributes:
        epoch: changes when the source's clock restarts and the history is cleared.
        version: grows with each change.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._apart = seconds / _MAX_POINTS
        self.epoch = self.version = 0
        self._numbers = itertools.count()
        self._forget()

    def _forget(self) -> None:
        self._intervals: deque[Interval] = deque(maxlen=_MAX_INTERVALS)
        self._points: deque[tuple[int, float, int, float, bool]] = deque(maxlen=_MAX_POINTS)  # versions first
        self._newest: Optional[float] = None

    def restart(self) -> None:
        """Clear the history: what follows is unrelated."""
        self.epoch += 1
        self._forget()

    def advance(self, timestamp: float) -> None:
        """A frame was taken at ``timestamp``; drop what is older than ``seconds`` before it."""
        if self._newest is not None and timestamp < self._newest - _RUN_BACK_SECONDS:
            self.restart()
        self._newest = timestamp if self._newest is None else max(timestamp, self._newest)
        oldest = self._newest - self._seconds
        while self._points and self._points[0][1] < oldest:
            self._points.popleft()
        while self._intervals and (end := self._intervals[0].end) is not None and end < oldest:
            self._intervals.popleft()

    def add_point(self, timestamp: float, label: int, score: float, recognised: bool) -> None:
        """Add an answer: a class (by number), its score, whether it goes on; at most ``1200 / seconds`` times a second."""
        if not self._points or timestamp >= self._points[-1][1] + self._apart:
            self.version += 1
            self._points.append((self.version, round(timestamp, 3), label, round(score, 4), recognised))

    def add_event(self, event: Event) -> None:
        """An action began, was repeated or ended, or something else happened."""
        if isinstance(event, Began):
            for interval in self._open(event.label):
                self._end(interval, event.timestamp)
            self._add(event.label, event.timestamp, None, event.score)
        elif isinstance(event, Ended):
            begin = event.timestamp - event.duration_seconds
            known = next(self._open(event.label), None) or self._find(event.label, begin)
            if known is None:  # it began before this history
                self._add(event.label, begin, event.timestamp, event.peak_score)
                self._intervals[-1].count = event.count
            else:
                known.peak, known.count = max(known.peak or 0.0, event.peak_score), event.count
                self._end(known, event.timestamp)
        elif isinstance(event, Counted):
            for interval in self._open(event.label):
                self.version += 1
                interval.count, interval.version = event.count, self.version
        else:
            self._add(event.label, event.timestamp, event.timestamp, None, event.kind)

    def end_all(self) -> None:
        """The source is gone: end all actions. An end event that arrives later replaces this end."""
        for interval in self._open():
            self._end(interval, interval.begin if self._newest is None else self._newest)

    def news(self, version: int) -> dict[str, Any]:
        """What has changed since a version, for JSON."""
        points = itertools.takewhile(lambda point: point[0] > version, reversed(self._points))
        return {
            "epoch": self.epoch,
            "points": [list(point[1:]) for point in points][::-1],
            "intervals": [interval.as_list() for interval in self._intervals if interval.version > version],
        }

    def _open(self, label: Optional[str] = None) -> Iterator[Interval]:
        """The actions that have not ended, of one label or of all, newest first."""
        return (i for i in reversed(self._intervals) if i.end is None and label in (None, i.label))

    def _find(self, label: str, begin: float) -> Optional[Interval]:
        """The action that was ended by :meth:`end_all`."""
        same = (i for i in reversed(self._intervals) if i.label == label and i.kind is None)
        return next((i for i in same if abs(i.begin - begin) < 0.01), None)

    def _add(
        self, label: str, begin: float, end: Optional[float], peak: Optional[float], kind: Optional[str] = None
    ) -> None:
        self.version += 1
        self._intervals.append(Interval(next(self._numbers), label, begin, end, peak, kind, self.version))

    def _end(self, interval: Interval, timestamp: float) -> None:
        self.version += 1
        interval.end, interval.version = max(timestamp, interval.begin), self.version
