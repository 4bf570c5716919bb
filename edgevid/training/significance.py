"""How far figures can be trusted: bootstrap over groups of clips, and McNemar's test for two classifiers on the same clips.

Clips of a group share people and place and are right or wrong together, so the bootstrap draws groups, not clips.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from .metrics import AVERAGED

DEFAULT_RESAMPLES = 2000
# Fewer than this and McNemar's chi-squared approximation is poor (Dietterich 1998, Neural Computation 10:1895 uses it from
# a sum of about 20 on).
_EXACT_BELOW = 25
# A class's own interval from fewer groups says little: drawn from one group, all resamples agree.
_MIN_GROUPS_OF_CLASS = 5
Interval = Optional[tuple[float, float]]


class Resamples:
    """Bootstrap resamples of clips: whole groups, as many as there are, drawn with replacement.

    The same groups and seed give the same draws, so that figures of several classifiers on the same clips are paired.

    Args:
        groups: a group for each clip.
        count: resamples.
        strata: for each clip what its group belongs to, a class for example: as many groups are drawn of each as it has.
    """

    def __init__(
        self,
        groups: Sequence[Hashable],
        count: int = DEFAULT_RESAMPLES,
        seed: int = 0,
        strata: Optional[Sequence[Hashable]] = None,
    ) -> None:
        if count < 1 or not groups:
            raise OptionError(f"{count} resamples of {len(groups)} clips were asked for; expected 1 or more of both.")
        codes = {group: code for code, group in enumerate(dict.fromkeys(groups))}
        self.count = count
        self.num_groups = len(codes)
        self._code = np.array([codes[group] for group in groups])
        stratum_of = dict(zip(groups, strata or [None] * len(groups)))
        members: dict[Hashable, list[int]] = {}
        for group, code in codes.items():
            members.setdefault(stratum_of[group], []).append(code)
        rng = np.random.default_rng(seed)
        # [count, groups]: how often each group was drawn
        self._draws = np.zeros((count, self.num_groups))
        for columns in members.values():
            self._draws[:, columns] = rng.multinomial(len(columns), [1 / len(columns)] * len(columns), size=count)

    def groups_among(self, chosen: NDArray[np.bool_]) -> int:
        """The number of groups of the chosen clips."""
        return len(np.unique(self._code[chosen]))

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The sum of ``values`` ``[clips, ...]`` in each resample: ``[count, ...]``."""
        per_group = np.zeros((self.num_groups, *values.shape[1:]))
        np.add.at(per_group, self._code, values)
        summed: NDArray[np.float64] = np.tensordot(self._draws, per_group, axes=1)
        return summed

    def means(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The mean of ``values`` over the clips of each resample: ``[count, ...]``."""
        sizes = self.sums(np.ones(len(self._code)))
        return self.sums(values) / sizes.reshape(-1, *[1] * (values.ndim - 1))

    def interval(self, samples: NDArray[np.float64]) -> Interval:
        """95 % percentile interval of a figure that was computed in each resample.

        None from fewer than two groups, or where all resamples agree: such an interval would claim certainty.
        """
        if self.num_groups < 2 or not np.nanmax(samples) > np.nanmin(samples):
            return None
        low, high = np.nanpercentile(samples, [2.5, 97.5])
        return float(low), float(high)


@dataclass(frozen=True)
class ScoreIntervals:
    """95 % bootstrap intervals of all the figures of a set of predictions; None where groups are too few.

    Attributes:
        macro, weighted: by "precision", "recall", "f1". classes: the same for each class.
    """

    accuracy: Interval
    top_k: Interval
    macro: Mapping[str, Interval]
    weighted: Mapping[str, Interval]
    classes: Sequence[Mapping[str, Interval]]


def score_intervals(
    resamples: Resamples,
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    in_top_k: NDArray[np.bool_],
    num_classes: int,
) -> ScoreIntervals:
    """Intervals of accuracy, top-k accuracy, and of precision, recall and F1, averaged and by class.

    A macro average is over the classes that a resample holds.
    """
    scores, clips = resampled_scores(resamples, truth, predicted, num_classes)
    present = clips > 0
    groups_of_class = [resamples.groups_among(truth == k) for k in range(num_classes)]
    by_class = {name: np.where(present, values, np.nan) for name, values in scores.items()}
    return ScoreIntervals(
        accuracy=resamples.interval(resamples.means(truth == predicted)),
        top_k=resamples.interval(resamples.means(in_top_k)),
        macro={name: resamples.interval(macro_average(scores[name], clips)) for name in AVERAGED},
        weighted={
            name: resamples.interval((scores[name] * clips).sum(axis=1) / clips.sum(axis=1)) for name in AVERAGED
        },
        classes=[
            {
                name: resamples.interval(by_class[name][:, k]) if number >= _MIN_GROUPS_OF_CLASS else None
                for name in AVERAGED
            }
            for k, number in enumerate(groups_of_class)
        ],
    )


def resampled_scores(
    resamples: Resamples, truth: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Precision, recall and F1 of each class in each resample, ``[count, K]`` each, and its clips of each class."""
    true, called = np.eye(num_classes)[truth], np.eye(num_classes)[predicted]
    hits, clips, named = (resamples.sums(values) for values in (true * called, true, called))
    return {
        "precision": _ratio(hits, named),
        "recall": _ratio(hits, clips),
        "f1": _ratio(2 * hits, clips + named),
    }, clips


def macro_average(values: NDArray[np.float64], clips: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the classes with clips, by row."""
    present = clips > 0
    average: NDArray[np.float64] = (values * present).sum(axis=1) / present.sum(axis=1)
    return average


@dataclass(frozen=True)
class McNemar:
    """Two classifiers on the same clips: are they right equally often? (McNemar 1947, Psychometrika 12:153.)

    Attributes:
        only_first, only_second: clips that only that one got right; the others say nothing of the difference.
    """

    only_first: int
    only_second: int

    @property
    def discordant(self) -> int:
        return self.only_first + self.only_second

    @property
    def exact(self) -> bool:
        """Whether :attr:`p` is of the exact binomial test; else of chi-squared with Edwards's correction."""
        return self.discordant < _EXACT_BELOW

    @property
    def p(self) -> float:
        """Two-sided."""
        n = self.discordant
        if not self.exact:
            return math.erfc(math.sqrt(self.chi2 / 2))  # the upper tail of chi-squared with 1 degree of freedom
        tail = sum(math.comb(n, k) for k in range(min(self.only_first, self.only_second) + 1))
        return min(1.0, float(2 * tail / 2**n))

    @property
    def chi2(self) -> float:
        """With Edwards's continuity correction; 0 of no discordant clip."""
        gap = max(abs(self.only_first - self.only_second) - 1, 0)
        return gap**2 / self.discordant if self.discordant else 0.0


def mcnemar(first_correct: NDArray[np.bool_], second_correct: NDArray[np.bool_]) -> McNemar:
    """McNemar's test of two classifiers' answers to the same clips, in the same order."""
    if first_correct.shape != second_correct.shape:
        raise OptionError(
            f"Answers to {len(first_correct)} and to {len(second_correct)} clips were given; expected the same clips."
        )
    return McNemar(int(np.sum(first_correct & ~second_correct)), int(np.sum(second_correct & ~first_correct)))


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for their number, in the order given (Holm 1979, Scand. J. Stat. 6:65).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
