"""What is typed while a command runs. Past ``sys.stdin``: a thread that waits there would hold its lock when the program ends."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Callable

from .output import is_terminal


def read_line() -> str:
    """The next line of stdin, without the spaces around it.

    Raises:
        EOFError: there is none.
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

    On a terminal at once; of a pipe, and on Windows, with the first sign of each line. Nothing is told once stdin has ended.
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
    except (OSError, ValueError, AttributeError):  # it is closed, or was never open
        return b""


@contextmanager
def _unbuffered() -> Iterator[bool]:
    """The terminal gives each key at once within the block, and does not show it. False: it cannot, or stdin is none."""
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
    tty.setcbreak(number)  # Ctrl-C stays what it is
    try:
        yield True
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
