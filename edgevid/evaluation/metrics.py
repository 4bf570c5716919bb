"""Accuracy figures of predictions, and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..support.shares import Share, confusion_matrix


@dataclass(frozen=True)
class Metrics:
    """Results on a set of clips.

    Attributes:
        accuracy: clips whose most probable class is the true one.
        top_k: clips whose true class is among the ``k`` most probable.
        recall: the same as accuracy over the clips of one class, for each class.
        confusion: ``confusion[i][j]`` clips of class i were classified as class j.
    """

    labels: tuple[str, ...]
    accuracy: Share
    k: int
    top_k: Share
    recall: dict[str, Share]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        """The card's entry."""
        return {
            "accuracy": self.accuracy.as_dict(),
            f"top_{self.k}": self.top_k.as_dict(),
            "recall": {label: share.as_dict() for label, share in self.recall.items()},
            "confusion": self.confusion,
        }


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


def rank_of_truth(probabilities: NDArray[np.floating[Any]], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each clip's true class, 1 = most probable; ties in class order."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranks: NDArray[np.int64] = np.argmax(order == truth[:, np.newaxis], axis=1) + 1
    return ranks


def default_k(num_classes: int) -> int:
    """A sensible k for the top-k accuracy: 5 as in the thesis from 17 classes on, about a quarter of the classes below.

    >>> [default_k(n) for n in (2, 3, 10, 101)]
    [1, 2, 3, 5]
    """
    return max(1, min(5, max(2, -(-num_classes // 4)), num_classes - 1))
