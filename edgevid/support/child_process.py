"""Python in a process of its own, which answers with one JSON object: a native crash there must not end who asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class ChildError(Exception):
    """The process could not be started, crashed, or took too long; the text says which, in words."""


def ask(arguments: Sequence[str], timeout_seconds: float) -> dict[str, Any]:
    """Start this Python with these arguments, and read the JSON object on the last line of its output.

    Raises:
        ChildError: there is none.
    """
    # The child must find this very edgevid and its packages, however this process found them.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
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
