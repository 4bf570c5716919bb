"""Scores events on a film whose actions are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

import numpy as np

from edgevid.events import Began, Event
from edgevid.support.shares import Share

# Shorter segments can have false events, but need not be announced.
LONG_SECONDS = 5.0
# A false event with the previous segment's label is also counted as late if it begins within this time of that segment's end.
LATE_SECONDS = 1.0


class Segment(NamedTuple):
    """A part of a film that shows one action, in seconds; ``label`` is None for an action that the bundle does not know."""

    label: Optional[str]
    start: float
    end: float


def merged(segments: Iterable[Segment]) -> list[Segment]:
    """Merge neighbours with the same label into one segment: the action continues."""
    result: list[Segment] = []
    for segment in segments:
        if result and segment.label is not None and result[-1].label == segment.label:
            result[-1] = result[-1]._replace(end=segment.end)
        else:
            result.append(segment)
    return result


@dataclass
class Score:
    """Counts over films.

    Attributes:
        long: segments of known actions that last 5 s or more. announced: those that contain a :class:`Began` with their label.
        delays: seconds from the start of each announced segment to the first such event.
        in_unknown: events that began in a segment of an unknown action. in_other: events that began in one of another action.
        late: those of both that have the previous segment's label and began within a second of its end.
        seconds: length of the films.
    """

    long: int = 0
    announced: int = 0
    delays: list[float] = field(default_factory=list)
    in_unknown: int = 0
    in_other: int = 0
    late: int = 0
    seconds: float = 0.0

    def add(self, segments: Sequence[Segment], events: Iterable[Event]) -> None:
        """Count a film: its adjacent segments in time order, and its events."""
        began = [event for event in events if isinstance(event, Began)]
        starts = np.array([segment.start for segment in segments])
        places = [max(int(np.searchsorted(starts, event.timestamp, side="right")) - 1, 0) for event in began]
        right: dict[int, float] = {}
        for event, place in zip(began, places):
            segment = segments[place]
            if event.label == segment.label:
                right.setdefault(place, event.timestamp - segment.start)
                continue
            self.in_unknown += segment.label is None
            self.in_other += segment.label is not None
            before = segments[place - 1].label if place else None
            self.late += event.label == before and event.timestamp - segment.start <= LATE_SECONDS
        for place, segment in enumerate(segments):
            if segment.label is not None and segment.end - segment.start >= LONG_SECONDS:
                self.long += 1
                if place in right:
                    self.announced += 1
                    self.delays.append(right[place])
        self.seconds += segments[-1].end - segments[0].start

    @property
    def share(self) -> float:
        """The share of the long segments that were announced."""
        return self.announced / max(self.long, 1)

    @property
    def false_a_minute(self) -> float:
        """Events per minute with another label than their segment's, including late ones."""
        return 60 * (self.in_unknown + self.in_other) / max(self.seconds, 1e-9)

    @property
    def median_delay(self) -> Optional[float]:
        return float(np.median(self.delays)) if self.delays else None

    def as_dict(self) -> dict[str, Any]:
        minutes, delay = self.seconds / 60, self.median_delay
        return {
            "minutes": round(minutes, 2),
            "announced": Share(self.announced, self.long).as_dict(),
            "median_delay_seconds": None if delay is None else round(delay, 2),
            "false_events": self.in_unknown + self.in_other,
            "false_events_a_minute": round(self.false_a_minute, 3),
            "of_these": {"in_unknown_actions": self.in_unknown, "in_other_actions": self.in_other, "late": self.late},
            "false_events_a_minute_but_for_late_ones": round(self.false_a_minute - self.late / max(minutes, 1e-9), 3),
        }
