"""One opening at a time: OpenCV's FFmpeg backend holds one lock in the whole program while it opens a file or a stream.

A network camera that never answers would hold up every other opening for ever, since nothing can free that lock. So who wants to
open waits here, where the wait can be ended and explained, and does not count as the delay of a camera that would have answered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable, Optional

from ..errors import SourceError

# FFmpeg gives up after 10 s to connect and 10 s to find a picture: who takes longer does not come back.
_STUCK_SECONDS = 30.0
_LOOK_SECONDS = 0.05


class Turns:
    """Turns at opening, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: Optional[tuple[str, float]] = None  # who opens, and since when

    @contextmanager
    def take(self, name: str, stopped: Callable[[], bool]) -> Iterator[None]:
        """Hold the turn within the block, after those before have had theirs. Not for the main thread.

        Args:
            name: what is to be opened, for the messages of others.
            stopped: ends the wait.

        Raises:
            SourceError: the one before does not end its own, or the wait was stopped.
        """
        # Ctrl-C could strike between the two steps, and the turn be held for ever; but it comes to the main thread only.
        while not self._lock.acquire(timeout=_LOOK_SECONDS):
            if stopped():
                raise SourceError(f"The {name} was closed while it was opened.")
            self._check(name)
        try:
            self._holder = (name, time.monotonic())
            yield
        finally:
            self._holder = None
            self._lock.release()

    def wait(self, name: str) -> None:
        """Wait until nobody opens anything, without taking the turn: for a file, which opens at once.

        Raises:
            SourceError: as :meth:`take`.
        """
        while self._holder is not None:
            self._check(name)
            time.sleep(_LOOK_SECONDS)

    def _check(self, name: str) -> None:
        holder = self._holder
        if holder is not None and time.monotonic() - holder[1] > _STUCK_SECONDS:
            raise SourceError(
                f"The {name} cannot be opened: OpenCV opens one file or stream at a time, and has been opening the {holder[0]} "
                f"for {time.monotonic() - holder[1]:.0f} s. Check that one's address and network; if it never answers, leave "
                "it out and start the program again."
            )


opencv_turns = Turns()
