"""Waiting for what happens in other threads and processes without a signal."""

from __future__ import annotations

import time
from typing import Any, Callable


def reached(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The condition's value once it is true, or its value after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return value


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return once the condition is true; fail after ``seconds``, far more than needed."""
    assert reached(condition, seconds), "it did not happen"
