"""How the C library keeps freed memory, where edgevid is the whole process."""

from __future__ import annotations

import os
import sys

_M_ARENA_MAX = -8  # of malloc.h
_ARENAS = 2


def keep_few_arenas() -> None:
    """Let glibc serve all threads from two arenas. Call it before threads start: the arenas that there are remain.

    It would give each thread one of its own, up to eight a core, and each keeps what was freed in it: with a thread for each
    camera a process holds several times what it uses. For edgevid's own commands, as it holds for the whole process; whoever
    sets ``MALLOC_ARENA_MAX`` or ``GLIBC_TUNABLES`` decides. Other C libraries are left as they are.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ or "GLIBC_TUNABLES" in os.environ:
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
