"""The state of a source, shared by the page, MQTT, printed lines and the summary."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Optional

from ..events import ActiveAction, Began, Counted, Ended, Event
from ..prediction import Answer, Prediction
from ..sources.base import SourceStats, SourceStatus
from ..support.credentials import without_credentials
from ..support.text import brief
from .messages import Message, Sampled, SourceEvent

GONE = ("lost", "ended", "failed")
RATE_SECONDS = 5.0  # a rate is the mean over this time
_SHORTEST_RATE_SECONDS = 0.1
_MAX_ARRIVALS = 256
# A stream is too slow if, over at least so many seconds, it has fewer than this fraction of its samples.
_JUDGED_SECONDS, _ENOUGH = 4.0, 0.9


@dataclass(frozen=True, eq=False, repr=False)
class SourceState:
    """A source at one moment. Frozen: each message makes a new one, so any thread may read it.

    Attributes:
        source: the source's name, as in messages.
        name: the same without user and password, for others to read.
        state: ``"waiting"`` until it is opened, then that of the last :class:`~edgevid.SourceStatus`; ``"running"`` once frames
            arrive.
        message: that status in words, without user and password.
        live: whether it is a camera.
        sampled: the newest frame.
        timestamp, latency_seconds, stats: those of the newest frame. ``stats`` counts the source's frames until it was sampled.
        prediction: the newest of the scene; None while its window fills, and while the source is lost.
        actions: those that go on; the last is the one that began last.
        quiet_since: while no action goes on: when the last one ended, or the scene's first prediction, in seconds on the
            source's clock. None: not known yet.
        window_filled: how much of the window is filled, in [0, 1]; None: not known.
        frames, predictions, events: their numbers so far.
        first_timestamp: of the first frame, in seconds on the source's clock.
        mean_latency_seconds: over all frames.
        received_at, predicted_at: ``time.monotonic()`` when the newest frame and the newest prediction were ready.
        needed_per_second: samples per second of the stream's window; None: not known.
        too_slow: the cause if a camera's stream lacks samples, over the last seconds: ``"machine"``, or ``"camera"`` if that
            gives too few frames. A frame is then used for several samples: the window spans its time, but holds less. Else None.
    """

    source: str
    name: str
    state: str = "waiting"
    message: str = ""
    live: bool = False
    sampled: Optional[Sampled] = None
    timestamp: Optional[float] = None
    latency_seconds: Optional[float] = None
    stats: SourceStats = field(default_factory=SourceStats)
    prediction: Optional[Prediction] = None
    actions: tuple[ActiveAction, ...] = ()
    quiet_since: Optional[float] = None
    window_filled: Optional[float] = None
    frames: int = 0
    predictions: int = 0
    events: int = 0
    first_timestamp: Optional[float] = None
    mean_latency_seconds: Optional[float] = None
    received_at: float = 0.0
    predicted_at: float = 0.0
    needed_per_second: Optional[float] = None
    too_slow: Optional[str] = None
    _rates: tuple[Optional[float], Optional[float]] = (None, None)
    _next_try_at: Callable[[], Optional[float]] = lambda: None

    def __repr__(self) -> str:
        seen = "" if self.prediction is None else self.prediction.answer()
        return brief(self, repr(self.name), self.state, f"{self.frames} frames", seen)

    @property
    def action(self) -> Optional[ActiveAction]:
        """The action that goes on; of several, the one that began last."""
        return self.actions[-1] if self.actions else None

    @property
    def action_score(self) -> Optional[float]:
        """The probability of :attr:`action` in the newest prediction, in [0, 1]."""
        return (
            None if self.action is None or self.prediction is None else self.prediction.probability(self.action.label)
        )

    @property
    def answer(self) -> Optional[Answer]:
        """The answer for people: the action that goes on, or that nothing is recognised; None: there is no prediction."""
        return None if self.prediction is None else self.prediction.in_stream(self.action)

    @property
    def since(self) -> Optional[float]:
        """When :attr:`action` began, or when the last one ended, in seconds on the source's clock."""
        return self.actions[-1].since if self.actions else self.quiet_since

    @property
    def age_seconds(self) -> Optional[float]:
        """Age of the newest frame now: since its capture, or since it was read from a file."""
        return None if self.latency_seconds is None else self.latency_seconds + time.monotonic() - self.received_at

    @property
    def prediction_age_seconds(self) -> Optional[float]:
        """Time since the newest prediction was made."""
        return None if self.prediction is None else time.monotonic() - self.predicted_at

    @property
    def next_try_seconds(self) -> Optional[float]:
        """Time until a source that is lost or waited for is opened again, from 0; None: it is neither, or is being opened."""
        at = self._next_try_at() if self.state in ("lost", "waiting") else None
        return None if at is None else max(at - time.monotonic(), 0.0)

    @property
    def frames_per_second(self) -> Optional[float]:
        """Sampled frames per second, over the last 5 s at most; None: not known yet."""
        return self._rate(0)

    @property
    def captured_per_second(self) -> Optional[float]:
        """Captured frames per second, over the last 5 s at most; None: not known yet."""
        return self._rate(1)

    def _rate(self, which: int) -> Optional[float]:
        if self.frames > 1 and time.monotonic() - self.received_at > RATE_SECONDS:
            return 0.0
        return self._rates[which]


