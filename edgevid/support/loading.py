"""Ctrl-C while the program's modules load. Imports as little as possible, because that takes time too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Within the block, Ctrl-C ends the process silently, by the system's default action.

    Nothing that needs cleaning up has begun. As a KeyboardInterrupt it would show a traceback of the module
    being loaded, or become an ImportError of NumPy's. If Ctrl-C is ignored or has another handler, that stays.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:  # not the main thread, the only one that gets it
        handler = None
    try:
        yield
    finally:
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, handler)
