"""What an evaluation's folder holds: figures, tables, plots, and a report as Markdown and as one HTML file."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from .evaluation import PREDICTIONS_NAME, EvaluationError, Predictions, write_predictions
from .evaluation_folder import METRICS_NAME
from .metrics import AVERAGED
from .outside import unknown_rows
from .page import Page
from .plots import class_bars, confusion_plot, normalise_rows

OTHERS = "(other classes)"
_MOST_CONFUSED = 15
_FEW_GROUPS = 20


def check_folder(folder: Path, marker: str = METRICS_NAME) -> None:
    """Make sure that an evaluation or a comparison can be written to ``folder``, and make it.

    Raises:
        EvaluationError: it holds something else, or cannot be made.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file():
            raise EvaluationError(
                f"{folder} is not empty and holds no {marker}, so it is none of these reports; name another folder with -o."
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"The folder {folder} cannot be made: {error}. Name another one with -o.") from error


def write_page(page: Page, folder: Path, name: str) -> None:
    """``name``.md with its pictures beside it, and ``name``.html."""
    for file_name, png in page.pictures.items():
        (folder / file_name).write_bytes(png)
    (folder / f"{name}.md").write_text(page.markdown(), encoding="utf-8")
    (folder / f"{name}.html").write_text(page.html(), encoding="utf-8")


