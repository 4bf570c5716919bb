"""Confidence of figures: bootstrap over groups of clips, and McNemar's test for two classifiers on the same clips.

Clips of a group share people and place and are right or wrong together, so the bootstrap draws groups, not clips; and if
groups belong to classes, as many as each class has. ``scipy.stats.bootstrap`` draws single observations, without strata.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..support.extras import load_statistics

DEFAULT_RESAMPLES = 2000
AVERAGED = ("precision", "recall", "f1")
Interval = Optional[tuple[float, float]]


class Bootstrap(NamedTuple):
    """Options of the bootstrap.

    Attributes:
        resamples: number of resamples.
        seed: random seed.
        groups_span_classes: whether a group's name means the same in all classes; otherwise groups are drawn per class.
    """

    resamples: int = DEFAULT_RESAMPLES
    seed: int = 0
    groups_span_classes: bool = False


_MOST_DRAWS = 50_000_000  # of a group in a resample: 400 MB
DEFAULT_BOOTSTRAP = Bootstrap()


class Resamples:
    """Bootstrap resamples of clips: whole groups, as many as there are, drawn with replacement.

    The same groups and seed give the same resamples, so that figures of several classifiers on the same clips are paired.

    Args:
        groups: the group of each clip.
        count: number of resamples.
        strata: for each clip, the stratum of its group, for example a class: of each stratum as many groups are drawn as it has.
    """

    def __init__(
        self,
        groups: Sequence[Hashable],
        count: int = DEFAULT_RESAMPLES,
        seed: int = 0,
        strata: Optional[Sequence[Hashable]] = None,
    ) -> None:
        if count < 1 or not groups:
            raise OptionError(f"{count} resamples of {len(groups)} clips were requested; expected 1 or more of both.")
        if count * len(set(groups)) > _MOST_DRAWS:
            raise OptionError(
                f"{count} resamples of {len(set(groups))} groups were requested; expected fewer resamples."
            )
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
        """The 95 % percentile interval of a figure, given its value in each resample.

        None with fewer than two groups, or if all resamples agree: such an interval would claim certainty.
        """
        if self.num_groups < 2 or not np.nanmax(samples) > np.nanmin(samples):
            return None
        low, high = np.nanpercentile(samples, [2.5, 97.5])
        return float(low), float(high)


def class_scores(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int, draws: Optional[Resamples] = None
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """:data:`AVERAGED` of each class, ``[K]`` each, 0 if undefined; and the clips of each class.

    Args:
        truth, predicted: class indices, ``[N]`` each.
        draws: give the same in each resample, ``[count, K]``.
    """
    true, called = np.eye(num_classes)[truth], np.eye(num_classes)[predicted]
    hits, clips, named = (v.sum(axis=0) if draws is None else draws.sums(v) for v in (true * called, true, called))
    return {
        "precision": _ratio(hits, named),
        "recall": _ratio(hits, clips),
        "f1": _ratio(2 * hits, clips + named),
    }, clips


def macro_average(values: NDArray[np.float64], clips: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the classes with clips, which are the last axis."""
    average: NDArray[np.float64] = np.average(values, axis=-1, weights=clips > 0)
    return average


def weighted_average(values: NDArray[np.float64], clips: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the classes, weighted by their number of clips."""
    average: NDArray[np.float64] = np.average(values, axis=-1, weights=clips)
    return average


class McNemar(NamedTuple):
    """McNemar's exact test: are two classifiers right equally often on the same clips? (McNemar 1947, Psychometrika 12:153.)

    Attributes:
        only_first, only_second: clips that only this one got right; other clips carry no information on the difference.
    """

    only_first: int
    only_second: int

    @classmethod
    def of(cls, first_correct: NDArray[np.bool_], second_correct: NDArray[np.bool_]) -> McNemar:
        """From two classifiers' answers to the same clips, in the same order."""
        return cls(int(np.sum(first_correct & ~second_correct)), int(np.sum(second_correct & ~first_correct)))

    @property
    def p(self) -> float:
        """The two-sided p value."""
        discordant = sum(self)
        return float(load_statistics().binomtest(self.only_first, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for their number, in the order given (Holm 1979, Scand. J. Stat. 6:65). SciPy has no such function.

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
