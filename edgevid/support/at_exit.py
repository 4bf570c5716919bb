"""Ends threads before the program exits: one that is in native code while Python shuts down aborts or crashes it."""

from __future__ import annotations

import atexit
import weakref
from typing import Callable, Generic, TypeVar

T = TypeVar("T")


class AtExit(Generic[T]):
    """Objects with threads. Those that still exist at the program's end are ended then.

    Args:
        end: ends them all; called with those not freed yet, including some that have ended already.
    """

    def __init__(self, end: Callable[[list[T]], object]) -> None:
        self._end = end
        self._things: weakref.WeakSet[T] = weakref.WeakSet()

    def add(self, thing: T) -> None:
        self._things.add(thing)
        atexit.unregister(self._run)  # once is enough
        atexit.register(self._run)

    def _run(self) -> None:
        self._end(list(self._things))
