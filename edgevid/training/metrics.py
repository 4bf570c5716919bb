"""How good predictions are, and how sure that figure is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ExtraNotInstalledError, OptionError

# 97.5 % quantile of the standard normal distribution: two-sided 95 % intervals
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Share:
    """``hits`` of ``n`` and its 95 % interval. (Clips of one group resemble each other, so the true interval is wider.)"""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """In [0, 1]; NaN of nothing."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson score interval (Wilson 1927, J. Am. Stat. Assoc. 22:209)."""
        return wilson_interval(self.hits, self.n)

    def as_dict(self) -> dict[str, Any]:
        return {
            "value": round(self.value, 4) if self.n else None,
            "hits": self.hits,
            "n": self.n,
            "wilson_95": [round(bound, 4) for bound in self.interval],
        }

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
    """95 % Wilson score interval of ``hits`` of ``n``; (0, 1) of nothing.

    >>> tuple(round(bound, 4) for bound in wilson_interval(81, 263))
    (0.2553, 0.3662)
    """
    if not 0 <= hits <= n:
        raise OptionError(f"{hits} hits of {n} were given; expected 0 to n.")
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, _Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


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
    order = np.argsort(-probabilities, axis=1, kind="stable")
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (classes, order[:, 0]), 1)
    return Metrics(
        labels=tuple(labels),
        accuracy=Share(int(np.trace(confusion)), len(classes)),
        k=k,
        top_k=Share(int(np.sum(order[:, :k] == classes[:, np.newaxis])), len(classes)),
        recall={label: Share(int(confusion[i, i]), int(confusion[i].sum())) for i, label in enumerate(labels)},
        confusion=confusion.tolist(),
    )


AVERAGED = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1, float64 ``[K]`` each, by class.

    Attributes:
        clips: clips of each class. predicted: clips called so.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    clips: NDArray[np.int64]
    predicted: NDArray[np.int64]

    def macro(self, name: str) -> float:
        """The mean of ``name`` ("precision", "recall" or "f1") over the classes that have clips."""
        return float(np.mean(getattr(self, name)[self.clips > 0]))

    def weighted(self, name: str) -> float:
        """The mean in which each class counts with its number of clips."""
        return float(np.average(getattr(self, name), weights=self.clips))


def load_scikit_learn() -> Any:
    """The module ``sklearn.metrics``. Imported here, for edgevid works without it.

    Raises:
        ExtraNotInstalledError: it is absent.
    """
    try:
        import sklearn.metrics
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"Precision, recall and F1 need scikit-learn, which cannot be imported ({error}): pip install 'edgevid[train]'"
        ) from error
    return sklearn.metrics


def class_scores(truth: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int) -> Scores:
    """Precision, recall and F1 of each class, by scikit-learn; 0 where nothing can be divided.

    Args:
        truth, predicted: class indices, ``[N]`` each, N of 1 or more.

    Raises:
        ExtraNotInstalledError: scikit-learn is absent.
    """
    sklearn_metrics = load_scikit_learn()
    if not len(truth):
        raise OptionError("Precision, recall and F1 of no clip were asked for; expected 1 or more.")
    precision, recall, f1, clips = sklearn_metrics.precision_recall_fscore_support(
        truth, predicted, labels=np.arange(num_classes), zero_division=0
    )
    return Scores(precision, recall, f1, clips.astype(np.int64), np.bincount(predicted, minlength=num_classes))


def confusion_matrix(truth: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """int64 ``[K, K]``: how many clips of the row's class were called the column's."""
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
