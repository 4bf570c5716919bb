"""Ctrl-C, SIGTERM and SIGHUP for commands that have something to finish: all become ``KeyboardInterrupt``."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Optional

_SAME_SECONDS = 1.0


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block SIGINT, SIGTERM and SIGHUP raise ``KeyboardInterrupt``; afterwards the old handlers are restored.

    SIGINT is set as well because a shell starts background jobs with it ignored, and `kill -INT` must end those too. SIGHUP,
    which arrives when the terminal is closed, stays ignored if it was: nohup relies on that.

    A second signal within one second is ignored: a terminal that is closed, or a service that is stopped, sends several, and
    they must not break off an orderly end. A later one does break it off.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        numbers.append(hangup)
    old: dict[int, Any] = {}
    last = -math.inf

    def interrupt(number: int, frame: Optional[FrameType]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > _SAME_SECONDS:
            last = now
            raise KeyboardInterrupt

    try:
        for number in numbers:
            old[number] = signal.signal(number, interrupt)
        yield
    finally:
        for caught, handler in old.items():
            # None: the handler was not installed from Python and cannot be put back
            signal.signal(caught, signal.SIG_DFL if handler is None else handler)
