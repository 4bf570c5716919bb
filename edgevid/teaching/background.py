"""Work that is done one piece after the other, in a thread of its own."""

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
        told: what is done now, in a word; "" for nothing.
    """

    def __init__(self, told: Callable[[str], object]) -> None:
        self._told = told
        self._lock, self._waiting = threading.Lock(), 0
        self._executor = ThreadPoolExecutor(1, "edgevid teaching")

    def later(self, what: str, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call a function when what came before is done.

        Raises:
            OptionError: too much waits, or it is closed.
        """
        with self._lock:
            if self._waiting >= _MAX_WAITING:
                raise OptionError(f"{_MAX_WAITING} things wait to be learnt already; try again in a few seconds.")
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
        """Finish what is being done; the rest is cancelled."""
        self._executor.shutdown(wait=True, cancel_futures=True)
