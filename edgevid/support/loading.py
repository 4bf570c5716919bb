"""Ctrl-C while the program's modules load. Imports as little as it can, for that takes time too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Within the block Ctrl-C ends the process without a word, as the system does it.

    Nothing has begun that would have to be ended in order. As a KeyboardInterrupt it would show a traceback of whatever module
    is being loaded, or become an ImportError of NumPy's. Where Ctrl-C is ignored, or somebody else's to handle, it stays so.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:  # not the main thread, which alone gets it
        handler = None
    try:
        yield
    finally:
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, handler)
