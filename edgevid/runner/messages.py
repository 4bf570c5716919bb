"""What a running stream tells those who watch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Protocol

from ..events import Event
from ..frames import Frame
from ..prediction import Prediction
from ..sources.base import SourceStats, SourceStatus


@dataclass(frozen=True, eq=False)
class Observation:
    """One sampled frame of a source and what was made of it.

    Attributes:
        source: the source's name; different for each source of a run.
        timestamp: seconds, when the frame was captured, on the source's clock (monotonic for a camera, from the start of a file).
        image: the frame, uint8 ``[H, W, 3]`` RGB; not to be written to.
        prediction: the (smoothed) prediction that the frame gave; None while the window fills and between two hops.
        events: what began or ended with it, in order.
        latency_seconds: from the frame's capture (of a file: from when it was read) until the prediction was there.
        stats: of the source, at that moment.
    """

    source: str
    timestamp: float
    image: Frame
    prediction: Optional[Prediction]
    events: tuple[Event, ...]
    latency_seconds: float
    stats: SourceStats


class Watcher(Protocol):
    """Who is told what a stream sees: the web page, MQTT, a program of yours.

    Its methods are called from the threads that run the stream, possibly several at once, and must return at once: a watcher
    that waits for a network keeps what it was told and sends it from a thread of its own.
    """

    def observe(self, observation: Observation) -> None:
        """A sampled frame was classified."""

    def status(self, status: SourceStatus) -> None:
        """A source was opened, lost, reopened, or has ended."""

    def close(self) -> None:
        """Send what is left, for at most a second or two, and free everything. A second call does nothing."""
