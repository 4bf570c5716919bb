"""Detects events from probabilities over time: an action began, was repeated, or ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Optional

import numpy as np

from ..prediction import Prediction
from ..support.checks import check_number, check_type
from ..support.text import brief
from .cycles import CycleHistory
from .order import PredictionOrder

# Default distance of the exit score below the enter score.
_HYSTERESIS = 0.15
# Differences of timestamps are not exact: 0.7 - 0.2 < 0.5.
_SECONDS_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Event:
    """An event in a stream. Each kind is a class of its own, a frozen dataclass with a :attr:`kind`.

    Receivers of events should expect unknown kinds: all have these attributes.

    Attributes:
        label: its class.
        timestamp: seconds on the stream's clock, when it was detected.
        kind: the kind in a word: "began", "counted", "ended".
    """

    label: str
    timestamp: float
    kind: ClassVar[str] = "event"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the kind as ``event``, then the attributes."""
        return {"event": self.kind, **{field.name: getattr(self, field.name) for field in fields(self)}}


@dataclass(frozen=True)
class Began(Event):
    """An action began.

    Attributes:
        label: its class.
        timestamp: seconds on the stream's clock, when its beginning was detected.
        score: its probability then, in [0, 1].
    """

    score: float
    kind: ClassVar[str] = "began"


@dataclass(frozen=True)
class Counted(Event):
    """The action that goes on was repeated once or several times more.

    Attributes:
        label: its class.
        timestamp: seconds on the stream's clock, when that was detected.
        count: repetitions in all, 1 or more.
    """

    count: int
    kind: ClassVar[str] = "counted"


@dataclass(frozen=True)
class Ended(Event):
    """An action ended.

    Attributes:
        label: its class.
        timestamp: seconds on the stream's clock, when its end was detected.
        duration_seconds: from its :class:`Began` to this.
        peak_score: its highest probability between, in [0, 1].
        count: number of repetitions; None if the predictions do not count them.
    """

    duration_seconds: float
    peak_score: float
    count: Optional[int] = None
    kind: ClassVar[str] = "ended"


@dataclass(frozen=True)
class EventOptions:
    """When an action counts as recognised: from its beginning to its end.

    This is the one rule for everything shown to people, on the page, in lines, over MQTT and in annotated videos: an action is
    recognised from its beginning to its end; otherwise nothing is. A clip has one prediction, which only has to reach
    ``enter``: see :attr:`edgevid.Prediction.accepted`.

    Attributes:
        enter: minimum score for an action to begin, above 0 and at most 1.
        exit: the score below which it ends, 0 to ``enter``; default: ``enter`` - 0.15, not below 0. The gap keeps a score
            near ``enter`` from beginning and ending an action at every other prediction.
        min_seconds: the action begins when all predictions of so many seconds gave it ``enter`` or more. 0: with the first one.
        cooldown_seconds: an action cannot begin again within so many seconds after its end.

    Raises:
        OptionError: a value outside its range.
    """

    enter: float = 0.6
    exit: Optional[float] = None
    min_seconds: float = 0.5
    cooldown_seconds: float = 0.0

    def __post_init__(self) -> None:
        check_number("enter", self.enter, 0, 1, above_low=True)
        if self.exit is not None:
            check_number("exit", self.exit, 0, self.enter)
        check_number("min_seconds", self.min_seconds, 0, unit="seconds")
        check_number("cooldown_seconds", self.cooldown_seconds, 0, unit="seconds")

    def __str__(self) -> str:
        lasting = f" for {self.min_seconds:g} s" if self.min_seconds else ""
        return f"{100 * self.enter:g} %{lasting}"

    @property
    def exit_score(self) -> float:
        """``exit``, or its default."""
        return max(self.enter - _HYSTERESIS, 0.0) if self.exit is None else self.exit


@dataclass(frozen=True)
class ActiveAction:
    """An action that goes on.

    Attributes:
        label: its class.
        since: seconds on the stream's clock, when its beginning was detected.
        peak_score: its highest probability since then, in [0, 1].
        count: number of repetitions so far; None if the predictions do not count them.
    """

    label: str
    since: float
    peak_score: float
    count: Optional[int] = None


