"""Shared by the benchmarks: timing, intervals over groups, result files.

Machines are noisy, so compared variants are timed in turn, A B A B ..., in one process, and reported as a ratio. The fields
are those of TensorFlow Lite's ``benchmark_model`` and LiteRT's ``benchmark_litert_model.py``.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Optional

import numpy as np
from numpy.typing import NDArray

import edgevid
from edgevid.benchmarking.figures import latency_fields, peak_bytes
from edgevid.errors import EdgevidError
from edgevid.tflite.interpreter import select_runtime

__all__ = ["environment", "latency_fields", "over_groups", "peak_bytes", "run", "save", "time_in_turn"]


def run(main: Callable[[], int]) -> NoReturn:
    """Run a benchmark; print edgevid's errors without a traceback."""
    try:
        sys.exit(main())
    except EdgevidError as error:
        sys.exit(str(error))


def time_in_turn(calls: Mapping[str, Callable[[], Any]], runs: int, warmup: int = 10) -> dict[str, list[float]]:
    """Milliseconds of each run of each call; the calls take turns."""
    for _ in range(warmup):
        for call in calls.values():
            call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - start) * 1000)
    return times


def over_groups(right: Sequence[NDArray[np.bool_]], draws: int = 10_000, seed: int = 0) -> list[float]:
    """95 % interval of the accuracy over groups: whole groups are resampled with replacement (percentile bootstrap)."""
    hits, sizes = (np.array([measure(one) for one in right]) for measure in (np.sum, len))
    drawn = np.random.default_rng(seed).integers(len(right), size=(draws, len(right)))
    return [
        round(float(bound), 4)
        for bound in np.percentile(hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), (2.5, 97.5))
    ]


def environment(runtime: Optional[str] = None) -> dict[str, Any]:
    """What a figure depends on."""
    chosen = select_runtime(runtime)
    return {
        "edgevid": edgevid.__version__,
        "runtime": f"{chosen.name} {chosen.version}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def save(result: dict[str, Any], path: Optional[Path]) -> None:
    """Write a result as JSON, if a path was given."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
