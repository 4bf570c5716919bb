"""A lock that is given in the order in which it was asked for."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Optional


class FairLock:
    """A lock for ``with`` that threads get first come, first served. Not reentrant.

    ``threading.Lock`` makes no such promise: a thread that frees it and asks again at once as a rule gets it again, and of
    several cameras on one network one could starve the others.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many threads wait for it."""
        return len(self._waiting)

    def __enter__(self) -> None:
        with self._mutex:
            if not self._held:
                self._held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()  # until the one before hands the lock over
        except BaseException:  # Ctrl-C: leave the queue, or pass on what has just been handed over
            with self._mutex:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._hand_over()
            raise

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        with self._mutex:
            self._hand_over()

    def _hand_over(self) -> None:
        # The lock stays held when somebody waits: nobody can come between.
        if self._waiting:
            self._waiting.popleft().release()
        else:
            self._held = False
