"""A thread that does pieces of work one after the other."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, TypeVar

from ..errors import OptionError

_MAX_WAITING = 8

T = TypeVar("T")


class Background:
    """Any thread may give it work.

    Args:
        told: called with a word for the current work; "" for none.
    """

    def __init__(self, told: Callable[[str], object]) -> None:
        self._told = told
        self._lock, self._waiting = threading.Lock(), 0
        self._executor = ThreadPoolExecutor(1, "edgevid teaching")

    def later(self, what: str, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call a function when the earlier work is done.

        Raises:
            OptionError: too much work is waiting, or it is closed.
        """
        with self._lock:
            if self._waiting >= _MAX_WAITING:
                raise OptionError(
                    f"{_MAX_WAITING} things are waiting to be learnt already; try again in a few seconds."
                )
            self._waiting += 1

        def run() -> T:
            self._told(what)
            try:
                return function(*arguments)
            finally:
                with self._lock:
                    self._waiting -= 1
                self._told("")

        try:
            return self._executor.submit(run)
        except RuntimeError as error:
            raise OptionError("The session has ended.") from error

    def close(self) -> None:
        """Finish the current work and cancel the rest."""
        self._executor.shutdown(wait=True, cancel_futures=True)
