"""The messages of a running stream: sampled frames, events, and changes of its source's state."""

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
    """One sampled frame of a source, and its prediction.

    Attributes:
        source: the source's name; different for each source of a run.
        timestamp: seconds, when the frame was captured, on the source's clock (monotonic for a camera, from the start of a file).
        frame: uint8 ``[H, W, 3]`` RGB; do not write to it.
        prediction: the (smoothed) prediction at this frame; None while the window fills and between two hops.
        latency_seconds: from the frame's capture (for a file: from reading it) to the prediction.
        stats: of the source, at that moment.
        live: whether the source is a camera; False for a file.
        scene: number of the frame's scene, from 1. A new one, with an empty window, begins when the source was lost
            and at a detected cut.
        action: the action that goes on after this prediction; see :class:`~edgevid.EventOptions`.
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
        """The answer for people; None without a prediction."""
        return None if self.prediction is None else self.prediction.in_stream(self.action)

    def __repr__(self) -> str:
        seen = "no prediction" if self.prediction is None else self.prediction.answer()
        return brief(self, repr(self.source), f"{self.timestamp:.2f} s", size_of(self.frame), seen)


@dataclass(frozen=True)
class SourceEvent:
    """An event in a source. It follows the frame that caused it; an event at the end of a scene follows its last frame.

    Attributes:
        source: the source's name.
        event: the event.
        live: whether the source is a camera; False for a file.
    """

    source: str
    event: Event
    live: bool


Message = Union[Sampled, SourceEvent, SourceStatus]


class Output(Protocol):
    """A receiver of all messages of running streams: the web page, MQTT, your own program.

    Each runner has one thread for its outputs, so :meth:`take` is called from one thread per source, possibly several
    at once. It must return at once: an output that waits for a network should queue messages and send them from its own
    thread. An output that raises is logged, and gets no more messages from that runner.
    """

    def take(self, message: Message, state: SourceState) -> None:
        """Receive a message.

        Args:
            message: the message, in the order of events. A camera's frame may be skipped for a newer one if the
                outputs are slow; an event or status only if more than 64 wait.
            state: the source's state after the message; frozen.
        """

    def close(self) -> None:
        """Send what is left, for at most a second or two, and free everything. A second call does nothing."""
