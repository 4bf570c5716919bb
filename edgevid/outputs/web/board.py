"""The data shown for each source. Written by the runners' threads, read by the server's: the only thing they share."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from ...errors import OptionError
from ...frames import Frame
from ...runner.messages import Message, Sampled, SourceEvent
from ...runner.state import GONE, SourceState
from ..drawing.style import Palette
from .history import History


@dataclass
class _Slot:
    number: int
    history: History
    state: SourceState


class Board:
    """The data to show. Each source has one slot, in the order of appearance.

    Args:
        labels: the classes, as in the predictions. Only :meth:`relabel` changes them.
        history_seconds: how much history to keep of each source.
    """

    def __init__(self, labels: Sequence[str], history_seconds: float) -> None:
        self._name_classes(labels)
        self._history_seconds = history_seconds
        self._slots: dict[str, _Slot] = {}
        self._palette = Palette()
        self._colours: dict[str, str] = {}
        self._lock = threading.Lock()
        self.version = 0  # grows with each change

    def _name_classes(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._label_numbers = {label: number for number, label in enumerate(self.labels)}

    def relabel(self, labels: Sequence[str]) -> None:
        """Switch to other labels, for the predictions to come; forget those that were shown."""
        with self._lock:
            self.version += 1
            self._name_classes(labels)
            for slot in self._slots.values():
                slot.history.restart()
                slot.state = replace(slot.state, prediction=None, actions=())

    def take(self, message: Message, state: SourceState) -> None:
        """Put the newest data into its slot. Takes microseconds; never waits for a browser.

        Raises:
            OptionError: the prediction has other labels than the board.
        """
        prediction = message.prediction if isinstance(message, Sampled) else None
        if prediction is not None and prediction.labels != self.labels:
            raise OptionError(
                f"The web page was made for {len(self.labels)} labels, but a prediction has {len(prediction.labels)} others; "
                "give WebServer the labels of the recogniser that it watches."
            )
        with self._lock:
            self.version += 1
            slot = self._slots.get(state.source)
            if slot is None:
                slot = self._slots[state.source] = _Slot(len(self._slots), History(self._history_seconds), state)
            slot.state = state
            if isinstance(message, Sampled):
                slot.history.advance(message.timestamp)
                answer = message.answer
                number = None if answer is None else self._label_numbers.get(answer.label)
                if answer is not None and number is not None:
                    slot.history.add_point(message.timestamp, number, answer.score, answer.recognised)
            elif isinstance(message, SourceEvent):
                self._colour(message.event.label)  # in the order in which they come
                slot.history.add_event(message.event)
            elif message.state in GONE:
                slot.history.end_all()

    def picture(self, source: str) -> Optional[tuple[int, int, Frame]]:
        """A source's number, the number of its newest frame, and the frame; None if there is none. ``source``: number or name."""
        with self._lock:
            for slot in self._slots.values():
                state = slot.state
                if state.sampled is not None and source in (str(slot.number), state.name, state.source):
                    return slot.number, state.frames, state.sampled.frame
        return None

    def state(self, top: int = 5) -> list[dict[str, Any]]:
        """The state of each source, for programs."""
        with self._lock:
            return [_state(slot, top) for slot in self._slots.values()]

    def news(self, seen: dict[int, int]) -> list[dict[str, Any]]:
        """Each source for a browser: its state, all scores, and the part of its history that the browser lacks.

        Args:
            seen: the version of each source's history that the browser has, by the source's number; updated.
        """
        with self._lock:
            news = [self._news(slot, seen.get(slot.number, 0)) for slot in self._slots.values()]
            seen.update({slot.number: slot.history.version for slot in self._slots.values()})
            return news

    def _news(self, slot: _Slot, version: int) -> dict[str, Any]:
        state, prediction, age = slot.state, slot.state.prediction, slot.state.age_seconds
        shown = clock_zero = doing = None
        if state.action is not None:
            doing = {
                "label": state.action.label,
                "score": _number(state.action_score, 4),
                "since": _number(state.action.since),
                "count": state.action.count,
                "colour": self._colour(state.action.label),
            }
        if prediction is not None:
            shown = {
                "best": self._label_numbers[prediction.label],
                "accepted": prediction.accepted,
                "needed": _number(prediction.enter if prediction.none > 0 else prediction.needed, 4),
                "none": _number(prediction.none, 4),
                "scores": [_number(score, 4) for score in prediction.probabilities.tolist()],
                "region": None if prediction.region is None else prediction.region.as_list(),
            }
        if state.live and age is not None and state.timestamp is not None:
            clock_zero = time.time() - age - state.timestamp  # time.time() at the source's 0; a file has no time of day
        timeline = slot.history.news(version)
        timeline["intervals"] = [[*interval, self._colour(interval[1])] for interval in timeline["intervals"]]
        return {
            **_common(slot),
            "clock_zero": _number(clock_zero),
            "action": doing,
            "prediction": shown,
            "timeline": timeline,
        }

    def _colour(self, label: str) -> str:
        """The label's colour: as in annotated videos, and the same for all sources."""
        if label not in self._colours:
            self._colours[label] = "#{:02x}{:02x}{:02x}".format(*self._palette.colour(label))
        return self._colours[label]


def _state(slot: _Slot, top: int) -> dict[str, Any]:
    state = slot.state
    newest = state.timestamp or 0.0
    return {
        **_common(slot),
        "prediction": None if state.prediction is None else state.prediction.as_dict(top),
        "events": [
            {
                "label": action.label, "timestamp": _number(action.since), "seconds": _number(newest - action.since),
                "peak_score": _number(action.peak_score), "count": action.count,
            }
            for action in state.actions
        ],
        "picture": None if state.sampled is None else f"/api/picture/{slot.number}.jpg",
    }  # fmt: skip


def _common(slot: _Slot) -> dict[str, Any]:
    state = slot.state
    common: dict[str, Any] = {
        "number": slot.number, "name": state.name, "state": state.state, "message": state.message, "live": state.live,
        "next_try_seconds": _number(state.next_try_seconds, 1),
        "window_filled": _number(state.window_filled, 4),
        "prediction_age_seconds": _number(state.prediction_age_seconds),
        "frames_per_second": _number(state.frames_per_second, 2),
        "captured_per_second": _number(state.captured_per_second, 2),
        "needed_per_second": _number(state.needed_per_second, 2), "too_slow": state.too_slow,
        "latency_seconds": _number(state.latency_seconds, 4),
        "age_seconds": _number(state.age_seconds),
    }  # fmt: skip
    if state.sampled is not None:
        counted = {name: getattr(state.stats, name) for name in ("captured", "used", "dropped", "restarts")}
        common.update(timestamp=_number(state.timestamp), **counted)
    return common


def _number(value: Optional[float], digits: int = 3) -> Optional[float]:
    """A number for JSON, which has neither NaN nor infinity."""
    return round(float(value), digits) if value is not None and math.isfinite(value) else None
