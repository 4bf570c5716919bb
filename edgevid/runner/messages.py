"""What a running stream tells: frames that were sampled, events, and changes of its source's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Protocol, Union

from ..events import ActiveAction, Event
from ..frames import Frame, size_of
from ..prediction import Answer, Prediction
from ..sources.base import SourceStats, SourceStatus
from ..support.text import brief

if TYPE_CHECKING:
    from .state import SourceState


@dataclass(frozen=True, eq=False, repr=False)
class Sampled:
    """One sampled frame of a source and the prediction that it gave.

    Attributes:
        source: the source's name; different for each source of a run.
        timestamp: seconds, when the frame was captured, on the source's clock (monotonic for a camera, from the start of a file).
        frame: uint8 ``[H, W, 3]`` RGB; not to be written to.
        prediction: the (smoothed) prediction that the frame gave; None while the window fills and between two hops.
        latency_seconds: from the frame's capture (of a file: from when it was read) until the prediction was there.
        stats: of the source, at that moment.
        live: whether the source is a camera; False for a file.
        scene: the number of the frame's scene, from 1. A new one, with an empty window, begins where the source was lost
            and at a cut that was noticed.
        action: the one that goes on after this prediction; see :class:`~edgevid.EventOptions`.
    """

    source: str
    timestamp: float
    frame: Frame
    prediction: Optional[Prediction]
    latency_seconds: float
    stats: SourceStats
    live: bool
    scene: int = 1
    action: Optional[ActiveAction] = None

    @property
    def answer(self) -> Optional[Answer]:
        """What people read of it; None without a prediction."""
        return None if self.prediction is None else self.prediction.in_stream(self.action)

    def __repr__(self) -> str:
        seen = "no prediction" if self.prediction is None else self.prediction.answer()
        return brief(self, repr(self.source), f"{self.timestamp:.2f} s", size_of(self.frame), seen)


@dataclass(frozen=True)
class SourceEvent:
    """Something happened in a source. It follows the frame that decided; what ends with a scene follows its last frame.

    Attributes:
        source: the source's name.
        event: what happened.
        live: whether the source is a camera; False for a file.
    """

    source: str
    event: Event
    live: bool


Message = Union[Sampled, SourceEvent, SourceStatus]


class Output(Protocol):
    """Who is told all that happens in running streams: the web page, MQTT, a program of yours.

    Each runner has one thread that tells its outputs, so :meth:`take` is called from one thread for each source, possibly several
    at once. It must return at once: an output that waits for a network keeps what it was told and sends it from a thread of
    its own. One that raises is logged, and is told nothing more by that runner.
    """

    def take(self, message: Message, state: SourceState) -> None:
        """Something happened.

        Args:
            message: what; in the order in which it happened. A frame of a camera may be left out for a newer one where the
                outputs are slow; an event or status only where more than 64 wait.
            state: of the message's source, after it; frozen.
        """

    def close(self) -> None:
        """Send what is left, for at most a second or two, and free everything. A second call does nothing."""
