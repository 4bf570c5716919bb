"""A queue for opening cameras and files: OpenCV's FFmpeg backend holds a lock for the whole program while it opens one.

A network camera that never answers would block every other opening for ever, because nothing can free that lock. From 4.8 on,
OpenCV omits it if an environment variable says that FFmpeg needs no lock, which is so since FFmpeg 4. Before that, openings
wait here, first come, first served. Unlike a wait for the lock, this one can be ended and explained, and does not count
towards the camera's timeout.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Callable, Optional

from ..errors import SourceError

# FFmpeg gives up after 10 s to connect and 10 s to find a picture: an opening that takes longer never returns.
_STUCK_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_VARIABLE = "OPENCV_FFMPEG_IS_THREAD_SAFE"


class Turns:
    """A first-come, first-served queue for opening.

    Args:
        needed: called before each opening; False: all may open at once.
        at_once: called before openings that do not wait.
    """

    def __init__(self, needed: Callable[[], bool] = lambda: True, at_once: Callable[[], object] = lambda: None) -> None:
        self._needed, self._at_once = needed, at_once
        self._queue: deque[object] = deque()  # the first has the turn
        self._holder: Optional[tuple[str, float]] = None  # the one that is opening, and since when

    @contextmanager
    def take(self, name: str, stopped: Callable[[], bool]) -> Iterator[None]:
        """Wait for the turn and hold it within the block.

        Args:
            name: what is being opened, for other openings' messages.
            stopped: ends the wait.

        Raises:
            SourceError: the previous opening does not end, or the wait was stopped.
        """
        if not self._needed():
            self._at_once()
            yield
            return
        ticket = object()
        try:  # at once, because Ctrl-C may strike anywhere
            self._queue.append(ticket)
            while self._queue[0] is not ticket:
                if stopped():
                    raise SourceError(f"The {name} was closed while it was opened.")
                self._check(name)
                time.sleep(_LOOK_SECONDS)
            self._holder = (name, time.monotonic())
            yield
        finally:
            if self._queue and self._queue[0] is ticket:
                self._holder = None
            with suppress(ValueError):
                self._queue.remove(ticket)

    def wait(self, name: str) -> None:
        """Wait for the turn without taking it: for a file, which opens at once.

        Raises:
            SourceError: as for :meth:`take`.
        """
        if self._needed():
            with self.take(name, lambda: False):
                pass

    def _check(self, name: str) -> None:
        holder = self._holder
        if holder is not None and time.monotonic() - holder[1] > _STUCK_SECONDS:
            raise SourceError(
                f"The {name} cannot be opened: OpenCV opens one file or stream at a time, and has been opening the {holder[0]} "
                f"for {time.monotonic() - holder[1]:.0f} s. Check that one's address and network; if it never answers, leave "
                "it out and start the program again."
            )


def opencv_locks() -> bool:
    """Whether OpenCV opens one file or stream at a time. The user's setting of the variable decides."""
    import cv2

    version = tuple(int(number) for number in cv2.__version__.split(".")[:2])
    return version < (4, 8) or os.environ.get(_VARIABLE, "1").lower() not in ("1", "true")


def _ask_for_no_lock() -> None:
    """Set the variable in this process's environment, which OpenCV reads at each opening, also at the program's own ones."""
    os.environ.setdefault(_VARIABLE, "1")


opencv_turns = Turns(opencv_locks, _ask_for_no_lock)
