"""Shares of a total, with their intervals. Without SciPy, because bundles are taught with the core install only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

_Z = 1.959963984540054  # 97.5 % of the normal distribution lie below


@dataclass(frozen=True)
class Share:
    """``hits`` of ``n`` and its 95 % interval. (Clips of one group resemble each other, so the true interval is wider.)"""

    hits: int
    n: int

    @classmethod
    def of(cls, hits: NDArray[np.bool_]) -> Share:
        """From one truth value per clip."""
        return cls(int(np.sum(hits)), len(hits))

    @property
    def value(self) -> float:
        """In [0, 1]; NaN if ``n`` is 0."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson score interval (Wilson 1927, J. Am. Stat. Assoc. 22:209)."""
        return wilson_interval(self.hits, self.n)

    def plain_dict(self) -> dict[str, Any]:
        """Without an interval, for dependent observations."""
        return {"value": round(self.value, 4) if self.n else None, "hits": self.hits, "n": self.n}

    def as_dict(self) -> dict[str, Any]:
        return {**self.plain_dict(), "wilson_95": [round(bound, 4) for bound in self.interval]}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.value:5.1f} %  [{100 * low:5.1f}, {100 * high:5.1f}]  n={self.n}"


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of ``hits`` of ``n``; (0, 1) if ``n`` is 0."""
    if not 0 <= hits <= n:
        raise OptionError(f"{hits} hits of {n} were given; expected 0 to n.")
    if n == 0:
        return 0.0, 1.0
    part, more = hits / n, _Z * _Z / n
    middle, spread = part + more / 2, _Z * math.sqrt(part * (1 - part) / n + more / (4 * n))
    return max(0.0, (middle - spread) / (1 + more)), min(1.0, (middle + spread) / (1 + more))


def confusion_matrix(truth: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """int64 ``[K, K]``: clips of the row's class classified as the column's. (Unlike scikit-learn's, it accepts no clips.)"""
    confusion = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    return confusion
