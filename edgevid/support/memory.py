"""Limits the freed memory that the C library keeps, if edgevid is the whole process."""

from __future__ import annotations

import os
import sys

_M_ARENA_MAX = -8  # of malloc.h
_ARENAS = 2


def keep_few_arenas() -> None:
    """Let glibc serve all threads from two arenas. Call it before threads start: existing arenas remain.

    By default each thread gets its own, up to eight per core, and each keeps the memory freed in it: with a thread for each
    camera a process holds several times what it uses. For edgevid's own commands, because it affects the whole process;
    ``MALLOC_ARENA_MAX`` and ``GLIBC_TUNABLES`` have precedence. Other C libraries are left as they are.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ or "GLIBC_TUNABLES" in os.environ:
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
