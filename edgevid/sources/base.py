"""The interface of every source of frames."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional, TypeVar

from ..frames import Frame, size_of
from ..support.text import brief

# Called with a frame's timestamp, returns whether its picture will be used.
Wanted = Callable[[float], bool]

S = TypeVar("S", bound="Source")


class TimedFrame(NamedTuple):
    """A frame, uint8 ``[H, W, 3]`` RGB, and when it was taken, in seconds."""

    timestamp: float
    image: Frame

    def __repr__(self) -> str:
        return brief(self, f"{self.timestamp:.2f} s", size_of(self.image))


@dataclass(frozen=True)
class SourceStats:
    """Counts of a source's frames. ``captured = used + unwanted + dropped``.

    Attributes:
        captured: frames that the source had.
        used: frames handed to the consumer.
        unwanted: frames that the consumer's sampling did not need; never decoded.
        dropped: frames that arrived while the consumer was busy, and were skipped for newer ones. Always 0 for a file.
        restarts: how many times a lost camera was reopened.
        age_seconds: age of the frame in use: seconds since it was captured; None for a file, and before the first one.
        damaged: frames of a damaged file that could not be decoded, and were left out; not part of ``captured``.
    """

    captured: int = 0
    used: int = 0
    unwanted: int = 0
    dropped: int = 0
    restarts: int = 0
    age_seconds: Optional[float] = None
    damaged: int = 0


@dataclass(frozen=True)
class SourceStatus:
    """A change of a source's state, passed to its ``on_status``.

    Attributes:
        source: the source's name.
        state: ``"opened"``, ``"lost"``, ``"reopened"``, ``"ended"`` or ``"failed"``; ``"waiting"`` before the first, if a
            runner waits for the source.
        message: the change in words.
        timestamp: ``time.monotonic()`` of the change.
    """

    source: str
    state: str
    message: str
    timestamp: float


class Source:
    """Frames with timestamps, in time order.

    A source is a context manager and an iterable of :class:`TimedFrame`.

    Attributes:
        name: for messages.
        live: True for a camera, whose frames are lost if nobody takes them; False for a file, whose frames wait.
        restarts: how often the source was lost and reopened before the frame that was handed out last. When it changes,
            earlier frames belong to another scene: reset the stream.
        on_status: called with each change of state, from any thread; must not block. Set it before iterating over the
            frames, which sends ``"opened"``. After that, ``"ended"`` or ``"failed"`` is sent once.
    """

    name: str = "source"
    live: bool = False
    restarts: int = 0
    on_status: Optional[Callable[[SourceStatus], None]] = None

    # The number captured is their sum, so that a reader in another thread needs no lock.
    _used = 0
    _unwanted = 0
    _dropped = 0
    _last_told: Optional[str] = None

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        """Iterate over the frames.

        Args:
            wanted: called with each frame's timestamp before its picture is decoded; frames for which it returns False are
                left out and not converted. Default: all frames.
        """
        raise NotImplementedError

    def frames_and_losses(self, wanted: Optional[Wanted] = None) -> Iterator[Optional[TimedFrame]]:
        """As :meth:`frames`, but yields None as soon as the source is lost."""
        return self.frames(wanted)

    def stats(self) -> SourceStats:
        """Counts of the frames so far. Callable from any thread."""
        used, unwanted, dropped = self._used, self._unwanted, self._dropped
        return SourceStats(
            captured=used + unwanted + dropped, used=used, unwanted=unwanted, dropped=dropped, restarts=self.restarts
        )

    @property
    def retry_at(self) -> Optional[float]:
        """``time.monotonic()`` of the next attempt to reopen a lost source; else None. Callable from any thread."""
        return None

    def close(self) -> None:
        """Free the source and end its iteration. Callable from any thread. A second call does nothing."""

    def _tell(self, state: str, message: str) -> None:
        """Call ``on_status``: "opened" first and once, "ended" or "failed" last and once, the rest between them."""
        begins = state == "opened"
        if begins != (self._last_told is None) or self._last_told in ("ended", "failed", state):
            return
        self._last_told = state
        on_status = self.on_status
        if on_status is None:
            return
        try:
            on_status(SourceStatus(self.name, state, message, time.monotonic()))
        except Exception:  # a listener's mistake must not end the camera's thread
            logging.getLogger(__name__).exception("The on_status of the source %s failed.", self.name)

    def __repr__(self) -> str:
        return brief(self, repr(self.name), "live" if self.live else "")

    def __iter__(self) -> Iterator[TimedFrame]:
        return self.frames()

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
