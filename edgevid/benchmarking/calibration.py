"""How steady the machine itself is: a calculation that is always the same, again and again while the rest is measured."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from .figures import latency_fields

WHAT = "sorting 40,000 fixed numbers and adding 10,000 in Python"
_RUNS = 8


class Calibration:
    """Blocks of a few runs of the calculation, taken between the measurements."""

    def __init__(self) -> None:
        self._numbers = np.random.default_rng(0).random(40_000)
        self._blocks: list[list[float]] = []

    def take(self) -> None:
        """Run one more block: some ten milliseconds."""
        block = []
        for _ in range(_RUNS):
            start = time.perf_counter()
            np.sort(self._numbers, kind="heapsort")  # not vectorised on any machine
            sum(range(10_000))
            block.append((time.perf_counter() - start) * 1000)
        self._blocks.append(block)

    def summary(self) -> dict[str, Any]:
        """For JSON. ``spread``: how much more than the smallest the largest of the middle 80 % of the blocks' medians is."""
        medians = [statistics.median(block) for block in self._blocks]
        low, high = np.percentile(medians, (10, 90))
        return {
            "calculation": WHAT,
            "blocks": len(medians),
            "spread": float(high / low) - 1,
            "latency": latency_fields([run for block in self._blocks for run in block]),
        }
