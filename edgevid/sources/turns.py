"""One opening at a time, where OpenCV cannot do more: its FFmpeg backend holds one lock in the whole program while it opens.

A network camera that never answers would hold up every other opening for ever, since nothing can free that lock. From 4.8 on
OpenCV leaves it out where a variable of the environment says that FFmpeg needs none, as FFmpeg does since version 4. Before that,
who wants to open waits here, first come, first served, where the wait can be ended and explained, and does not count as the delay
of a camera that would have answered.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Callable, Optional

from ..errors import SourceError

# FFmpeg gives up after 10 s to connect and 10 s to find a picture: who takes longer does not come back.
_STUCK_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_VARIABLE = "OPENCV_FFMPEG_IS_THREAD_SAFE"


class Turns:
    """Turns at opening, one after the other.

    Args:
        needed: asked before each; False: all may open at once.
        at_once: called before those that do.
    """

    def __init__(self, needed: Callable[[], bool] = lambda: True, at_once: Callable[[], object] = lambda: None) -> None:
        self._needed, self._at_once = needed, at_once
        self._queue: deque[object] = deque()  # whose is the first has the turn
        self._holder: Optional[tuple[str, float]] = None  # who opens, and since when

    @contextmanager
    def take(self, name: str, stopped: Callable[[], bool]) -> Iterator[None]:
        """Hold the turn within the block, after those before have had theirs.

        Args:
            name: what is to be opened, for the messages of others.
            stopped: ends the wait.

        Raises:
            SourceError: the one before does not end its own, or the wait was stopped.
        """
        if not self._needed():
            self._at_once()
            yield
            return
        ticket = object()
        try:  # at once, for Ctrl-C may strike anywhere
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
        """Wait for the turn, without taking it: for a file, which opens at once.

        Raises:
            SourceError: as :meth:`take`.
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
    """Whether OpenCV opens one file or stream at a time, whatever it is asked. Who has set the variable decides."""
    import cv2

    version = tuple(int(number) for number in cv2.__version__.split(".")[:2])
    return version < (4, 8) or os.environ.get(_VARIABLE, "1").lower() not in ("1", "true")


def _ask_for_no_lock() -> None:
    """In the environment of this process, which OpenCV reads at each opening, of the program's own too, where it mentions it."""
    os.environ.setdefault(_VARIABLE, "1")


opencv_turns = Turns(opencv_locks, _ask_for_no_lock)
