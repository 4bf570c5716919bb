"""Tests the runtime in a process of its own, so that a native crash does not end the program."""

from __future__ import annotations

import json
import sys
import timeit
from pathlib import Path
from typing import Any

from ..support.child_process import ChildError, ask

_TIMEOUT_SECONDS = 120
_RUNS = 3


def probe_runtime(model_path: Path) -> dict[str, Any]:
    """Run a model with the runtime in use.

    Returns:
        ``problem`` (None if it runs) and, if it runs, ``delegated_parts`` of the network and ``invoke_ms``, the
        shortest of a few runs with the default number of threads.
    """
    try:
        return ask(["-m", __name__, str(model_path)], _TIMEOUT_SECONDS)
    except ChildError as error:
        return {"problem": str(error)}


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
    print(json.dumps(_probe(sys.argv[1])))  # noqa: T201 - the parent reads it
