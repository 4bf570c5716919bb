"""The steadiness of the machine: a fixed calculation, repeated while the rest is measured."""

from __future__ import annotations

import os
import statistics
import time
from typing import Any, Optional

import numpy as np

from ..support.sensors import cpu_seconds
from .figures import latency_fields
from .machine import with_reasons

# Neither has a vectorised form on any machine, nor in any NumPy.
WHAT = "adding up 20,000 squares in Python, and 200,000 numbers one after the other in NumPy"
_RUNS = 8


class Calibration:
    """Blocks of a few runs of the calculation, taken between the measurements."""

    def __init__(self) -> None:
        self._numbers = np.random.default_rng(0).random(200_000)
        self._blocks: list[list[float]] = []
        self._began = cpu_seconds(), _own_seconds()

    def take(self) -> None:
        """Run one more block: some ten milliseconds on a PC."""
        block = []
        for _ in range(_RUNS):
            start = time.perf_counter()
            sum(number * number for number in range(20_000))
            self._numbers.cumsum()
            block.append((time.perf_counter() - start) * 1000)
        self._blocks.append(block)

    def summary(self) -> dict[str, Any]:
        """For JSON.

        ``spread``: by how much the largest of the middle 80 % of the blocks' medians exceeds the smallest; ``others_share``:
        the fraction of the CPUs' time that other programs took since the beginning.
        """
        medians = [statistics.median(block) for block in self._blocks]
        low, high = np.percentile(medians, (10, 90))
        facts = with_reasons({"others_share": (self._others_share(), "no /proc/stat")})
        return {
            "calculation": WHAT,
            "blocks": len(medians),
            "spread": float(high / low) - 1,
            "latency": latency_fields([run for block in self._blocks for run in block]),
            **facts,
        }

    def _others_share(self) -> Optional[float]:
        before, now = self._began[0], cpu_seconds()
        if before is None or now is None or now[1] <= before[1]:
            return None
        others = now[0] - before[0] - (_own_seconds() - self._began[1])
        return min(max(others / (now[1] - before[1]), 0.0), 1.0)


def _own_seconds() -> float:
    """CPU time of this process and of its ended child processes."""
    return sum(os.times()[:4])
