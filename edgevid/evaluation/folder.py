"""Evaluations and comparisons on disk: checks, writes and reads their folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..support.files import read_text, write_whole
from ..support.system import system_errors
from .evaluation import Evaluation
from .plots import normalise_rows
from .predictions import (
    PREDICTIONS_NAME,
    EvaluationError,
    Predictions,
    read_predictions,
    write_csv,
    write_predictions,
)
from .report import confusion_matrices, evaluation_report
from .report_format import RenderedReport
from .significance import AVERAGED
from .streaming import StreamPrediction
from .wrong_clips import WrongClip

METRICS_NAME = "metrics.json"


class StoredEvaluation(NamedTuple):
    """An evaluation read from its folder. Its clips are sorted by path.

    Attributes:
        name: name of the folder.
        bundle, data: as in :class:`Evaluation`.
        k: k of its top-k accuracy.
        groups_span_classes: whether a group's name means the same in all classes.
    """

    name: str
    bundle: dict[str, Any]
    data: dict[str, Any]
    command: str
    k: int
    groups_span_classes: bool
    predictions: Predictions


@system_errors(EvaluationError)
def check_folder(folder: Path, marker: str = METRICS_NAME) -> None:
    """Check that an evaluation or a comparison can be written to ``folder``, and create it.

    Raises:
        EvaluationError: it contains something else, or cannot be created.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file():
            raise EvaluationError(
                f"{folder} is not empty and has no {marker}, so it is not such a report; name another folder with -o."
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"The folder {folder} cannot be created: {error}. Name another one with -o.") from error


@system_errors(EvaluationError)
def write_evaluation(
    folder: Path, evaluation: Evaluation, classes: Sequence[str] = (), wrong: Sequence[WrongClip] = ()
) -> None:
    """Write figures, predictions, plots and the report.

    Args:
        folder: see :func:`check_folder`.
        classes: the classes of the additional confusion matrices.
        wrong: clips to show in the HTML report.
    """
    (folder / METRICS_NAME).unlink(missing_ok=True)  # written last
    predictions, figures = evaluation.predictions, evaluation.figures
    write_predictions(predictions, folder / PREDICTIONS_NAME, figures.k)
    rows: list[list[Any]] = [
        ["class", "clips", "predicted", *AVERAGED, "recall_low", "recall_high", "f1_low", "f1_high"]
    ]
    for label, entry in figures.as_dict()["classes"].items():
        ends = [*entry["recall"]["wilson_95"], *(entry["f1"]["bootstrap_95"] or ("", ""))]
        rows.append([label, entry["clips"], entry["predicted"], *(entry[name]["value"] for name in AVERAGED), *ends])
    write_csv(folder / "classes.csv", rows)
    for name, (matrix, labels, columns) in confusion_matrices(predictions, classes).items():
        _write_matrix(folder / f"{name}.csv", matrix, labels, columns)
        _write_matrix(folder / f"{name}_normalised.csv", normalise_rows(matrix).round(4), labels, columns)
    if evaluation.replay is not None:
        write_csv(folder / "streaming.csv", [StreamPrediction._fields, *evaluation.replay.predictions])
    write_report(folder, "report", evaluation_report(evaluation, classes, wrong))
    write_json(folder / METRICS_NAME, evaluation.as_dict())


@system_errors(EvaluationError)
def read_evaluation(folder: Path) -> StoredEvaluation:
    """Read a folder that ``edgevid evaluate -o`` wrote.

    Raises:
        EvaluationError: it is missing or damaged.
    """
    path = folder / METRICS_NAME
    try:
        metrics = json.loads(read_text(path))
        if metrics["kind"] != "evaluation" or metrics["format"] != 1:
            raise ValueError("it is not an evaluation that this version of edgevid can read")
        bundle, data = dict(metrics["bundle"]), dict(metrics["data"])
        span = bool(metrics["bootstrap"].get("groups_span_classes"))
        command, k = str(metrics["command"]), int(metrics["k"])
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        MemoryError,
        OverflowError,
    ) as error:
        raise EvaluationError(
            f"{path} cannot be read: {error}. Expected a folder that `edgevid evaluate -o FOLDER` wrote."
        ) from error
    found = read_predictions(folder / PREDICTIONS_NAME)
    order = sorted(range(len(found.clips)), key=lambda i: found.clips[i].path)
    clips = tuple(found.clips[i] for i in order)
    predictions = Predictions(found.labels, clips, found.probabilities[order])
    return StoredEvaluation(folder.name, bundle, data, command, k, span, predictions)


@system_errors(EvaluationError)
def write_report(folder: Path, name: str, report: RenderedReport) -> None:
    """Write ``name``.md with its pictures beside it, and ``name``.html, which needs no other file."""
    for file_name, png in report.pictures.items():
        write_whole(folder / file_name, png)
    write_whole(folder / f"{name}.md", report.markdown)
    write_whole(folder / f"{name}.html", report.html)


def write_json(path: Path, content: Any) -> None:
    """``content`` as indented JSON."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write_matrix(path: Path, matrix: NDArray[np.generic], rows: Sequence[str], columns: Sequence[str]) -> None:
    write_csv(path, [["true \\ predicted", *columns], *([label, *row] for label, row in zip(rows, matrix.tolist()))])
