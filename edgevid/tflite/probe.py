"""Tries the runtime in a process of its own: a native crash there must not end the program that asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import timeit
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 120
_RUNS = 3


def probe_runtime(model_path: Path) -> dict[str, Any]:
    """Run a model with the runtime in use.

    Returns:
        ``problem`` (None when it runs) and, when it runs, ``delegated_parts`` of the network and ``invoke_ms``, the
        shortest of a few runs with the default number of threads.
    """
    # The child must find this very edgevid and its packages, however this process found them.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(model_path)],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"problem": f"it could not be tried: {error}"}
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer
    said = [line for line in done.stderr.splitlines() if line.strip()]
    end = f"was ended by signal {-done.returncode}" if done.returncode < 0 else f"exited with {done.returncode}"
    return {"problem": f"the process that tried it {end}{': ' + said[-1].strip() if said else ''}"}


def _probe(model_path: str) -> dict[str, Any]:
    import numpy as np

    from ..errors import EdgevidError
    from .interpreter import TfliteModel

    try:
        model = TfliteModel(model_path)
    except EdgevidError as error:
        return {"problem": str(error)}
    zeros = [np.zeros(spec.shape, spec.dtype) for spec in model.inputs]
    seconds = min(timeit.repeat(lambda: model.run(*zeros), number=1, repeat=_RUNS))
    return {"problem": None, "delegated_parts": model.delegates(), "invoke_ms": round(seconds * 1000, 3)}


if __name__ == "__main__":
    print(json.dumps(_probe(sys.argv[1])))  # noqa: T201 - what the parent reads
