"""Frames that the caller's own code gives."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Callable

import numpy as np

from ..errors import SourceError
from .sequence import SequenceSource


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

    def _items(self) -> Iterator[tuple[float, Callable[[], Any]]]:
        for item in self._frames:
            timestamp, image = item if isinstance(item, tuple) and len(item) == 2 else (time.monotonic(), item)
            if isinstance(timestamp, np.ndarray) and timestamp.ndim:
                raise SourceError(
                    "A pair that begins with an array was given; expected (timestamp, frame), in this order."
                )
            yield timestamp, partial(_itself, image)


def _itself(image: Any) -> Any:
    return image