def write_json(content: Any, path: Path) -> None:
    """Replaced in one step: whoever finds the file finds all of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def write_report(folder: Path, metrics: dict[str, Any], predictions: Predictions, classes: Sequence[str] = ()) -> None:
    """Write an evaluation.

    Args:
        folder: see :func:`check_folder`.
        metrics: the content of ``metrics.json``.
        classes: the classes that the additional confusion matrices are cut to.
    """
    (folder / METRICS_NAME).unlink(missing_ok=True)  # there again once all else is
    write_predictions(predictions, folder / PREDICTIONS_NAME, metrics["k"])
    _write_classes(folder / "classes.csv", metrics)
    page = evaluation_page(metrics, predictions, classes)
    for name, (matrix, rows, columns) in _matrices(predictions, classes).items():
        _write_matrix(folder / f"{name}.csv", matrix, rows, columns)
        _write_matrix(folder / f"{name}_normalised.csv", normalise_rows(matrix).round(4), rows, columns)
    write_page(page, folder, "report")
    write_json(metrics, folder / METRICS_NAME)


def evaluation_page(metrics: dict[str, Any], predictions: Predictions, classes: Sequence[str] = ()) -> Page:
    """The report of an evaluation."""
    bundle, data, bootstrap = metrics["bundle"], metrics["data"], metrics["bootstrap"]
    page = Page(f"{bundle['name']} on {data['name']}, {data['split']} clips")
    page.text(
        f"{data['clips']} {_split_words(data['split'])} of {data['classes']} classes in {data['groups']} groups; "
        f"{bundle['architecture']} classifier{_units(bundle)} on {bundle['extractor']}. The bundle was evaluated as it ships: "
        "each file through the library's own classify."
    )
    page.items(_remarks(metrics))
    page.heading("Figures")
    page.table(summary_rows(metrics), right=(1,))
    page.text(
        f"95 % intervals. Bootstrap: {bootstrap['resamples']} resamples of {bootstrap['groups']} groups "
        f"({bootstrap['method']}), seed {bootstrap['seed']}. Wilson: as if all clips were independent, so it is too narrow where "
        "clips of a group resemble each other. Macro: the mean over classes that have clips. Weighted: each class counts "
        "with its clips."
    )
    page.heading("Classes")
    rows = [(label, entry) for label, entry in metrics["classes"].items() if entry["clips"]]
    page.table(
        [
            ("class", "clips", "precision", "recall", "recall, Wilson", "F1", "F1, bootstrap"),
            *(
                (
                    label, str(e["clips"]), number(e["precision"]), number(e["recall"]), bounds(e["recall"]["wilson_95"]),
                    number(e["f1"]), bounds(e["f1"]["bootstrap_95"]),
                )
                for label, e in rows
            ),
        ],
        right=(1, 2, 3, 5),
    )  # fmt: skip
    bars = class_bars(
        [label for label, _ in rows],
        [e["f1"]["value"] for _, e in rows],
        [e["f1"]["bootstrap_95"] for _, e in rows],
        [e["precision"]["value"] for _, e in rows],
        [e["recall"]["value"] for _, e in rows],
        [e["clips"] for _, e in rows],
        "F1 by class (clips)",
    )
    page.picture("f1.png", bars, "F1, precision and recall of each class")
    page.heading("Confusion")
    page.table(_confused(predictions), right=(2, 3))
    for name, (matrix, labels, columns) in _matrices(predictions, classes).items():
        cut = "" if name == "confusion" else ", chosen classes"
        counts = confusion_plot(matrix, labels, columns, f"Confusion matrix{cut}: clips", normalised=False)
        shares = confusion_plot(
            matrix, labels, columns, f"Confusion matrix{cut}: share of each true class", normalised=True
        )
        page.picture(f"{name}.png", counts, f"Confusion matrix{cut}, clips: true classes down, predicted ones across")
        page.picture(f"{name}_normalised.png", shares, f"Confusion matrix{cut}, each row divided by its clips")
    _unknown(page, metrics.get("unknown"))
    _streaming(page, metrics.get("streaming"))
    page.heading("How this was made")
    page.code(metrics["command"])
    made = [
        ("edgevid", metrics["edgevid_version"]), ("runtime", bundle["runtime"]),
        ("classifier, SHA-256", bundle["classifier_sha256"]), ("extractor, SHA-256", bundle["extractor_sha256"]),
    ]  # fmt: skip
    page.table([("what", "which"), *made])
    if data["unreadable"]:
        page.heading("Clips that cannot be read")
        page.items([f"{entry['path']}: {entry['reason']}" for entry in data["unreadable"]])
    return page


def summary_rows(metrics: dict[str, Any]) -> list[tuple[str, ...]]:
    """The table of averages, its heading first."""
    rows: list[tuple[str, ...]] = [("figure", "value", "bootstrap", "Wilson")]
    shares = [("accuracy", metrics["accuracy"])]
    if metrics["k"] > 1:
        shares.append((f"top-{metrics['k']} accuracy", metrics["top_k"]))
    for name, entry in shares:
        rows.append((name, number(entry), bounds(entry["bootstrap_95"]), bounds(entry["wilson_95"])))
    for average in ("macro", "weighted"):
        for name in AVERAGED:
            entry = metrics[average][name]
            shown = "F1" if name == "f1" else name
            rows.append((f"{shown}, {average}", number(entry), bounds(entry["bootstrap_95"]), ""))
    return rows


def number(entry: dict[str, Any]) -> str:
    return "-" if entry["value"] is None else f"{entry['value']:.4f}"


def bounds(interval: Optional[Sequence[float]]) -> str:
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _remarks(metrics: dict[str, Any]) -> list[str]:
    data, bootstrap = metrics["data"], metrics["bootstrap"]
    remarks = []
    if data["split"] in ("train", "all"):
        remarks.append("Clips that the bundle was trained on may be among these: the figures are then too high.")
    if data["split"] == "validation":
        remarks.append("Validation clips chose the bundle's epoch, so the figures are a little too high.")
    if data["unreadable"]:
        remarks.append(
            f"{len(data['unreadable'])} clip(s) cannot be read and are not counted; they are listed at the end."
        )
    absent = [label for label, entry in metrics["classes"].items() if not entry["clips"]]
    if absent:
        remarks.append(f"Classes of the bundle without clips here: {', '.join(absent)}.")
    if bootstrap["groups"] == data["clips"]:
        remarks.append("Each clip is its own group. Clips of the same people or place make the intervals too narrow.")
    if bootstrap["groups"] < _FEW_GROUPS:
        remarks.append(f"{bootstrap['groups']} group(s) are few: the bootstrap intervals are rough, and too narrow.")
    if not data["ucf101_split_1"]:
        remarks.append(
            "These are not the 101 classes of UCF101 split 1: the figures are not comparable with figures on those."
        )
    keras = metrics.get("keras")
    if keras:
        same = "identical" if keras["confusion_identical"] else f"different: {keras['labels_that_differ']} clip(s)"
        remarks.append(
            f"The Keras network of the run folder gives a confusion matrix that is {same}; largest difference of a "
            f"probability: {keras['max_abs_probability_difference']:.2g}."
        )
    return remarks


def _unknown(page: Page, unknown: Optional[dict[str, Any]]) -> None:
    if unknown is None:
        return
    page.heading("None of these actions")
    threshold = unknown["threshold"]
    page.text(
        f"{unknown['outside']['clips']} clips of {unknown['outside']['classes']} other actions. A clip is rejected where its "
        f"largest calibrated probability is below the bundle's threshold of {threshold:g}"
        f"{'' if threshold else ' (it has none: nothing is rejected)'}. AUROC: how often a clip of a known action has the higher "
        "score of the two, whatever the threshold; 0.5 is chance."
    )
    page.table(unknown_rows(unknown), right=(1, 2, 3))


def _streaming(page: Page, streaming: Optional[dict[str, Any]]) -> None:
    if streaming is None:
        return
    page.heading("Streaming")
    page.text(
        f"The same {streaming['clips']} clips replayed as streams, from an empty window on, with a prediction at each sampled "
        f"frame: {streaming['predictions']} predictions. The window spans {streaming['window_seconds']:g} s, or the clip where "
        f"that is shorter ({streaming['clips_shorter_than_window']} clips)."
    )
    rows = [("predictions", "right", "of", "accuracy")]
    for name, entry in streaming_rows(streaming):
        rows.append((name, str(entry["hits"]), str(entry["n"]), number(entry)))
    page.table(rows, right=(1, 2, 3))


def streaming_rows(streaming: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Name and share of each line of the table of a streaming evaluation."""
    rows = [(f"window {name}", entry) for name, entry in streaming["by_window_filled"].items() if entry["n"]]
    return [
        *rows, ("last of each clip", streaming["final"]), ("last = classify", streaming["final_is_what_classify_says"]),
    ]  # fmt: skip