class EventDetector:
    """Follows the predictions of one stream and detects when actions begin, are repeated or end.

    Classes exclude one another, since their probabilities sum to 1 at most: at most one action goes on at a time. Only the most
    probable class can begin, and only with a prediction that is :attr:`~edgevid.Prediction.accepted`. An action ends when its
    score falls below ``exit``. It also ends when another action is due to begin and leads it by ``enter`` - ``exit`` or more,
    which is possible only if ``enter`` + ``exit`` is 1 or less. Then one ends and the other begins with the same
    prediction.

    Events have the timestamp of the prediction that caused them, so they come in time order and never in hindsight. A
    prediction is made from a whole window, so beginnings and ends are detected with some delay. Repetitions of an action
    count from the start of that window, or from the end of another action in it.

    The same predictions give the same events, live or from a file. Memory use is constant, however long the stream is.

    >>> detector = EventDetector(EventOptions(enter=0.7, min_seconds=1.0))
    >>> for prediction in recognizer.stream(0):                             # doctest: +SKIP
    ...     for event in detector.update(prediction):
    ...         print(event.as_dict())

    Args:
        options: default: ``EventOptions()``.
    """

    def __init__(self, options: Optional[EventOptions] = None) -> None:
        self.options = EventOptions() if options is None else check_type("options", options, EventOptions)
        self.reset()

    def __repr__(self) -> str:
        return brief(self, repr(self.options), "nothing goes on" if self.active is None else repr(self.active.label))

    def reset(self) -> None:
        """Forget everything, including the clock, for another stream. No :class:`Ended` is given: see :meth:`finish`."""
        self._order = PredictionOrder()
        self._active: Optional[ActiveAction] = None
        self._above_since: dict[str, float] = {}  # for the classes that are above ``enter`` now
        self._ended_at: dict[str, float] = {}
        self._new_scene()

    def _new_scene(self) -> None:
        self._cycles = CycleHistory()
        # Cycles when: each class now above ``enter`` rose above it, the action that goes on began, the last one ended
        self._risen: dict[str, float] = {}
        self._begun = self._ended = 0.0

    @property
    def active(self) -> Optional[ActiveAction]:
        """The action that goes on, if any."""
        return self._active

    def update(self, prediction: Prediction) -> list[Event]:
        """The events of the next prediction: what ended, began and was counted, in this order; usually none.

        Raises:
            TimestampError: it has no timestamp, or one before the last. OptionError: other labels than before. The detector
                is unchanged.
        """
        now, scores = self._order.advance(prediction)
        labels, options = prediction.labels, self.options
        is_known = prediction.known >= prediction.threshold
        reached = scores >= max(options.enter, prediction.none)
        above = [labels[k] for k in reached.nonzero()[0]] if is_known else []
        self._above_since = {label: self._above_since.get(label, now) for label in above}
        self._cycles.add(prediction, now)
        self._risen = {label: self._risen.get(label, self._cycles.before_window) for label in above}
        top = int(np.argmax(scores))
        label, score = labels[top], float(scores[top])
        due = self._is_due(label, now)

        events: list[Event] = []
        active = self._active
        if active is not None:
            own = float(scores[labels.index(active.label)])
            overtaken = due and label != active.label and score - own >= options.enter - options.exit_score
            if own < options.exit_score or overtaken:
                events.append(self._end(active, now))
            elif own > active.peak_score:
                self._active = replace(active, peak_score=own)
        if self._active is None and due:
            self._begun = max(self._risen[label], self._ended)
            self._active = ActiveAction(label, now, score)
            events.append(Began(label, now, score))
        return events + self._count(now)

    def finish(self, timestamp: Optional[float] = None) -> list[Event]:
        """End the action that goes on, because the stream ended or its scene was cut.

        Time and cooldowns run on, so that a new scene of the same stream can follow.

        Args:
            timestamp: seconds, when that was; default: that of the last prediction.

        Raises:
            TimestampError: not finite, or before the last prediction. The detector is unchanged.
        """
        if timestamp is not None:
            self._order.last = self._order.check_time(timestamp)
        self._above_since = {}
        active, last = self._active, self._order.last
        events: list[Event] = [] if active is None or last is None else [self._end(active, last)]
        self._new_scene()
        return events

    def _is_due(self, label: str, now: float) -> bool:
        """Whether an action has lasted long enough, and cooled down since its last end."""
        held = now - self._above_since.get(label, math.inf)
        cooled = now - self._ended_at.get(label, -math.inf)
        return min(held - self.options.min_seconds, cooled - self.options.cooldown_seconds) >= -_SECONDS_TOLERANCE

    def _count(self, now: float) -> list[Event]:
        """A count event, if the action has been repeated more often than reported."""
        active, count = self._active, self._cycles.count(self._begun)
        if active is None or count is None or (active.count is not None and count <= active.count):
            return []
        self._active = replace(active, count=count)
        return [Counted(active.label, now, count)] if count else []

    def _end(self, action: ActiveAction, now: float) -> Ended:
        self._active = None
        self._ended_at[action.label] = now
        self._ended = self._cycles.newest
        return Ended(action.label, now, now - action.since, action.peak_score, action.count)
