"""What the system gives to this process."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
from pathlib import Path

import pytest


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def open_files() -> set[str]:
    """What this program has open: files, and sockets by number."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("this system does not list a process's open files in /proc")
    gc.collect()  # so that only what is held counts
    opened = set()
    for link in folder.iterdir():
        with contextlib.suppress(OSError):  # the folder itself
            opened.add(str(link.readlink()))
    return opened


def threads_named(*beginnings: str) -> list[threading.Thread]:
    """The threads of this program whose names begin with one of these."""
    return [thread for thread in threading.enumerate() if thread.name.startswith(beginnings)]
