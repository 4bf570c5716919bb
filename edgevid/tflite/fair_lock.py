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

    Ctrl-C can strike between any two steps of Python code, so also just before the lock is freed. A thread that asks for a lock
    which it holds itself has lost it in this way, and has it.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._holder: Optional[int] = None  # the thread's identifier
        self._waiting: deque[tuple[threading.Lock, int]] = deque()

    @property
    def waiting(self) -> int:
        """How many threads wait for it."""
        return len(self._waiting)

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._mutex:
            if self._holder is None or self._holder == me:
                self._holder = me
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append((turn, me))
        try:
            turn.acquire()  # until the one before hands the lock over
        except BaseException:  # Ctrl-C: leave the queue, or pass on what has just been handed over
            with self._mutex:
                if (turn, me) in self._waiting:
                    self._waiting.remove((turn, me))
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
            turn, self._holder = self._waiting.popleft()
            turn.release()
        else:
            self._holder = None
