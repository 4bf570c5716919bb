"""Evaluations of several bundles on the same clips, side by side, in the form of the thesis's tables.

All figures are computed anew, from the same resamples, so that differences are paired. The report is ``templates/comparison.j2``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from .figures import Figure, Figures, bounds, measure_predictions, number, rounded
from .folder import StoredEvaluation
from .plots import interval_plot, paired_bars
from .predictions import EvaluationError, check_same_clips
from .published import GRU, LSTM, SINGLE_FRAME, Published, published
from .report_format import RenderedReport, Rows, render
from .significance import (
    AVERAGED,
    DEFAULT_RESAMPLES,
    Bootstrap,
    Interval,
    McNemar,
    Resamples,
    class_scores,
    holm,
    macro_average,
)

_ORDER = {LSTM: 0, GRU: 1, SINGLE_FRAME: 2}
_PUBLISHED_NAMES = dict(zip(Published._fields, ("accuracy", "top-5", "precision", "recall", "F1")))


@dataclass(frozen=True)
class Compared:
    """A bundle's evaluation, with figures that are paired with the others'.

    Attributes:
        classifier: architecture and units, plus the folder's name if another bundle has the same.
        published: the thesis's figures; only if they are of the same clips and classes.
    """

    stored: StoredEvaluation
    classifier: str
    figures: Figures
    published: Published

    @property
    def extractor(self) -> str:
        return str(self.stored.bundle["extractor"])

    @property
    def title(self) -> str:
        return f"{self.extractor} + {self.classifier}"


class Gap(NamedTuple):
    """The same kind of classifier on two extractors: the larger's figures less the smaller's, with paired 95 % intervals."""

    large: Compared
    small: Compared
    accuracy: tuple[float, Interval]
    macro_f1: tuple[float, Interval]


class PairTest(NamedTuple):
    """McNemar's test of two bundles; ``adjusted`` is p for the number of pairs (Holm)."""

    first: Compared
    second: Compared
    result: McNemar
    adjusted: float


class Comparison(NamedTuple):
    """The result of :func:`compare`; the bundles are in the order of the thesis's tables."""

    bundles: list[Compared]
    gaps: list[Gap]
    tests: list[PairTest]

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        figures = self.bundles[0].figures
        return {
            "format": 2,
            "kind": "comparison",
            "data": self.bundles[0].stored.data,
            "bootstrap": {**figures.bootstrap._asdict(), "groups": figures.groups},
            "bundles": [_bundle_entry(bundle) for bundle in self.bundles],
            "gaps": [
                {
                    "large": gap.large.title,
                    "small": gap.small.title,
                    "accuracy": _difference_entry(*gap.accuracy),
                    "macro_f1": _difference_entry(*gap.macro_f1),
                }
                for gap in self.gaps
            ],
            "mcnemar": [
                {
                    "first": test.first.title,
                    "second": test.second.title,
                    **test.result._asdict(),
                    "p": test.result.p,
                    "p_holm": test.adjusted,
                }
                for test in self.tests
            ],
        }


