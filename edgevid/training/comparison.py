"""Evaluations of several bundles on the same clips, side by side: the thesis's tables and its two hypotheses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .evaluation import EvaluationError, check_same_clips, figures
from .evaluation_folder import Evaluation
from .metrics import AVERAGED, Scores, class_scores
from .networks import GRU, LSTM, SINGLE_FRAME
from .significance import Interval, McNemar, Resamples, holm, macro_average, mcnemar, resampled_scores

# The small network counts as acceptable when it loses no more accuracy than this to the large one, both with the same RNN.
# The thesis calls its gaps of 0.037 (GRU) and 0.045 (LSTM) acceptable and sets no number.
DEFAULT_MARGIN = 0.05
_ORDER = {LSTM: 0, GRU: 1, SINGLE_FRAME: 2}


class Difference(NamedTuple):
    """A difference of accuracies and its 95 % interval from a paired bootstrap over groups."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Wins:
    """How often the small network is better, worse, or the same: over classes for each score, and over averages."""

    classes: dict[str, tuple[int, int, int]]
    averages: tuple[int, int, int]


@dataclass(frozen=True)
class Pair:
    """The same kind of classifier on two extractors."""

    large: Evaluation
    small: Evaluation
    gap: Difference  # accuracy of the large one, less that of the small one
    f1_gap: Difference
    wins: Wins


@dataclass(frozen=True)
class Hypothesis:
    """A claim, what was measured, and what follows."""

    claim: str
    subject: str
    measured: Difference
    verdict: str


@dataclass(frozen=True)
class Test:
    """McNemar's test of two bundles; ``adjusted`` is p for the number of pairs (Holm)."""

    first: Evaluation
    second: Evaluation
    result: McNemar
    adjusted: float


@dataclass(frozen=True)
class Comparison:
    """All of it. ``resamples`` and ``seed`` are those of the paired bootstrap."""

    evaluations: list[Evaluation]
    pairs: list[Pair]
    hypotheses: list[Hypothesis]
    tests: list[Test]
    groups: int
    resamples: int
    seed: int
    margin: float


def compare(
    evaluations: Sequence[Evaluation], *, resamples: int, seed: int = 0, margin: float = DEFAULT_MARGIN
) -> Comparison:
    """Compare two evaluations or more of the same clips.

    Raises:
        EvaluationError: fewer, or of different clips or classes.
    """
    if len(evaluations) < 2:
        raise EvaluationError(f"{len(evaluations)} evaluation was given; expected two or more to compare.")
    first = evaluations[0]
    for other in evaluations[1:]:
        check_same_clips(first.predictions, other.predictions, (first.name, other.name))
        if first.metrics["k"] != other.metrics["k"]:
            raise EvaluationError(
                f"{first.name} has top-{first.metrics['k']} and {other.name} top-{other.metrics['k']} accuracy; evaluate both "
                "with the same --top."
            )
    span = bool(first.metrics["bootstrap"].get("groups_span_classes"))
    titles = Counter(evaluation.title for evaluation in evaluations)
    ordered = sorted(
        (
            # all figures from the predictions anew, with the same resamples
            replace(
                e,
                is_twin=titles[e.title] > 1,
                metrics={
                    **e.metrics,
                    **figures(e.predictions, e.metrics["k"], resamples=resamples, seed=seed, span_classes=span),
                },
            )
            for e in evaluations
        ),
        key=lambda e: (
            e.architecture == SINGLE_FRAME,
            -_size(e),
            e.extractor,
            _ORDER.get(e.architecture, 3),
            e.units or 0,
        ),
    )
    draws = ordered[0].predictions.resamples(resamples, seed, span)
    pairs = [_pair(large, small, draws) for large, small in _pairs(ordered)]
    couples = list(combinations(ordered, 2))
    results = [mcnemar(a.predictions.correct, b.predictions.correct) for a, b in couples]
    adjusted = holm([result.p for result in results])
    return Comparison(
        evaluations=ordered,
        pairs=pairs,
        hypotheses=[*_first_hypothesis(pairs, draws), *_second_hypothesis(pairs, margin)],
        tests=[Test(a, b, result, p) for (a, b), result, p in zip(couples, results, adjusted)],
        groups=draws.num_groups,
        resamples=resamples,
        seed=seed,
        margin=margin,
    )


def _size(evaluation: Evaluation) -> int:
    return int(evaluation.metrics["bundle"]["extractor_bytes"])


def _pairs(evaluations: Sequence[Evaluation]) -> list[tuple[Evaluation, Evaluation]]:
    """Each larger extractor beside the smallest file, with the same classifier: of as many units, or the only one."""
    smallest = min(evaluations, key=lambda e: (_size(e), e.extractor)).extractor
    pairs = []
    for large in evaluations:
        if large.extractor == smallest:
            continue
        rivals = [e for e in evaluations if e.extractor == smallest and e.architecture == large.architecture]
        peers = [e for e in evaluations if e.extractor == large.extractor and e.architecture == large.architecture]
        same = [e for e in rivals if e.units == large.units]
        if len(same) == 1:
            pairs.append((large, same[0]))
        elif (
            len(rivals) == 1 and len(peers) == 1
        ):  # thesis-size networks differ: as many units as their extractor's numbers
            pairs.append((large, rivals[0]))
    return pairs


