"""Starting threads, which may fail: the system limits their number."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Callable

from ..errors import EdgevidError


def start_threads(
    threads: Sequence[threading.Thread], undo: Callable[[], object], kind: type[EdgevidError] = EdgevidError
) -> None:
    """Start them all. If one fails, ``undo`` ends those that were started and frees what they use.

    Raises:
        EdgevidError: or ``kind``: a thread cannot be started.
    """
    for thread in threads:
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            undo()
            raise kind(
                f"The thread {thread.name!r} cannot be started ({error}): the system allows no more, or memory is short. "
                "Close other streams or programs, or raise the limit (ulimit -u)."
            ) from error
