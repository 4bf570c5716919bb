"""Ctrl-C while the program's modules load."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Within the block Ctrl-C ends the process without a word, as the system does it.

    Nothing has begun that would have to be ended in order. As a KeyboardInterrupt it would show a traceback of whatever module
    is being loaded, or become an ImportError of NumPy's. Where Ctrl-C is ignored, or somebody else's to handle, it stays so.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