class StateTracker:
    """Follows the messages of one source. One thread uses it at a time; any may read :attr:`state`.

    Args:
        source: the source's name.
        window_seconds: length of the stream's window; None: not known.
        samples_per_second: rate of its samples; None: not known.
        next_try_at: function that returns when the source is opened again, on ``time.monotonic()``, or None.

    Attributes:
        state: the state after the last message.
    """

    def __init__(
        self,
        source: str,
        window_seconds: Optional[float] = None,
        samples_per_second: Optional[float] = None,
        next_try_at: Callable[[], Optional[float]] = lambda: None,
    ) -> None:
        self.state = SourceState(
            source, without_credentials(source), needed_per_second=samples_per_second, _next_try_at=next_try_at
        )
        self._window_seconds = window_seconds
        self._total_latency_seconds = 0.0
        # for the last frames: when each was ready, and how many the source had captured by then
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=_MAX_ARRIVALS)
        self._scene = 0
        self._scene_began = 0.0  # timestamp of the scene's first frame

    def take(self, message: Message) -> SourceState:
        """The state after the next message. Takes microseconds."""
        if isinstance(message, Sampled):
            changes = self._sampled(message)
        elif isinstance(message, SourceEvent):
            changes = self._happened(message.event)
        else:
            changes = self._status(message)
        # dataclasses.replace sets each field separately, which takes several times as long
        state = object.__new__(SourceState)
        state.__dict__.update(self.state.__dict__, **changes)
        self.state = state
        return state

    def _sampled(self, sampled: Sampled) -> dict[str, Any]:
        now, state, prediction = time.monotonic(), self.state, sampled.prediction
        self._total_latency_seconds += sampled.latency_seconds
        changes: dict[str, Any] = {
            "sampled": sampled, "timestamp": sampled.timestamp, "latency_seconds": sampled.latency_seconds,
            "mean_latency_seconds": self._total_latency_seconds / (state.frames + 1), "stats": sampled.stats,
            "live": sampled.live, "frames": state.frames + 1, "received_at": now,
            "predictions": state.predictions + (prediction is not None),
        }  # fmt: skip
        if state.first_timestamp is None:
            changes["first_timestamp"] = sampled.timestamp
        if state.state in GONE:
            return changes  # a frame that was under way when the camera was lost is outdated
        rates = self._rates(now, sampled.stats.captured)
        changes.update(state="running", _rates=rates, too_slow=self._too_slow(rates) if sampled.live else None)
        is_new_scene = sampled.scene != self._scene
        if is_new_scene:
            self._scene, self._scene_began = sampled.scene, sampled.timestamp
            changes.update(prediction=None, quiet_since=None)
        if prediction is not None:
            changes.update(prediction=prediction, predicted_at=now, window_filled=prediction.window_filled)
            if is_new_scene or state.quiet_since is None:
                changes["quiet_since"] = sampled.timestamp
            if state.actions:
                changes["actions"] = tuple(_with_peak(action, prediction) for action in state.actions)
        elif self._window_seconds and (is_new_scene or state.prediction is None):
            changes["window_filled"] = min((sampled.timestamp - self._scene_began) / self._window_seconds, 1.0)
        return changes

    def _happened(self, event: Event) -> dict[str, Any]:
        actions, events = self.state.actions, self.state.events + 1
        others = tuple(action for action in actions if action.label != event.label)
        if isinstance(event, Began) and self.state.state not in GONE:
            return {"events": events, "actions": (*others, ActiveAction(event.label, event.timestamp, event.score))}
        if isinstance(event, Counted):
            counted = (replace(a, count=event.count) if a.label == event.label else a for a in actions)
            return {"events": events, "actions": tuple(counted)}
        if isinstance(event, Ended) and others != actions:
            return {"events": events, "actions": others, "quiet_since": event.timestamp}
        return {"events": events}

    def _status(self, status: SourceStatus) -> dict[str, Any]:
        changes: dict[str, Any] = {
            "state": status.state, "message": without_credentials(status.message), "actions": (), "quiet_since": None,
        }  # fmt: skip
        if status.state in GONE:
            self._arrivals.clear()
            self._scene = 0
            changes.update(_rates=(0.0, 0.0), too_slow=None)
        if status.state not in ("ended", "failed"):
            changes.update(prediction=None, window_filled=None)
        return changes

    def _rates(self, now: float, captured: int) -> tuple[Optional[float], Optional[float]]:
        """Sampled and captured frames per second, over the last seconds."""
        arrivals = self._arrivals
        arrivals.append((now, captured))
        while arrivals[0][0] < now - RATE_SECONDS:
            arrivals.popleft()
        first, captured_first = arrivals[0]
        seconds = now - first
        if seconds < _SHORTEST_RATE_SECONDS:
            return None, None
        return (len(arrivals) - 1) / seconds, max(captured - captured_first, 0) / seconds

    def _too_slow(self, rates: tuple[Optional[float], Optional[float]]) -> Optional[str]:
        """See :attr:`SourceState.too_slow`. The first frames take longer, so it needs some seconds."""
        needed, (sampled, captured) = self.state.needed_per_second, rates
        long_enough = self._arrivals[-1][0] - self._arrivals[0][0] >= _JUDGED_SECONDS
        if not (needed and sampled and captured is not None and long_enough) or sampled >= _ENOUGH * needed:
            return None
        return "camera" if captured < needed else "machine"


def _with_peak(action: ActiveAction, prediction: Prediction) -> ActiveAction:
    score = prediction.probability(action.label)
    return action if score is None or score <= action.peak_score else replace(action, peak_score=score)
