"""Sources whose frames wait for the consumer: files, pictures, the caller's own frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Callable, Optional

import numpy as np

from ..errors import SourceError
from ..frames import BGR, RGB, Frame, check_colour, to_rgb
from ..pace import ArrivalClock
from .base import Source, TimedFrame, Wanted


class SequenceSource(Source):
    """A source that drops nothing: each frame is used, unless the consumer's sampling does not need it."""

    _closed = False

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        self._tell("opened", f"{self.name} is open.")
        try:
            for timestamp, decode in self._items():
                if self._closed:
                    break
                if wanted is not None and not wanted(timestamp):
                    self._unwanted += 1
                    continue
                image = decode()
                self._used += 1
                yield TimedFrame(timestamp, image)
        except Exception as error:
            if self._closed and isinstance(error, SourceError):  # from another thread, in the middle of a read
                return
            self._tell("failed", f"{self.name} broke off: {error}")
            raise
        self._tell("ended", f"{self.name} has ended.")

    def close(self) -> None:
        self._closed = True
        self._tell("ended", f"{self.name} is closed.")

    def _items(self) -> Iterator[tuple[float, Callable[[], Frame]]]:
        """The frames in order: a timestamp in seconds, and a function that decodes the frame, called at once or never."""
        raise NotImplementedError


class FrameIterable(SequenceSource):
    """An iterable of frames, or of (timestamp, frame) pairs.

    Frames without a timestamp get ``time.monotonic()`` on arrival. An exception of the iterable reaches the consumer
    unchanged. Closing ends the iteration; the iterable itself is not closed.

    Args:
        colour: channel order of the frames, "rgb" or "bgr"; they are handed out as RGB.

    Raises:
        SourceError: it is a single frame. Raised by the iteration: a pair does not begin with its timestamp. OptionError: another
            colour.
    """

    name = "iterable of frames"

    def __init__(self, items: Iterable[Any], *, colour: str = RGB) -> None:
        if isinstance(items, np.ndarray) and items.ndim < 4:
            raise SourceError(
                f"An array of shape {list(items.shape)} was given; expected several frames, [N, height, width, 3]. For a "
                "single frame use stream.push(frame)."
            )
        self._frames, self._colour = items, check_colour(colour)

    def _items(self) -> Iterator[tuple[float, Callable[[], Frame]]]:
        clock = ArrivalClock()
        decode = partial(to_rgb, colour=BGR) if self._colour == BGR else _itself
        for item in self._frames:
            timestamp, image = timed_frame(item, clock)
            yield timestamp, partial(decode, image)


def timed_frame(item: Any, clock: ArrivalClock) -> tuple[float, Any]:
    """The timestamp and the frame of an item: a pair (timestamp, frame), or a frame, which gets its arrival time.

    Raises:
        SourceError: a pair does not begin with its timestamp.
    """
    if not (isinstance(item, tuple) and len(item) == 2):
        return clock.now(), item
    timestamp, image = item
    if isinstance(timestamp, np.ndarray) and timestamp.ndim:
        raise SourceError("A pair that begins with an array was given; expected (timestamp, frame), in this order.")
    return timestamp, image


def _itself(image: Frame) -> Frame:
    return image
