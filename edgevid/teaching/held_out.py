"""What a classifier says of clips that it was not fitted on, as figures and as sentences."""

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

# A gain of so much between half of the clips and all of them is more than chance, and worth more recording
_WORTH_MORE = 0.02
# Pairs of actions are named if so many of their clips are taken for each other, and the two worst only
_WORTH_NAMING = 0.1
_MOST_PAIRS = 2
# Whoever is surer than this is believed.
_MOST_THRESHOLD = 0.9


@dataclass(frozen=True)
class HeldOut:
    """What classifiers said of clips of which they knew neither the group nor, of clips that show none, the action.

    Attributes:
        labels: of the K actions.
        confusion: ``[K, K]`` of their clips: row = true class, column = best action.
        right: of each of these clips, whether its best action is its own.
        known, others: how sure they are that it is an action (:func:`edgevid.calibration.known_scores`), of each clip of the
            actions and of each that shows none of them.
        threshold: of that score, which 95 % of the known clips reach; 0.9 at most.
        with_half: the accuracy of classifiers that were fitted on half of the groups; None: there were too few.
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
        """Of probabilities of the (first) windows, ``[N, K]`` or, with none, ``[N, K + 1]``; and by halves, ``[2, N, ...]``."""
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
        # few clips of one afternoon are all alike: what they reach, nobody reaches the day after
        threshold = min(acceptance_threshold(sure[known]), _MOST_THRESHOLD)
        single = examples.of_one_group
        return cls(labels, confusion, best == truth, sure[known], sure[~known], threshold, half, single)

    @property
    def accuracy(self) -> Share:
        """Of the actions' clips, those whose best action is theirs."""
        return Share.of(self.right)

    @property
    def auroc(self) -> Optional[float]:
        """How often a clip of an action has a larger score than one that shows none of them; None: there are none of these."""
        if not len(self.others):
            return None
        # the part of pairs in the right order, and half of those with equal scores
        ordered = np.sort(self.others)
        below = np.searchsorted(ordered, self.known, "left") + np.searchsorted(ordered, self.known, "right")
        return float(below.mean() / 2 / len(ordered))

    def advice(self) -> list[str]:
        """What would help, a sentence each."""
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
    """The pairs of actions that are worth recording more differently, a sentence each, the worst first."""
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
