"""A timer that can be cancelled."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Callable, Optional


class Alarm:
    """Calls a function later, in its own thread. Only the newest call of :meth:`set` or :meth:`cancel` counts."""

    def __init__(self, name: str) -> None:
        self._name, self._lock = name, threading.Lock()
        self._timer: Optional[threading.Timer] = None

    def set(self, seconds: float, action: Callable[[], object]) -> None:
        """Call ``action`` after ``seconds``."""
        timer = threading.Timer(seconds, action)
        timer.name, timer.daemon = self._name, True
        self._replace(timer)
        with suppress(RuntimeError):  # no thread starts any more while the program ends
            timer.start()

    def cancel(self) -> None:
        """Cancel the call."""
        self._replace(None)

    def _replace(self, timer: Optional[threading.Timer]) -> None:
        with self._lock:
            old, self._timer = self._timer, timer
        if old is not None:
            old.cancel()
