"""A comparison as a page and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from .comparison import Comparison, Difference, Pair
from .evaluation_folder import Evaluation
from .metrics import AVERAGED
from .page import Page
from .plots import interval_plot, paired_bars
from .report import bounds, number

Rows = list[tuple[str, ...]]
_THESIS_NAMES = ("accuracy", "top-5", "precision", "recall", "F1")


def comparison_page(comparison: Comparison) -> Page:
    """The report of a comparison."""
    first = comparison.evaluations[0].metrics
    data = first["data"]
    page = Page(f"{len(comparison.evaluations)} bundles on {data['name']}, {data['split']} clips")
    page.text(
        f"{data['clips']} clips of {data['classes']} classes in {comparison.groups} groups, the same for all. 95 % intervals by "
        f"bootstrap over groups ({first['bootstrap']['method']}), {comparison.resamples} resamples, seed {comparison.seed}; "
        "differences are paired: both bundles are measured on the same draws."
    )
    named = {f"{e.metrics['data']['name']}, {e.metrics['data']['split']}" for e in comparison.evaluations}
    if len(named) > 1:
        page.text(f"The evaluations call the same clips differently: {'; '.join(sorted(named))}.")
    if data["split"] != "test":
        page.text(
            f"These are {data['split']} clips, which training has seen in part or in whole: the figures are too high."
        )
    if not all(e.metrics["data"].get("ucf101_split_1") for e in comparison.evaluations):
        page.text("These are not the 101 classes of UCF101 split 1, so no figures of the thesis stand beside them.")
    page.heading("Accuracy")
    page.table(accuracy_rows(comparison), right=(2, 4, 6, 7))
    page.heading("Precision, recall and F1, means over classes")
    page.table(score_rows(comparison), right=(2, 4, 6, 8, 9, 10))
    page.picture("intervals.png", _interval_picture(comparison), "Accuracy and F1 with their 95 % intervals")
    _pairs(page, comparison)
    page.heading("Pairs of bundles: McNemar's test")
    page.text(
        "Clips that only one of the two got right. Exact binomial test where these are fewer than 25, else chi-squared with "
        f"continuity correction; two-sided. Adjusted: for {len(comparison.tests)} pairs, after Holm. The test takes clips as "
        "independent; clips of a group are not, so look at the paired intervals above as well."
    )
    page.table(test_rows(comparison), right=(2, 3))
    for index, pair in enumerate(comparison.pairs):
        page.picture(
            f"classes_{index + 1}.png",
            _class_picture(pair),
            f"F1 of each class: {pair.small.title}, {pair.large.title}",
        )
    page.heading("How this was made")
    for evaluation in comparison.evaluations:
        page.code(evaluation.metrics["command"])
    return page


def accuracy_rows(comparison: Comparison) -> Rows:
    """The thesis's table 4.2: accuracy and top-k accuracy, heading first."""
    thesis = _has_thesis(comparison)
    k = comparison.evaluations[0].metrics["k"]
    rows: Rows = [
        (
            "extractor",
            "classifier",
            "accuracy",
            "95 %",
            f"top-{k}",
            "95 %",
            *(_thesis_heading((0, 1)) if thesis else ()),
        )
    ]
    for e in comparison.evaluations:
        cells = [cell for name in ("accuracy", "top_k") for cell in _with_interval(e.metrics[name])]
        rows.append((e.extractor, e.classifier, *cells, *(_thesis_cells(e, (0, 1)) if thesis else ())))
    return rows


def score_rows(comparison: Comparison) -> Rows:
    """The thesis's table 4.3: precision, recall and F1, macro averages, heading first."""
    thesis = _has_thesis(comparison)
    places = (2, 3, 4)
    heading = [cell for name in ("precision", "recall", "F1") for cell in (name, "95 %")]
    rows: Rows = [("extractor", "classifier", *heading, *(_thesis_heading(places) if thesis else ()))]
    for e in comparison.evaluations:
        cells = [cell for name in AVERAGED for cell in _with_interval(e.metrics["macro"][name])]
        rows.append((e.extractor, e.classifier, *cells, *(_thesis_cells(e, places) if thesis else ())))
    return rows


def hypothesis_rows(comparison: Comparison) -> Rows:
    """Claim, what was measured, value, interval and verdict, heading first."""
    rows: Rows = [("hypothesis", "measured", "value", "95 %", "verdict")]
    for h in comparison.hypotheses:
        rows.append((h.claim, h.subject, f"{h.measured.value:+.4f}", _signed(h.measured), h.verdict))
    return rows


def test_rows(comparison: Comparison) -> Rows:
    """McNemar's test of each pair of bundles, heading first."""
    rows: Rows = [("first", "second", "only first", "only second", "test", "p", "p, adjusted")]
    for test in comparison.tests:
        r = test.result
        kind = f"exact, n = {r.discordant}" if r.exact else f"chi-squared = {r.chi2:.2f}, n = {r.discordant}"
        counts = (str(r.only_first), str(r.only_second))
        rows.append((test.first.title, test.second.title, *counts, kind, _p(r.p), _p(test.adjusted)))
    return rows


