"""What must not outlive the program: a thread that is in native code while Python goes down aborts it, or crashes."""

from __future__ import annotations

import atexit
import weakref
from typing import Callable, Generic, TypeVar

T = TypeVar("T")


class AtExit(Generic[T]):
    """Things with threads. Those that are still there at the program's end are ended then.

    Args:
        end: ends them all; given those that were not freed yet, also ones that have ended already.
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
