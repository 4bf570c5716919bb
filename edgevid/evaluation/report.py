"""The report of an evaluation; its text is in ``templates/evaluation.j2``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from .evaluation import Evaluation
from .figures import Figure, Figures, bounds, number
from .outside import outside_rows
from .plots import class_bars, confusion_plot
from .predictions import Predictions
from .report_format import RenderedReport, Rows, render
from .significance import AVERAGED
from .streaming import streaming_rows
from .wrong_clips import WrongClip

OTHERS = "(other classes)"
_MOST_CONFUSED = 15


def evaluation_report(
    evaluation: Evaluation, classes: Sequence[str] = (), wrong: Sequence[WrongClip] = ()
) -> RenderedReport:
    """The report. ``classes``: the classes of the additional confusion matrices. ``wrong``: clips to show, in HTML."""
    figures, predictions = evaluation.figures, evaluation.predictions
    of_class = {label: entry for label, entry in figures.classes.items() if entry.clips}
    entries = list(of_class.values())
    matrices = confusion_matrices(predictions, classes)
    scores = {name: [getattr(entry, name) for entry in entries] for name in AVERAGED}
    bars = class_bars(list(of_class), scores, [entry.clips for entry in entries], "F1 by class (clips)")
    pictures = {"f1.png": bars}
    for name, (matrix, rows, columns) in matrices.items():
        cut = "" if name == "confusion" else ", chosen classes"
        for suffix, what in (("", "clips"), ("_normalised", "share of each true class")):
            title = f"Confusion matrix{cut}: {what}"
            pictures[f"{name}{suffix}.png"] = confusion_plot(matrix, rows, columns, title, normalised=bool(suffix))
    return render(
        "evaluation",
        pictures,
        title=f"{evaluation.bundle['name']} on {evaluation.data['name']}, {evaluation.data['split']} clips",
        bundle=evaluation.bundle,
        data=evaluation.data,
        figures=figures,
        absent=[label for label in figures.classes if label not in of_class],
        summary=summary_rows(figures),
        classes=class_rows(figures, wilson=True),
        confused=_most_confused(predictions),
        matrices=list(matrices),
        wrong=wrong,
        num_wrong=int((~predictions.correct).sum()),
        outside=evaluation.outside,
        outside_rows=outside_rows(evaluation.outside) if evaluation.outside else [],
        streaming=evaluation.streaming,
        streaming_rows=streaming_rows(evaluation.streaming) if evaluation.streaming else [],
        command=evaluation.command,
        version=__version__,
    )


def summary_rows(figures: Figures) -> Rows:
    """The table of averages, heading first."""
    named: list[tuple[str, Figure]] = [("accuracy", figures.accuracy)]
    if figures.k > 1:
        named.append((f"top-{figures.k} accuracy", figures.top_k))
    for average, means in (("macro", figures.macro), ("weighted", figures.weighted)):
        named += [(f"{'F1' if name == 'f1' else name}, {average}", means[name]) for name in AVERAGED]
    return [
        ("figure", "value", "bootstrap", "Wilson"),
        *(
            (name, number(figure.value), bounds(figure.interval), bounds(figure.share.interval) if figure.share else "")
            for name, figure in named
        ),
    ]


def class_rows(figures: Figures, *, wilson: bool) -> Rows:
    """The table of classes that have clips, heading first. ``wilson``: whether to include that interval of the recall."""
    rows: Rows = [("class", "clips", "precision", "recall", "recall, Wilson", "F1", "F1, bootstrap")]
    for label, entry in figures.classes.items():
        if entry.clips and entry.recall.share is not None:
            scores = (number(entry.precision.value), number(entry.recall.value), bounds(entry.recall.share.interval))
            rows.append((label, str(entry.clips), *scores, number(entry.f1.value), bounds(entry.f1.interval)))
    return rows if wilson else [(*row[:4], *row[5:]) for row in rows]


def confusion_matrices(
    predictions: Predictions, classes: Sequence[str]
) -> dict[str, tuple[NDArray[np.int64], list[str], list[str]]]:
    """File name -> matrix, rows, columns: of all classes; and of some, with the other classes that they were taken for."""
    whole, labels = predictions.confusion, list(predictions.labels)
    matrices = {"confusion": (whole, labels, labels)}
    if classes:
        chosen = [labels.index(label) for label in classes]
        part = whole[np.ix_(chosen, chosen)]
        others = whole[chosen].sum(axis=1) - part.sum(axis=1)
        matrices["confusion_cut"] = (np.column_stack([part, others]), list(classes), [*classes, OTHERS])
    return matrices


def _most_confused(predictions: Predictions) -> Rows:
    confusion = predictions.confusion
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSED]
    rows: Rows = [("true", "most often confused with", "clips", "share of the true class")]
    for i, j in zip(*np.unravel_index(order, wrong.shape)):
        if wrong[i, j]:
            share = wrong[i, j] / confusion[i].sum()
            rows.append((predictions.labels[i], predictions.labels[j], str(wrong[i, j]), f"{share:.2f}"))
    return rows
