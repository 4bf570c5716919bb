"""Waiting for other threads."""

from __future__ import annotations

import threading
import time
from typing import Optional

_PIECE_SECONDS = 0.5


def wait_interruptibly(event: threading.Event, timeout: Optional[float] = None) -> bool:
    """``event.wait(timeout)``, in pieces: on Windows Ctrl-C comes only between two of them."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _PIECE_SECONDS if deadline is None else max(deadline - time.monotonic(), 0.0)
        if event.wait(min(left, _PIECE_SECONDS)):
            return True
        if left == 0.0:
            return False
