"""What every source of frames offers."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Callable, NamedTuple, Optional

from ..frames import Frame

# Told a frame's timestamp, says whether its picture will be used.
Wanted = Callable[[float], bool]


class TimedFrame(NamedTuple):
    """A frame, uint8 ``[H, W, 3]`` RGB, and when it was taken, in seconds."""

    timestamp: float
    image: Frame


class Source:
    """Frames with timestamps, in time order, from somewhere.

    A source is a context manager and an iterable of :class:`TimedFrame`.

    Attributes:
        name: for messages.
        live: True for a camera, whose frames are lost when nobody takes them; False for a file, whose frames wait.
    """

    name: str = "source"
    live: bool = False

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        """The frames, one by one.

        Args:
            wanted: asked with each frame's timestamp before its picture is decoded; frames for which it says no are
                left out and cost no conversion. Default: all frames.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Free what the source holds. A second call does nothing."""

    def __iter__(self) -> Iterator[TimedFrame]:
        return self.frames()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
