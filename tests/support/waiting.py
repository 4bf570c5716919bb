"""Waiting for what happens in other threads and processes, and tells nobody."""

from __future__ import annotations

import time
from typing import Any, Callable


def reached(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What the condition gives once it comes true, or what it gives after so long."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return value


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return once the condition is true; fail after so long, far more than it takes."""
    assert reached(condition, seconds), "it did not happen"
