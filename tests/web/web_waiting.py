"""Waiting for what the server's own thread does."""

from __future__ import annotations

import threading
import time
from typing import Callable


def web_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "edgevid web"]


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Return once ``true()`` is true; fail after ``seconds``, far more than needed."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
