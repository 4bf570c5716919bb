"""Threads share malloc arenas if edgevid is the whole process."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_info"), reason="this C library is not glibc"
)

COUNT = """
import ctypes, sys, tempfile, threading
def arenas():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
    barrier = threading.Barrier(6)  # all at once: an arena whose thread has ended goes to the next
    def allocate():
        barrier.wait()
        libc.malloc(ctypes.c_size_t(100))
        barrier.wait()
    threads = [threading.Thread(target=allocate) for _ in range(6)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    with tempfile.NamedTemporaryFile() as file:
        stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
        libc.malloc_info(0, stream)
        libc.fclose(stream)
        return file.read().count(b"<heap ")
"""
KEEP = "from edgevid.support.memory import keep_few_arenas; keep_few_arenas(); print(arenas())"


def run(code: str, *arguments: object, **variables: str) -> int:
    """The number that the code printed last."""
    environment: Mapping[str, str] = {
        name: value for name, value in os.environ.items() if name not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
    }
    done = subprocess.run(
        [sys.executable, "-c", COUNT + code, *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=True, env={**environment, **variables},
    )  # fmt: skip
    return int(done.stdout.split()[-1])


def test_two_serve_all_threads():
    assert run("print(arenas())") > 2
    assert run(KEEP) == 2


@pytest.mark.parametrize(
    ("variable", "value"), [("MALLOC_ARENA_MAX", "4"), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=4")]
)
def test_who_says_how_many_has_as_many(variable: str, value: str):
    assert run(KEEP, **{variable: value}) == 4


def test_streams_on_the_command_line_keep_few(make_video: Callable[..., Path]):
    code = "from edgevid import cli; cli.main(['stream', '--bundle', 'exercises10-motion', *sys.argv[1:]]); print(arenas())"
    clips = [make_video(f"clip{number}.mp4") for number in range(3)]
    assert run(code, *clips) <= 4  # NumPy's own threads may have begun before
