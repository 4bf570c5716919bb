"""Figures of repeated measurements, with the names that TensorFlow Lite's and LiteRT's benchmarks use."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

_TOO_FEW = "it was measured once"
_STATUS = Path("/proc/self/status")


def latency_fields(times: Sequence[float]) -> dict[str, float]:
    """The usual figures of one or more times in ms."""
    p5, p95, p99 = (float(value) for value in np.percentile(times, (5, 95, 99)))
    return {
        "avg_ms": statistics.fmean(times),
        "min_ms": min(times),
        "max_ms": max(times),
        "median_ms": statistics.median(times),
        "std_ms": statistics.pstdev(times),
        "p5_ms": p5,
        "p95_ms": p95,
        "p99_ms": p99,
        "num_runs": len(times),
    }


def spread(blocks: Sequence[Sequence[float]]) -> Optional[float]:
    """The noise: by how much the largest of the medians of several blocks of one measurement exceeds the smallest.

    0.1 is 10 %. None for fewer than two blocks.
    """
    medians = [statistics.median(block) for block in blocks if block]
    return max(medians) / min(medians) - 1 if len(medians) > 1 and min(medians) > 0 else None


def noisy_latency(blocks: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The usual figures of all times in ms of several blocks of one measurement, with their ``spread``."""
    fields = {**latency_fields([time for block in blocks for time in block]), "spread": spread(blocks)}
    return {**fields, "reasons": {"spread": _TOO_FEW}} if fields["spread"] is None else fields


def noisy_median(values: Sequence[float], blocks: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The median over the visits' values, with the spread of their blocks."""
    known = spread(blocks)
    told = {"median": statistics.median(values), "min": min(values), "max": max(values), "num_runs": len(values)}
    return {**told, "spread": known, **({"reasons": {"spread": _TOO_FEW}} if known is None else {})}


def halves(times: Sequence[float]) -> list[Sequence[float]]:
    """The first and the second half of a list; a list that is too short is not divided."""
    middle = len(times) // 2
    return [times[:middle], times[middle:]] if middle else [times]


def rounded(value: Any, digits: int = 4) -> Any:
    """A JSON value with floats rounded to so many significant digits: more would be noise."""
    if isinstance(value, dict):
        return {key: rounded(part, digits) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(part, digits) for part in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def peak_bytes() -> Optional[int]:
    """Peak memory of this process so far; None if the system does not say."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return _peak_of_usage()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


def _peak_of_usage() -> Optional[int]:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024
