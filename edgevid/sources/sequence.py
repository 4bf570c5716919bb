"""Sources whose frames wait for the consumer: files, pictures, the caller's own frames."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Callable, Optional

import numpy as np

from ..errors import SourceError
from ..frames import Frame
from .base import Source, TimedFrame, Wanted


class SequenceSource(Source):
    """A source that drops nothing: each frame is used, or the consumer's sampling has no use for it."""

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
        """The frames in order: a timestamp in seconds, and what decodes the picture. The latter is called at once or never."""
        raise NotImplementedError


class FrameIterable(SequenceSource):
    """An iterable of frames, or of (timestamp, frame) pairs.

    Frames without a timestamp get ``time.monotonic()`` as they come. An exception that the iterable raises reaches the
    consumer as it is. Closing ends the iteration, and leaves the iterable to whoever made it.

    Raises:
        SourceError: it is a single frame. Raised by the iteration: a pair does not begin with its timestamp.
    """

    name = "iterable of frames"

    def __init__(self, items: Iterable[Any]) -> None:
        if isinstance(items, np.ndarray) and items.ndim < 4:
            raise SourceError(
                f"An array of shape {list(items.shape)} was given; expected several frames, [N, height, width, 3]. For a "
                "single frame use stream.push(frame)."
            )
        self._frames = items

    def _items(self) -> Iterator[tuple[float, Callable[[], Frame]]]:
        for item in self._frames:
            timestamp, image = item if isinstance(item, tuple) and len(item) == 2 else (time.monotonic(), item)
            if isinstance(timestamp, np.ndarray) and timestamp.ndim:
                raise SourceError(
                    "A pair that begins with an array was given; expected (timestamp, frame), in this order."
                )
            yield timestamp, partial(_itself, image)


def _itself(image: Frame) -> Frame:
    return image