def summary_rows(comparison: Comparison) -> Rows:
    """The columns of both tables that fit a terminal."""
    scores = score_rows(comparison)
    rows = [(*row[:5], score[6]) for row, score in zip(accuracy_rows(comparison), scores)]
    if not _has_thesis(comparison):
        return rows
    return [(*row, row_[6]) for row, row_ in zip(rows, accuracy_rows(comparison))]


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """All figures of a comparison."""
    return {
        "format": 1,
        "kind": "comparison",
        "data": comparison.evaluations[0].metrics["data"],
        "bootstrap": {"resamples": comparison.resamples, "seed": comparison.seed, "groups": comparison.groups},
        "bundles": [
            {
                "title": e.title,
                **e.metrics["bundle"],
                **{key: e.metrics[key] for key in ("accuracy", "k", "top_k", "macro")},
                "thesis": dict(zip(_THESIS_NAMES, e.thesis)) if any(e.thesis) else None,
            }
            for e in comparison.evaluations
        ],
        "gaps": [
            {
                "large": pair.large.title, "small": pair.small.title, "accuracy": _difference(pair.gap),
                "macro_f1": _difference(pair.f1_gap),
                "small_wins_loses_ties": {**pair.wins.classes, "averages": pair.wins.averages},
            }
            for pair in comparison.pairs
        ],
        "hypotheses": [
            {"claim": h.claim, "subject": h.subject, **_difference(h.measured), "verdict": h.verdict}
            for h in comparison.hypotheses
        ],
        "mcnemar": [
            {
                "first": t.first.title, "second": t.second.title, "only_first": t.result.only_first,
                "only_second": t.result.only_second, "exact": t.result.exact, "p": t.result.p, "p_holm": t.adjusted,
            }
            for t in comparison.tests
        ],
    }  # fmt: skip


def _pairs(page: Page, comparison: Comparison) -> None:
    page.heading("Gaps between the extractors")
    if not comparison.pairs:
        page.text(
            "No two of these bundles have different extractors and the same kind of classifier, so there is no gap to measure."
        )
        return
    page.text("The larger extractor's figure less the smaller one's. Larger and smaller: by the size of their files.")
    thesis = _has_thesis(comparison)
    rows: Rows = [("larger", "smaller", "accuracy", "95 %", "F1", "95 %", *(("thesis: accuracy",) if thesis else ()))]
    for pair in comparison.pairs:
        cells = [cell for gap in (pair.gap, pair.f1_gap) for cell in (f"{gap.value:+.4f}", _signed(gap))]
        rows.append((pair.large.title, pair.small.title, *cells, *((_thesis_gap(pair),) if thesis else ())))
    page.table(rows, right=(2, 4, 6))
    page.heading("The two hypotheses")
    if comparison.hypotheses:
        page.table(hypothesis_rows(comparison), right=(2,))
        page.text(
            "Supported or contradicted: the whole 95 % interval lies on one side. Open: it does not. "
            f"The thesis sets no number for acceptable; the limit of {100 * comparison.margin:g} points is this report's."
        )
    else:
        page.text(
            "They need bundles with an RNN on two extractors, and for the first one single-frame bundles as well."
        )
    page.heading("Where the smaller network wins")
    wins: Rows = [("smaller", "larger", "precision", "recall", "F1", "averages")]
    for pair in comparison.pairs:
        counts = [*(pair.wins.classes[name] for name in AVERAGED), pair.wins.averages]
        wins.append((pair.small.title, pair.large.title, *("{} / {} / {}".format(*count) for count in counts)))
    page.table(wins)
    page.text(
        "Classes with a higher / lower / equal precision, recall and F1; and the same of the averages: accuracy, top-k accuracy, "
        "precision, recall, F1."
    )


def _interval_picture(comparison: Comparison) -> bytes:
    rows = []
    for e in comparison.evaluations:
        f1 = e.metrics["macro"]["f1"]
        accuracy = e.metrics["accuracy"]
        panels = {
            "accuracy": (accuracy["value"], accuracy["bootstrap_95"]), "F1, mean over classes": (f1["value"], f1["bootstrap_95"]),
        }  # fmt: skip
        rows.append((e.title, e.extractor, panels))
    return interval_plot(rows, "Accuracy and F1, 95 % intervals")


def _class_picture(pair: Pair) -> bytes:
    small, large = (evaluation.metrics["classes"] for evaluation in (pair.small, pair.large))
    labels = [label for label, entry in small.items() if entry["clips"]]
    return paired_bars(
        labels,
        [small[label]["f1"]["value"] for label in labels],
        [large[label]["f1"]["value"] for label in labels],
        (pair.small.title, pair.large.title),
        "F1 by class",
    )


def _has_thesis(comparison: Comparison) -> bool:
    return any(figure is not None for e in comparison.evaluations for figure in e.thesis)


def _thesis_heading(places: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"thesis: {_THESIS_NAMES[place]}" for place in places)


def _thesis_cells(evaluation: Evaluation, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(_optional(evaluation.thesis[place], 4 if place < 2 else 2) for place in places)


def _thesis_gap(pair: Pair) -> str:
    large, small = pair.large.thesis[0], pair.small.thesis[0]
    return "-" if large is None or small is None else f"{large - small:+.4f}"


def _with_interval(entry: dict[str, Any]) -> tuple[str, str]:
    return number(entry), bounds(entry["bootstrap_95"])


def _signed(difference: Difference) -> str:
    return "-" if difference.interval is None else "{:+.3f} to {:+.3f}".format(*difference.interval)


def _difference(difference: Difference) -> dict[str, Any]:
    interval = None if difference.interval is None else [round(end, 4) for end in difference.interval]
    return {"value": round(difference.value, 4), "bootstrap_95": interval}


def _optional(value: Optional[float], digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _p(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else f"{p:.1e}"
