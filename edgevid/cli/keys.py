"""Keyboard input while a command runs. Not through ``sys.stdin``: a thread waiting there would hold its lock at exit."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Callable

from .output import is_terminal


def read_line() -> str:
    """The next line of stdin, stripped.

    Raises:
        EOFError: there is no more.
    """
    line = bytearray()
    while (sign := _read_sign()) != b"\n":
        if not sign:
            if not line:
                raise EOFError
            break
        line += sign
    return line.decode(errors="replace").strip()


@contextmanager
def told_keys(told: Callable[[str], object]) -> Iterator[None]:
    """Within the block ``told`` is called, in a thread, with each key that is pressed.

    On a terminal it is called at once; from a pipe, and on Windows, with the first character of each line. When stdin has
    ended, it is not called any more.
    """
    over = threading.Event()
    with _unbuffered() as single:

        def read() -> None:
            with suppress(EOFError):
                while not over.is_set():
                    text = _read_key() if single else read_line()
                    if text and not over.is_set():
                        told(text[0])

        threading.Thread(target=read, name="edgevid keys", daemon=True).start()
        try:
            yield
        finally:
            over.set()


def _read_key() -> str:
    sign = _read_sign()
    if not sign:
        raise EOFError
    return sign.decode(errors="ignore").strip()


def _read_sign() -> bytes:
    try:
        return os.read(sys.stdin.fileno(), 1)
    except (OSError, ValueError, AttributeError):  # stdin is closed, or was never open
        return b""


@contextmanager
def _unbuffered() -> Iterator[bool]:
    """Within the block, the terminal delivers each key at once, without echo. Yields False if stdin is no such terminal."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield False
        return
    if not is_terminal(sys.stdin):
        yield False
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)  # Ctrl-C keeps its meaning
    try:
        yield True
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
