"""The newest of each source. Written by the threads that run the stream, read by the server's: the only thing they share."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ...errors import OptionError
from ...frames import Frame
from ...prediction import Prediction
from ...runner.messages import Observation
from ...sources.base import SourceStatus
from ...support.credentials import without_credentials
from .timeline import Seen, Timeline

_RATE_SECONDS = 5.0  # what a rate is the mean over
_SHORTEST_RATE_SECONDS = 0.1


@dataclass
class _Slot:
    number: int
    name: str
    timeline: Timeline
    state: str = "waiting"
    message: str = ""
    observation: Optional[Observation] = None
    frames: int = 0
    received: float = 0.0  # time.monotonic() of the observation
    clock_zero: Optional[float] = None  # time.time() at the source's 0; None where its clock is no clock of the day
    prediction: Optional[Prediction] = None
    predicted: float = 0.0  # time.monotonic() of the prediction
    filling_since: Optional[float] = None  # the timestamp of the first frame of the window that fills
    arrivals: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=256))

    def start_scene(self) -> None:
        self.prediction = self.filling_since = None


class Board:
    """What is shown. Each source has one slot, in the order of their appearance.

    Args:
        labels: the classes, as the predictions have them.
        history_seconds: how much of each source's timeline is kept.
        window_seconds: what the window of a stream spans; None: not known.
    """

    def __init__(self, labels: Sequence[str], history_seconds: float, window_seconds: Optional[float] = None) -> None:
        self.labels = tuple(labels)
        self._label_numbers = {label: number for number, label in enumerate(self.labels)}
        self._history_seconds = history_seconds
        self._window_seconds = window_seconds
        self._slots: dict[str, _Slot] = {}
        self._lock = threading.Lock()
        self.version = 0  # grows with each change

    def observe(self, observation: Observation) -> None:
        """Put the newest into its slot. Costs microseconds; never waits for a browser.

        Raises:
            OptionError: the prediction has other labels than the board.
        """
        prediction, now = observation.prediction, time.monotonic()
        if prediction is not None and prediction.labels != self.labels:
            raise OptionError(
                f"A prediction with {len(prediction.labels)} labels was given to a web page made for {len(self.labels)} others; "
                "give WebServer the labels of the recogniser that it watches."
            )
        with self._lock:
            self.version += 1
            slot = self._slot(observation.source)
            before = slot.observation
            if before is not None and before.stats.restarts != observation.stats.restarts:
                slot.start_scene()
            slot.timeline.advance(observation.timestamp)
            for event in observation.events:
                slot.timeline.add_event(event)
            if before is not None and before.image is observation.image and before.timestamp == observation.timestamp:
                return  # the last frame again, to tell what ended: no newer than it was
            if prediction is not None:
                best = self._label_numbers[prediction.label]
                slot.timeline.add_point(observation.timestamp, best, prediction.score, prediction.accepted)
                slot.prediction, slot.predicted = prediction, now
            elif slot.prediction is None and slot.filling_since is None:
                slot.filling_since = observation.timestamp
            slot.observation, slot.received = observation, now
            slot.frames += 1
            slot.arrivals.append((now, observation.stats.captured))
            if observation.stats.age_seconds is not None:
                slot.clock_zero = time.time() - observation.latency_seconds - observation.timestamp
            if slot.state in ("waiting", "opened", "reopened"):
                slot.state = "running"

    def status(self, status: SourceStatus) -> None:
        """A source's state has changed."""
        with self._lock:
            self.version += 1
            slot = self._slot(status.source)
            slot.state, slot.message = status.state, without_credentials(status.message)
            if status.state in ("opened", "lost", "reopened"):
                slot.start_scene()
            if status.state in ("lost", "ended", "failed"):
                slot.timeline.end_all()

    def picture(self, source: str) -> Optional[tuple[int, int, Frame]]:
        """A source, by its number or name -> its number, the number of its newest frame, the frame. None: there is none."""
        with self._lock:
            for slot in self._slots.values():
                if slot.observation is not None and source in (str(slot.number), slot.name, slot.observation.source):
                    return slot.number, slot.frames, slot.observation.image
        return None

    def state(self, top: int = 5) -> list[dict[str, Any]]:
        """Every source, for programs."""
        with self._lock:
            return [self._state(slot, top) for slot in self._slots.values()]

    def news(self, seen: dict[int, Seen]) -> list[dict[str, Any]]:
        """Every source, for a browser: its state, all scores, and what the browser lacks of its timeline."""
        with self._lock:
            return [self._news(slot, seen.setdefault(slot.number, Seen())) for slot in self._slots.values()]

    def _slot(self, source: str) -> _Slot:
        slot = self._slots.get(source)
        if slot is None:
            timeline = Timeline(self._history_seconds)
            slot = self._slots[source] = _Slot(len(self._slots), without_credentials(source), timeline)
        return slot

    def _common(self, slot: _Slot) -> dict[str, Any]:
        now, observation = time.monotonic(), slot.observation
        state: dict[str, Any] = {
            "number": slot.number, "name": slot.name, "state": slot.state, "message": slot.message,
            "window_filled": self._filled(slot),
            "prediction_age_seconds": None if slot.prediction is None else _number(now - slot.predicted),
            "frames_per_second": None, "captured_per_second": None, "latency_seconds": None, "age_seconds": None,
        }  # fmt: skip
        if observation is not None:
            stats = observation.stats
            frames, captured = _rates(slot.arrivals, now)
            state.update(
                timestamp=_number(observation.timestamp),
                frames_per_second=frames, captured_per_second=captured,
                latency_seconds=_number(observation.latency_seconds, 4),
                age_seconds=_number(observation.latency_seconds + now - slot.received),
                captured=stats.captured, used=stats.used, dropped=stats.dropped, restarts=stats.restarts,
            )  # fmt: skip
        return state

    def _state(self, slot: _Slot, top: int) -> dict[str, Any]:
        newest = slot.observation.timestamp if slot.observation is not None else 0.0
        going_on = [
            {"label": i.label, "timestamp": _number(i.begin), "seconds": _number(newest - i.begin), "peak_score": _number(i.peak)}
            for i in slot.timeline.going_on()
        ]  # fmt: skip
        return {
            **self._common(slot),
            "prediction": None if slot.prediction is None else slot.prediction.as_dict(top),
            "events": going_on,
            "picture": f"/api/picture/{slot.number}.jpg" if slot.observation is not None else None,
        }

    def _news(self, slot: _Slot, seen: Seen) -> dict[str, Any]:
        prediction = slot.prediction
        shown = None
        if prediction is not None:
            shown = {
                "best": self._label_numbers[prediction.label],
                "accepted": prediction.accepted,
                "threshold": _number(prediction.threshold, 4),
                "scores": [_number(score, 4) for score in prediction.probabilities.tolist()],
            }
        return {
            **self._common(slot),
            "clock_zero": _number(slot.clock_zero),
            "prediction": shown,
            "timeline": slot.timeline.news(seen),
        }

    def _filled(self, slot: _Slot) -> Optional[float]:
        """How much of the window holds frames, as far as is known."""
        if slot.prediction is not None:
            return _number(slot.prediction.window_filled, 4)
        if slot.observation is None or slot.filling_since is None or self._window_seconds is None:
            return None
        return _number(min((slot.observation.timestamp - slot.filling_since) / self._window_seconds, 1.0), 4)


def _rates(arrivals: deque[tuple[float, int]], now: float) -> tuple[Optional[float], Optional[float]]:
    """Frames classified and frames captured in a second, over the last seconds."""
    recent = [arrival for arrival in arrivals if arrival[0] >= now - _RATE_SECONDS]
    if not recent and len(arrivals) > 1:
        return 0.0, 0.0
    seconds = recent[-1][0] - recent[0][0] if recent else 0.0
    if seconds < _SHORTEST_RATE_SECONDS:
        return None, None
    return _number((len(recent) - 1) / seconds, 2), _number(max(recent[-1][1] - recent[0][1], 0) / seconds, 2)


def _number(value: Optional[float], digits: int = 3) -> Optional[float]:
    """For JSON, which has neither NaN nor infinity."""
    return round(float(value), digits) if value is not None and math.isfinite(value) else None