def _confused(predictions: Predictions) -> list[tuple[str, str, str, str]]:
    confusion = predictions.confusion
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSED]
    rows = [("true", "most often confused with", "clips", "share of the true class")]
    for i, j in zip(*np.unravel_index(order, wrong.shape)):
        if wrong[i, j]:
            share = wrong[i, j] / confusion[i].sum()
            rows.append((predictions.labels[i], predictions.labels[j], str(wrong[i, j]), f"{share:.2f}"))
    return rows


def _matrices(
    predictions: Predictions, classes: Sequence[str]
) -> dict[str, tuple[NDArray[np.int64], list[str], list[str]]]:
    """File name -> matrix, rows, columns: the whole one; and cut to classes, with what those were called otherwise."""
    whole, labels = predictions.confusion, list(predictions.labels)
    matrices = {"confusion": (whole, labels, labels)}
    if classes:
        chosen = [labels.index(label) for label in classes]
        part = whole[np.ix_(chosen, chosen)]
        others = whole[chosen].sum(axis=1) - part.sum(axis=1)
        matrices["confusion_cut"] = (np.column_stack([part, others]), list(classes), [*classes, OTHERS])
    return matrices


def _write_matrix(path: Path, matrix: NDArray[Any], rows: Sequence[str], columns: Sequence[str]) -> None:
    write_csv(path, [["true \\ predicted", *columns], *([label, *row] for label, row in zip(rows, matrix.tolist()))])


def _write_classes(path: Path, metrics: dict[str, Any]) -> None:
    rows: list[list[Any]] = [
        ["class", "clips", "predicted", *AVERAGED, "recall_low", "recall_high", "f1_low", "f1_high"]
    ]
    for label, entry in metrics["classes"].items():
        ends = [*entry["recall"]["wilson_95"], *(entry["f1"]["bootstrap_95"] or ("", ""))]
        rows.append([label, entry["clips"], entry["predicted"], *(entry[name]["value"] for name in AVERAGED), *ends])
    write_csv(path, rows)


def write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    """Rows of cells as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _split_words(split: str) -> str:
    return "clips (all splits together)" if split == "all" else f"{split} clips"


def _units(bundle: dict[str, Any]) -> str:
    return f" with {bundle['units']} units" if bundle.get("units") else ""
