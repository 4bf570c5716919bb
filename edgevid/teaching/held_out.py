"""Results on held-out clips, as figures and as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from ..calibration import acceptance_threshold, known_scores
from ..embedders import Array
from ..support.shares import Share, confusion_matrix
from .examples import NONE, Examples, mean_by

# A gain of this much from half of the clips to all of them is more than chance, so more recording should help
_WORTH_MORE = 0.02
# Pairs of actions are reported if this many of their clips are confused, and only the two worst
_WORTH_NAMING = 0.1
_MOST_PAIRS = 2
# A higher confidence than this always passes.
_MOST_THRESHOLD = 0.9


@dataclass(frozen=True)
class HeldOut:
    """Results of classifiers on clips whose group they had not seen, and, for clips of other actions, not their action either.

    Attributes:
        labels: labels of the K actions.
        confusion: ``[K, K]`` of their clips: row = true class, column = best action.
        right: for each of these clips, whether its best action is right.
        known, others: confidence that it is an action (:func:`edgevid.calibration.known_scores`), for each clip of the
            actions and each of other actions.
        threshold: the value of that confidence which 95 % of the known clips reach; 0.9 at most.
        with_half: accuracy of classifiers fitted on half of the groups; None: there were too few.
        of_one_group: actions whose clips are all of one group, and were held out one by one.
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]
    right: NDArray[np.bool_]
    known: NDArray[np.float32]
    others: NDArray[np.float32]
    threshold: float
    with_half: Optional[float] = None
    of_one_group: tuple[str, ...] = ()

    @classmethod
    def of(cls, examples: Examples, probabilities: Array, by_halves: Optional[Array] = None) -> HeldOut:
        """From probabilities of the (first) windows, ``[N, K]`` or, with none, ``[N, K + 1]``; and by halves, ``[2, N, ...]``."""
        labels = tuple(label for label in examples.outputs if label != NONE)
        full = ~examples.early[: len(probabilities)]  # as a clip is classified
        owners = examples.owners[: len(probabilities)]
        measured = np.array([not clip.mirrored for clip in examples.clips[: owners[-1] + 1]])
        of_clips = [clip.label for clip in examples.clips if not clip.mirrored]
        known = np.array([label != NONE for label in of_clips])
        truth = np.array([labels.index(label) for label in of_clips if label != NONE])

        def actions(one: Array) -> Array:
            means: Array = mean_by(owners[full], one[full])[measured, : len(labels)]
            return means

        scores = actions(probabilities)
        best = scores[known].argmax(axis=1)
        sure = known_scores(scores, NONE in examples.outputs)
        half = None
        if by_halves is not None:
            half = float(np.mean([actions(one)[known].argmax(axis=1) == truth for one in by_halves]))
        confusion = confusion_matrix(truth, best, len(labels))
        # few clips of one afternoon are too alike: later ones would not reach their scores
        threshold = min(acceptance_threshold(sure[known]), _MOST_THRESHOLD)
        single = examples.of_one_group
        return cls(labels, confusion, best == truth, sure[known], sure[~known], threshold, half, single)

    @property
    def accuracy(self) -> Share:
        """Fraction of the actions' clips whose best action is right."""
        return Share.of(self.right)

    @property
    def auroc(self) -> Optional[float]:
        """How often a clip of an action has a higher confidence than one of other actions; None: there are none of these."""
        if not len(self.others):
            return None
        # the fraction of pairs in the right order, plus half of those with equal scores
        ordered = np.sort(self.others)
        below = np.searchsorted(ordered, self.known, "left") + np.searchsorted(ordered, self.known, "right")
        return float(below.mean() / 2 / len(ordered))

    def advice(self) -> list[str]:
        """Advice on what to record, one sentence each."""
        sentences = []
        if self.with_half is not None:
            helps = self.accuracy.value - self.with_half >= _WORTH_MORE
            sentences.append(
                f"With half of the clips {self.with_half:.0%} would be right, with all {self.accuracy.value:.0%}: more clips, of "
                f"other people and places, {'will help' if helps else 'will bring little'}."
            )
        sentences += [
            f"All clips of {label} are of one group, so its figures are too good: record it with other people or in other places."
            for label in self.of_one_group
        ]
        return sentences + confusions(self.labels, self.confusion)


def confusions(labels: Sequence[str], confusion: NDArray[np.int64]) -> list[str]:
    """The pairs of actions that should be recorded more differently, one sentence each, the worst first."""
    pairs = []
    for i in range(len(labels)):
        for j in range(i):
            wrong, clips = int(confusion[i, j] + confusion[j, i]), int(confusion[i].sum() + confusion[j].sum())
            if wrong > 1 and wrong >= _WORTH_NAMING * clips:
                pairs.append((wrong / clips, wrong, clips, i, j))
    sentences = []
    for _, wrong, clips, i, j in sorted(pairs, reverse=True)[:_MOST_PAIRS]:
        if confusion[j, i] > confusion[i, j]:
            i, j = j, i
        first, second = labels[i], labels[j]
        mutual = confusion[j, i] * 2 >= confusion[i, j]
        taken = (
            f"{first} and {second} are often taken for each other" if mutual else f"{first} is often taken for {second}"
        )
        sentences.append(f"{taken} ({wrong} of {clips} clips): record them more differently.")
    return sentences
