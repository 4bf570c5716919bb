"""The last minutes of one source: which actions went on, and how sure each prediction was. Bounded, whatever happens."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Any, Optional

from ...events import Began, Event

_MAX_INTERVALS = 500
_MAX_POINTS = 1200
# Source clocks of files start again at 0; a camera's never runs back.
_RUN_BACK_SECONDS = 1.0


@dataclass
class Interval:
    """An action from its beginning to its end, seconds on the source's clock; ``end`` is None while it goes on."""

    number: int
    label: str
    begin: float
    end: Optional[float]
    peak: float
    changed: int  # the timeline's count of changes, at its last one

    def as_list(self) -> list[Any]:
        """For the page."""
        end = None if self.end is None else round(self.end, 3)
        return [self.number, self.label, round(self.begin, 3), end, round(self.peak, 4)]


@dataclass
class Seen:
    """What a browser has of a timeline."""

    epoch: int = -1
    changes: int = 0
    points: int = 0


class Timeline:
    """Not safe for several threads: its owner locks.

    Args:
        seconds: how much is kept.

    Attributes:
        epoch: changes when the source's clock starts anew and all that was kept is forgotten.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._apart = seconds / _MAX_POINTS
        self.epoch = 0
        self._forget()

    def _forget(self) -> None:
        self._intervals: deque[Interval] = deque(maxlen=_MAX_INTERVALS)
        self._points: deque[tuple[float, int, float, bool]] = deque(maxlen=_MAX_POINTS)
        self._numbers = itertools.count()
        self._changes = 0
        self._points_ever = 0
        self._newest: Optional[float] = None

    def advance(self, timestamp: float) -> None:
        """A frame was taken at ``timestamp``; what is older than ``seconds`` before it is dropped."""
        if self._newest is not None and timestamp < self._newest - _RUN_BACK_SECONDS:
            self.epoch += 1
            self._forget()
        self._newest = timestamp if self._newest is None else max(timestamp, self._newest)
        oldest = self._newest - self._seconds
        while self._points and self._points[0][0] < oldest:
            self._points.popleft()
        while self._intervals and (end := self._intervals[0].end) is not None and end < oldest:
            self._intervals.popleft()

    def add_point(self, timestamp: float, label: int, score: float, accepted: bool) -> None:
        """The best class (its number) of a prediction and its score, kept at most ``1200 / seconds`` times a second."""
        if not self._points or timestamp >= self._points[-1][0] + self._apart:
            self._points.append((round(timestamp, 3), label, round(score, 4), accepted))
            self._points_ever += 1

    def add_event(self, event: Event) -> None:
        """An action began or ended."""
        open_one = next((i for i in reversed(self._intervals) if i.label == event.label and i.end is None), None)
        self._changes += 1
        if isinstance(event, Began):
            if open_one is not None:
                self._end(open_one, event.timestamp)
            self._intervals.append(
                Interval(next(self._numbers), event.label, event.timestamp, None, event.score, self._changes)
            )
            return
        begin = event.timestamp - event.duration_seconds
        known = open_one or self._find(event.label, begin)
        if known is not None:
            known.peak = max(known.peak, event.peak_score)
            self._end(known, event.timestamp)
        else:  # it began before anyone listened
            self._intervals.append(
                Interval(next(self._numbers), event.label, begin, event.timestamp, event.peak_score, self._changes)
            )

    def end_all(self) -> None:
        """The source is gone: nothing goes on any more. Should it be told later when an action ended, that counts."""
        for interval in self.going_on():
            self._changes += 1
            self._end(interval, interval.begin if self._newest is None else self._newest)

    def going_on(self) -> list[Interval]:
        """The actions that have begun and not ended."""
        return [interval for interval in self._intervals if interval.end is None]

    def news(self, seen: Seen) -> dict[str, Any]:
        """What a browser lacks, for JSON; ``seen`` is brought up to date."""
        if seen.epoch != self.epoch:
            seen.epoch, seen.changes, seen.points = self.epoch, 0, 0
        lacking = min(self._points_ever - seen.points, len(self._points))
        points = itertools.islice(self._points, len(self._points) - lacking, None)
        news = {
            "epoch": self.epoch,
            "points": [list(point) for point in points],
            "intervals": [i.as_list() for i in self._intervals if i.changed > seen.changes],
        }
        seen.changes, seen.points = self._changes, self._points_ever
        return news

    def _find(self, label: str, begin: float) -> Optional[Interval]:
        """The action that was ended by :meth:`end_all`."""
        return next((i for i in reversed(self._intervals) if i.label == label and abs(i.begin - begin) < 0.01), None)

    def _end(self, interval: Interval, timestamp: float) -> None:
        interval.end = max(timestamp, interval.begin)
        interval.changed = self._changes
