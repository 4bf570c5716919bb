"""How good predictions are, and how sure that figure is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..support.extras import load_statistics


@dataclass(frozen=True)
class Share:
    """``hits`` of ``n`` and its 95 % interval. (Clips of one group resemble each other, so the true interval is wider.)"""

    hits: int
    n: int

    @classmethod
    def of(cls, hits: NDArray[np.bool_]) -> Share:
        """Of one truth value a clip."""
        return cls(int(np.sum(hits)), len(hits))

    @property
    def value(self) -> float:
        """In [0, 1]; NaN of nothing."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson score interval (Wilson 1927, J. Am. Stat. Assoc. 22:209)."""
        return wilson_interval(self.hits, self.n)

    def plain_dict(self) -> dict[str, Any]:
        """Without an interval, for what is far from independent."""
        return {"value": round(self.value, 4) if self.n else None, "hits": self.hits, "n": self.n}

    def as_dict(self) -> dict[str, Any]:
        return {**self.plain_dict(), "wilson_95": [round(bound, 4) for bound in self.interval]}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.value:5.1f} %  [{100 * low:5.1f}, {100 * high:5.1f}]  n={self.n}"


@dataclass(frozen=True)
class Metrics:
    """Measured over a set of clips.

    Attributes:
        accuracy: clips whose most probable class is the true one.
        top_k: clips whose true class is among the ``k`` most probable.
        recall: the same as accuracy over the clips of one class, for each class.
        confusion: ``confusion[i][j]`` clips of class i were called class j.
    """

    labels: tuple[str, ...]
    accuracy: Share
    k: int
    top_k: Share
    recall: dict[str, Share]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        """What the card carries."""
        return {
            "accuracy": self.accuracy.as_dict(),
            f"top_{self.k}": self.top_k.as_dict(),
            "recall": {label: share.as_dict() for label, share in self.recall.items()},
            "confusion": self.confusion,
        }


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of ``hits`` of ``n``; (0, 1) of nothing."""
    if not 0 <= hits <= n:
        raise OptionError(f"{hits} hits of {n} were given; expected 0 to n.")
    if n == 0:
        return 0.0, 1.0
    low, high = load_statistics().binomtest(hits, n).proportion_ci(0.95, "wilson")
    return max(0.0, float(low)), min(1.0, float(high))


def measure(
    probabilities: NDArray[np.floating[Any]], classes: NDArray[np.int64], labels: Sequence[str], k: int = 3
) -> Metrics:
    """Metrics of predictions.

    Args:
        probabilities: ``[N, K]``.
        classes: the true ones, int ``[N]``, each in ``[0, K)``.
        labels: K of them.
        k: for the top-k accuracy; at most K is used.
    """
    if probabilities.shape != (len(classes), len(labels)):
        raise OptionError(
            f"Probabilities {list(probabilities.shape)} were given for {len(classes)} clips and {len(labels)} labels."
        )
    k = min(k, len(labels))
    ranks = rank_of_truth(probabilities, classes)
    confusion = confusion_matrix(classes, probabilities.argmax(axis=1), len(labels))
    return Metrics(
        labels=tuple(labels),
        accuracy=Share.of(ranks == 1),
        k=k,
        top_k=Share.of(ranks <= k),
        recall={label: Share(int(confusion[i, i]), int(confusion[i].sum())) for i, label in enumerate(labels)},
        confusion=confusion.tolist(),
    )


def confusion_matrix(truth: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """int64 ``[K, K]``: how many clips of the row's class were called the column's. (Unlike scikit-learn's, of no clip too.)"""
    confusion = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    return confusion


def rank_of_truth(probabilities: NDArray[np.floating[Any]], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each clip's true class among the most probable ones, 1 = first; equal probabilities in class order."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranks: NDArray[np.int64] = np.argmax(order == truth[:, np.newaxis], axis=1) + 1
    return ranks


def default_k(num_classes: int) -> int:
    """The k of a top-k accuracy that says something: 5 as in the thesis from 17 classes on, about a quarter of fewer.

    >>> [default_k(n) for n in (2, 3, 10, 101)]
    [1, 2, 3, 5]
    """
    return max(1, min(5, max(2, -(-num_classes // 4)), num_classes - 1))