def _pair(large: Evaluation, small: Evaluation, draws: Resamples) -> Pair:
    return Pair(large, small, _gap(draws, _advantage(large, small)), _f1_gap(draws, large, small), _wins(large, small))


def _advantage(large: Evaluation, small: Evaluation) -> NDArray[np.float64]:
    """For each clip 1 where only the large one is right, -1 where only the small one is."""
    return large.predictions.correct.astype(np.float64) - small.predictions.correct


def _gap(draws: Resamples, advantage: NDArray[np.float64]) -> Difference:
    return Difference(float(advantage.mean()), draws.interval(draws.means(advantage)))


def _f1_gap(draws: Resamples, large: Evaluation, small: Evaluation) -> Difference:
    samples, values = [], []
    for evaluation in (large, small):
        p = evaluation.predictions
        scores, clips = resampled_scores(draws, p.truth, p.predicted, len(p.labels))
        samples.append(macro_average(scores["f1"], clips))
        values.append(_scores(evaluation).macro("f1"))
    return Difference(values[0] - values[1], draws.interval(samples[0] - samples[1]))


def _scores(evaluation: Evaluation) -> Scores:
    p = evaluation.predictions
    return class_scores(p.truth, p.predicted, len(p.labels))


def _wins(large: Evaluation, small: Evaluation) -> Wins:
    of_large, of_small = _scores(large), _scores(small)
    present = of_small.clips > 0
    classes = {name: _count(getattr(of_small, name)[present] - getattr(of_large, name)[present]) for name in AVERAGED}
    k = small.metrics["k"]
    averages = [float(np.mean(e.predictions.correct)) for e in (small, large)]
    gaps = [averages[0] - averages[1]]
    if k > 1:
        gaps.append(float(np.mean(small.predictions.ranks <= k) - np.mean(large.predictions.ranks <= k)))
    gaps += [of_small.macro(name) - of_large.macro(name) for name in AVERAGED]
    return Wins(classes, _count(np.array(gaps)))


def _count(gaps: NDArray[np.float64]) -> tuple[int, int, int]:
    """Wins, losses, ties; differences of rounding are ties."""
    return int(np.sum(gaps > 1e-12)), int(np.sum(gaps < -1e-12)), int(np.sum(np.abs(gaps) <= 1e-12))


def _first_hypothesis(pairs: Sequence[Pair], draws: Resamples) -> list[Hypothesis]:
    """The gap between the extractors is smaller with an RNN than with single frames."""
    found = []
    for single in (pair for pair in pairs if pair.large.architecture == SINGLE_FRAME):
        for pair in pairs:
            if pair.large.architecture == SINGLE_FRAME or pair.large.extractor != single.large.extractor:
                continue
            measured = _gap(draws, _advantage(single.large, single.small) - _advantage(pair.large, pair.small))
            found.append(
                Hypothesis(
                    "The gap between the extractors is smaller with an RNN than with single frames.",
                    f"single-frame gap less {_kind(pair)} gap, {pair.large.extractor} and {pair.small.extractor}",
                    measured,
                    _verdict(measured, 0.0, above=True),
                )
            )
    return found


def _second_hypothesis(pairs: Sequence[Pair], margin: float) -> list[Hypothesis]:
    """The small network's accuracy is acceptable."""
    return [
        Hypothesis(
            f"The small network is acceptable: with an RNN it loses less than {100 * margin:g} points of accuracy.",
            f"{_kind(pair)} gap, {pair.large.extractor} and {pair.small.extractor}",
            pair.gap,
            _verdict(pair.gap, margin, above=False),
        )
        for pair in pairs
        if pair.large.architecture != SINGLE_FRAME
    ]


def _verdict(measured: Difference, limit: float, *, above: bool) -> str:
    """Whether a difference lies above (or below) a limit, and whether all of its interval does."""
    sign = 1 if above else -1
    side = sign * (measured.value - limit)
    if measured.interval is not None:
        ends = sorted(sign * (end - limit) for end in measured.interval)
        if ends[0] > 0:
            return "supported: all of the interval lies on this side"
        if ends[1] < 0:
            return "contradicted: all of the interval lies on the other side"
    return f"open: the value speaks {'for' if side > 0 else 'against'} it, but these clips do not decide it"


def _kind(pair: Pair) -> str:
    large, small = pair.large.units, pair.small.units
    units = "" if not large else f" {large}" if large == small else f" {large} and {small}"
    return f"{pair.large.architecture}{units}"