def compare(
    evaluations: Sequence[StoredEvaluation], *, resamples: int = DEFAULT_RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare two evaluations or more of the same clips.

    Raises:
        EvaluationError: there are fewer, or of different clips or classes.
    """
    if len(evaluations) < 2:
        raise EvaluationError(f"{len(evaluations)} evaluation was given; expected two or more to compare.")
    first = evaluations[0]
    for other in evaluations[1:]:
        check_same_clips(first.predictions, other.predictions, (first.name, other.name))
        if first.k != other.k:
            raise EvaluationError(
                f"{first.name} has top-{first.k} and {other.name} top-{other.k} accuracy; evaluate both with the same --top."
            )
    bootstrap = Bootstrap(resamples, seed, first.groups_span_classes)
    bundles = _with_figures(evaluations, bootstrap)
    draws = bundles[0].stored.predictions.resamples(bootstrap)
    couples = list(combinations(bundles, 2))
    results = [McNemar.of(a.stored.predictions.correct, b.stored.predictions.correct) for a, b in couples]
    adjusted = holm([result.p for result in results])
    tests = [PairTest(a, b, result, p) for (a, b), result, p in zip(couples, results, adjusted)]
    return Comparison(bundles, [_gap(large, small, draws) for large, small in _pairs(bundles)], tests)


def _with_figures(evaluations: Sequence[StoredEvaluation], bootstrap: Bootstrap) -> list[Compared]:
    def classifier(e: StoredEvaluation) -> str:
        units = f" {e.bundle['units']}" if e.bundle["units"] else ""
        return f"{e.bundle['architecture']}{units}"

    kinds = Counter((e.bundle["extractor"], classifier(e)) for e in evaluations)
    found = []
    for e in sorted(evaluations, key=_place):
        is_twin = kinds[e.bundle["extractor"], classifier(e)] > 1
        is_thesis = e.data["ucf101_split_1"] and len(e.predictions.labels) == 101
        found.append(
            Compared(
                e,
                f"{classifier(e)} ({e.name})" if is_twin else classifier(e),
                measure_predictions(e.predictions, e.k, bootstrap),
                published(e.bundle["extractor"], e.bundle["architecture"]) if is_thesis else Published(),
            )
        )
    return found


def _place(e: StoredEvaluation) -> tuple[Any, ...]:
    """Sort key for the order of the thesis's tables."""
    b = e.bundle
    kind = _ORDER.get(b["architecture"], 3)
    return b["architecture"] == SINGLE_FRAME, -b["extractor_bytes"], b["extractor"], kind, b["units"] or 0


def _pairs(bundles: Sequence[Compared]) -> list[tuple[Compared, Compared]]:
    """Pairs of a larger extractor and the smallest one, with the same classifier: of as many units, or the only one."""

    def peers(extractor: str, architecture: str) -> list[Compared]:
        return [b for b in bundles if (b.extractor, b.stored.bundle["architecture"]) == (extractor, architecture)]

    smallest = min(bundles, key=lambda b: (b.stored.bundle["extractor_bytes"], b.extractor)).extractor
    pairs = []
    for large in bundles:
        if large.extractor != smallest:
            architecture, units = large.stored.bundle["architecture"], large.stored.bundle["units"]
            rivals = peers(smallest, architecture)
            same = [b for b in rivals if b.stored.bundle["units"] == units]
            # networks of the thesis's size have their extractor's number of units
            if len(same) == 1 or len(rivals) == len(peers(large.extractor, architecture)) == 1:
                pairs.append((large, (same or rivals)[0]))
    return pairs


def _gap(large: Compared, small: Compared, draws: Resamples) -> Gap:
    predictions = [large.stored.predictions, small.stored.predictions]
    accuracies = [draws.means(p.correct) for p in predictions]
    drawn = [class_scores(p.truth, p.predicted, len(p.labels), draws) for p in predictions]
    f1 = [macro_average(scores["f1"], clips) for scores, clips in drawn]
    return Gap(
        large,
        small,
        (large.figures.accuracy.value - small.figures.accuracy.value, draws.interval(np.subtract(*accuracies))),
        (large.figures.macro["f1"].value - small.figures.macro["f1"].value, draws.interval(np.subtract(*f1))),
    )


def comparison_report(comparison: Comparison) -> RenderedReport:
    """The report of a comparison."""
    bundles, gaps = comparison.bundles, comparison.gaps
    data = [bundle.stored.data for bundle in bundles]
    panels = [
        (b.title, b.extractor, {"accuracy": b.figures.accuracy, "F1, mean over classes": b.figures.macro["f1"]})
        for b in bundles
    ]
    pictures = {"intervals.png": interval_plot(panels, "Accuracy and F1, 95 % intervals")}
    for place, gap in enumerate(gaps, start=1):
        large, small = gap.large.figures.classes, gap.small.figures.classes
        labels = [label for label, entry in small.items() if entry.clips]
        f1 = [[classes[label].f1.value for label in labels] for classes in (small, large)]
        titles = gap.small.title, gap.large.title
        pictures[f"classes_{place}.png"] = paired_bars(labels, f1[0], f1[1], titles, "F1 by class")
    return render(
        "comparison",
        pictures,
        title=f"{len(bundles)} bundles on {data[0]['name']}, {data[0]['split']} clips",
        data=data[0],
        is_split_1=all(one["ucf101_split_1"] for one in data),
        figures=bundles[0].figures,
        accuracy=accuracy_rows(comparison),
        scores=score_rows(comparison),
        gaps=gap_rows(comparison),
        tests=pair_test_rows(comparison),
        commands=[bundle.stored.command for bundle in bundles],
    )


def accuracy_rows(comparison: Comparison) -> Rows:
    """The thesis's table 4.2: accuracy and top-k accuracy, heading first."""
    columns = {
        "accuracy": [bundle.figures.accuracy for bundle in comparison.bundles],
        f"top-{comparison.bundles[0].stored.k}": [bundle.figures.top_k for bundle in comparison.bundles],
    }
    return _figure_rows(comparison, columns, ("accuracy", "top_5"), digits=4)


def score_rows(comparison: Comparison) -> Rows:
    """The thesis's table 4.3: precision, recall and F1, macro averages, heading first."""
    columns = {_PUBLISHED_NAMES[name]: [b.figures.macro[name] for b in comparison.bundles] for name in AVERAGED}
    return _figure_rows(comparison, columns, AVERAGED, digits=2)


def _figure_rows(comparison: Comparison, columns: dict[str, list[Figure]], names: Sequence[str], digits: int) -> Rows:
    """Rows of each bundle's figures with their intervals, beside the thesis's if there are any."""
    if not any(any(bundle.published) for bundle in comparison.bundles):
        names = ()
    heading = [cell for name in columns for cell in (name, "95 %")]
    rows: Rows = [("extractor", "classifier", *heading, *(f"thesis: {_PUBLISHED_NAMES[name]}" for name in names))]
    for place, bundle in enumerate(comparison.bundles):
        found = [figures[place] for figures in columns.values()]
        cells = [cell for figure in found for cell in (number(figure.value), bounds(figure.interval))]
        values = [getattr(bundle.published, name) for name in names]
        shown = ("-" if value is None else f"{value:.{digits}f}" for value in values)
        rows.append((bundle.extractor, bundle.classifier, *cells, *shown))
    return rows


def gap_rows(comparison: Comparison) -> Rows:
    """Rows of the differences between extractors, heading first."""
    rows: Rows = [("larger", "smaller", "accuracy", "95 %", "F1", "95 %", "thesis: accuracy")]
    for gap in comparison.gaps:
        large, small = gap.large.published.accuracy, gap.small.published.accuracy
        cells = [cell for value, interval in gap[2:] for cell in (f"{value:+.4f}", bounds(interval, "+.3f"))]
        thesis = "-" if large is None or small is None else f"{large - small:+.4f}"
        rows.append((gap.large.title, gap.small.title, *cells, thesis))
    return rows


def pair_test_rows(comparison: Comparison) -> Rows:
    """McNemar's test of each pair of bundles, heading first."""
    rows: Rows = [("first", "second", "only first", "only second", "p", "p, adjusted")]
    for first, second, result, adjusted in comparison.tests:
        p_values = (f"{p:.4f}" if p >= 0.0001 else f"{p:.1e}" for p in (result.p, adjusted))
        rows.append((first.title, second.title, str(result.only_first), str(result.only_second), *p_values))
    return rows


def _bundle_entry(bundle: Compared) -> dict[str, Any]:
    figures, thesis = bundle.figures.as_dict(), bundle.published
    return {
        "title": bundle.title,
        **bundle.stored.bundle,
        **{key: figures[key] for key in ("accuracy", "k", "top_k", "macro")},
        "thesis": dict(zip(_PUBLISHED_NAMES.values(), thesis)) if any(thesis) else None,
    }


def _difference_entry(value: float, interval: Interval) -> dict[str, Any]:
    return {"value": round(value, 4), "bootstrap_95": rounded(interval)}
