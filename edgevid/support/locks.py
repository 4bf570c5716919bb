"""File locks between processes, which the system releases when the holder dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_LOOK_SECONDS = 0.02


@contextmanager
def locked(path: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock on a file within the block; the file is created if absent, and stays.

    It also excludes other threads. On a file system without locks nothing is excluded.

    Args:
        wait_seconds: how long to wait for the holder.

    Raises:
        BlockingIOError: it is still held. OSError: the file cannot be created.
    """
    until = time.monotonic() + wait_seconds
    with path.open("a+b") as file:
        while not _lock(file):
            if time.monotonic() >= until:
                raise BlockingIOError(f"{path} is locked by another process")
            time.sleep(_LOOK_SECONDS)
        yield  # closing the file releases the lock


def _lock(file: IO[Any]) -> bool:
    """Lock an open file; False: another has it."""
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _lock_on_windows(file: IO[Any]) -> bool:
    try:
        import msvcrt
    except ImportError:  # a system without locks
        return True
    lock: Any = msvcrt
    try:
        file.seek(0)
        lock.locking(file.fileno(), lock.LK_NBLCK, 1)
    except OSError:
        return False
    return True
