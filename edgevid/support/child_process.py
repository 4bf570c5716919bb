"""Runs Python in a child process that answers with one JSON object, so that a native crash does not end the parent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SAFE_PATH = "PYTHONSAFEPATH"


class ChildError(Exception):
    """The process could not be started, crashed, or took too long; the message says which."""


def python_command(*arguments: str) -> list[str]:
    """The command that starts this Python with ``-m MODULE ...`` or ``-c CODE ...`` without importing from the working folder.

    A file there, such as ``json.py``, may be anybody's.
    """
    if sys.version_info >= (3, 11):
        return [sys.executable, "-P", *arguments]
    kind, what, *rest = arguments
    code = what if kind == "-c" else f"import runpy; runpy.run_module({what!r}, run_name='__main__', alter_sys=True)"
    return [sys.executable, "-c", f"import sys; sys.path.pop(0)\n{code}", *rest]


def _is_working_folder(place: str) -> bool:
    try:
        return Path(place).resolve() == Path.cwd()
    except OSError:  # it is gone
        return not place


@contextmanager
def away_from_the_working_folder() -> Iterator[None]:
    """Pythons (3.11 and later) that are started within the block import nothing from the working folder."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def ask(arguments: Sequence[str], timeout_seconds: float) -> dict[str, Any]:
    """Start this Python as by :func:`python_command`, and read the JSON object on the last line of its output.

    Raises:
        ChildError: there is none.
    """
    # The child must find this very edgevid and its packages, however this process found them.
    package = str(Path(__file__).parents[2])
    places = [place for place in sys.path if place == package or not _is_working_folder(place)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*places, *([] if package in places else [package])])}
    try:
        done = subprocess.run(
            python_command(*arguments),
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=timeout_seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"the process that tried it did not answer within {timeout_seconds:g} s") from error
    except OSError as error:
        raise ChildError(f"it could not be tried: {error}") from error
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer
    said = [line for line in done.stderr.splitlines() if line.strip()]
    end = f"was ended by signal {-done.returncode}" if done.returncode < 0 else f"exited with {done.returncode}"
    raise ChildError(f"the process that tried it {end}{': ' + said[-1].strip() if said else ''}")
