"""Frames that the caller's own code gives."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Callable

from .sequence import SequenceSource


class FrameIterable(SequenceSource):
    """An iterable of frames, or of (timestamp, frame) pairs.

    Frames without a timestamp get ``time.monotonic()`` as they come. An exception that the iterable raises reaches the
    consumer as it is. Closing ends the iteration, and leaves the iterable to whoever made it.
    """

    name = "iterable of frames"

    def __init__(self, items: Iterable[Any]) -> None:
        self._frames = items

    def _items(self) -> Iterator[tuple[float, Callable[[], Any]]]:
        for item in self._frames:
            timestamp, image = item if isinstance(item, tuple) and len(item) == 2 else (time.monotonic(), item)
            yield timestamp, partial(_itself, image)


def _itself(image: Any) -> Any:
    return image
