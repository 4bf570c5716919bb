"""A bundle over labelled clips, as it ships: each file through ``classify``, and through a stream -> figures."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import EdgevidError
from ..recognizer import Recognizer
from .dataset import Clip
from .metrics import AVERAGED, Share, class_scores, confusion_matrix, rank_of_truth
from .significance import DEFAULT_RESAMPLES, Interval, Resamples, score_intervals

PREDICTIONS_NAME = "predictions.csv"
# Official UCF101 split 1: 3,783 test clips, groups 1 to 7 of each class; the class names in small letters, sorted
_UCF101_TEST_CLIPS = 3783
_UCF101_CLASSES_SHA256 = "ba5efe3c836f22f509531832bfbf1427af4b235bfffcb5a92309f60cb7cfd6ca"
_PROBABILITY = "p:"


class EvaluationError(EdgevidError):
    """Clips cannot be evaluated with a bundle, or evaluations cannot be compared."""


@dataclass(frozen=True)
class EvaluatedClip:
    """A clip by its name in the data set (a path relative to the clips' common folder), its label and its group."""

    path: str
    label: str
    group: str


@dataclass(frozen=True)
class Predictions:
    """What a bundle says of clips.

    Attributes:
        probabilities: float32 ``[clips, labels]``.
    """

    labels: tuple[str, ...]
    clips: tuple[EvaluatedClip, ...]
    probabilities: NDArray[np.float32]

    @cached_property
    def truth(self) -> NDArray[np.int64]:
        """True classes, ``[clips]``."""
        index = {label: i for i, label in enumerate(self.labels)}
        return np.array([index[clip.label] for clip in self.clips], dtype=np.int64)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable classes."""
        best: NDArray[np.int64] = np.argmax(self.probabilities, axis=1)
        return best

    @property
    def correct(self) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = self.predicted == self.truth
        return right

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """The place of the true class, 1 = first."""
        return rank_of_truth(self.probabilities, self.truth)

    @property
    def confusion(self) -> NDArray[np.int64]:
        return confusion_matrix(self.truth, self.predicted, len(self.labels))

    def resamples(self, count: int, seed: int, span_classes: bool) -> Resamples:
        """Bootstrap resamples of the clips: groups of each class, or groups of all classes where they span classes."""
        if span_classes:
            return Resamples([clip.group for clip in self.clips], count, seed)
        labels = [clip.label for clip in self.clips]
        return Resamples([(clip.label, clip.group) for clip in self.clips], count, seed, strata=labels)


def choose_clips(clips: Sequence[Clip], split: Optional[str] = None) -> tuple[list[Clip], str]:
    """The clips of a split ("train", "validation", "test" or "all"), and the split's name.

    By default the test clips, or all of them where the data set is not divided.

    Raises:
        EvaluationError: there is none.
    """
    there = sorted({clip.split for clip in clips})
    if split is None:
        split = "test" if "test" in there or there != ["train"] else "all"
    chosen = [clip for clip in clips if split in ("all", clip.split)]
    if not chosen:
        raise EvaluationError(
            f"The data have no {split} clips; they have: {', '.join(there) or 'none'}. Name one of these with --split, or give "
            "the run folder that `edgevid train` wrote beside the bundle: it has the division that was trained with."
        )
    return chosen, split


def check_labels(clips: Sequence[Clip], labels: Sequence[str]) -> None:
    """Make sure that a bundle can be right about the clips.

    Raises:
        EvaluationError: a clip's label is none of the bundle's.
    """
    in_data = sorted({clip.label for clip in clips})
    unknown = [label for label in in_data if label not in labels]
    if unknown:
        raise EvaluationError(
            f"The bundle does not know {', '.join(unknown)}. Labels of the data: {', '.join(in_data)}. Labels of the bundle: "
            f"{', '.join(labels)}. Leave those clips out, rename their labels, or evaluate another bundle."
        )


def clip_names(clips: Sequence[Clip]) -> dict[Path, str]:
    """A name for each clip that says nothing of where the data lie: its path from the clips' common folder on."""
    paths = [os.path.abspath(clip.path) for clip in clips]  # noqa: PTH100 - resolve() would follow links out of the folder
    try:
        root = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # several drives
        return {clip.path: Path(path).relative_to(Path(path).anchor).as_posix() for clip, path in zip(clips, paths)}
    return {clip.path: Path(path).relative_to(root).as_posix() for clip, path in zip(clips, paths)}


def predict_clips(
    recognizer: Recognizer, clips: Sequence[Clip], names: dict[Path, str], tick: Callable[[], None] = lambda: None
) -> tuple[Predictions, list[tuple[str, str]]]:
    """Classify clips, each file as a caller would.

    Returns:
        The predictions, and (name, reason) of the clips that cannot be read.

    Raises:
        EvaluationError: no clip can be read.
    """
    done: list[EvaluatedClip] = []
    probabilities: list[NDArray[np.float32]] = []
    unreadable: list[tuple[str, str]] = []
    for clip in clips:
        try:
            probabilities.append(recognizer.classify(clip.path).probabilities)
        except EdgevidError as error:
            unreadable.append((names[clip.path], _without_place(str(error), clip.path)))
        else:
            done.append(EvaluatedClip(names[clip.path], clip.label, clip.group))
        tick()
    if not done:
        reasons = "; ".join(reason for _, reason in unreadable[:3])
        raise EvaluationError(f"None of the {len(clips)} clips can be read: {reasons}")
    return Predictions(recognizer.labels, tuple(done), np.stack(probabilities)), unreadable


def figures(
    predictions: Predictions, k: int, *, resamples: int = DEFAULT_RESAMPLES, seed: int = 0, span_classes: bool = False
) -> dict[str, Any]:
    """All that is measured of predictions, with 95 % intervals, in the form of ``metrics.json``."""
    draws = predictions.resamples(resamples, seed, span_classes)
    truth, predicted, in_top_k = predictions.truth, predictions.predicted, predictions.ranks <= k
    scores = class_scores(truth, predicted, len(predictions.labels))
    intervals = score_intervals(draws, truth, predicted, in_top_k, len(predictions.labels))
    classes = {
        label: {
            "clips": int(scores.clips[i]),
            "predicted": int(scores.predicted[i]),
            **{name: _figure(float(getattr(scores, name)[i]), intervals.classes[i][name]) for name in AVERAGED},
        }
        for i, label in enumerate(predictions.labels)
    }
    for i, label in enumerate(predictions.labels):
        hits, n = int(np.sum(predictions.correct & (truth == i))), int(scores.clips[i])
        classes[label]["recall"] = {
            **Share(hits, n).as_dict(),
            "bootstrap_95": _rounded(intervals.classes[i]["recall"]),
        }
    return {
        "accuracy": _share(predictions.correct, intervals.accuracy),
        "k": k,
        "top_k": _share(in_top_k, intervals.top_k),
        "macro": {name: _figure(scores.macro(name), intervals.macro[name]) for name in AVERAGED},
        "weighted": {name: _figure(scores.weighted(name), intervals.weighted[name]) for name in AVERAGED},
        "classes": classes,
        "confusion": predictions.confusion.tolist(),
        "bootstrap": {
            "method": "percentile, whole groups drawn with replacement" + ("" if span_classes else ", of each class"),
            "resamples": resamples,
            "seed": seed,
            "groups": draws.num_groups,
            "groups_span_classes": span_classes,
        },
    }


def is_ucf101_split_1(clips: Sequence[Clip], split: str) -> bool:
    """Whether these are all the test clips of UCF101's official split 1: the only ones that the thesis's figures are of."""
    if split != "test" or len(clips) != _UCF101_TEST_CLIPS:
        return False
    classes = "\n".join(sorted({clip.label.lower() for clip in clips}))
    if hashlib.sha256(classes.encode()).hexdigest() != _UCF101_CLASSES_SHA256:
        return False
    return all(re.search(r"_g0[1-7]_c\d\d$", clip.path.stem) for clip in clips)


def difference(first: Predictions, second: Predictions) -> dict[str, Any]:
    """How two networks that should be the same differ on the same clips, such as a bundle and the Keras network behind it."""
    check_same_clips(first, second)
    return {
        "confusion_identical": bool(np.array_equal(first.confusion, second.confusion)),
        "labels_that_differ": int(np.sum(first.predicted != second.predicted)),
        "max_abs_probability_difference": float(np.max(np.abs(first.probabilities - second.probabilities))),
    }


def check_same_clips(first: Predictions, second: Predictions, names: tuple[str, str] = ("first", "second")) -> None:
    """Make sure that two sets of predictions are of the same clips and labels.

    Raises:
        EvaluationError: they are not.
    """
    if first.labels != second.labels:
        raise EvaluationError(
            f"{names[0]} and {names[1]} have different labels: {', '.join(first.labels)}; {', '.join(second.labels)}. "
            "Compare evaluations of bundles for the same actions."
        )
    if first.clips != second.clips:
        one, other = set(first.clips), set(second.clips)
        examples = ", ".join(clip.path for clip in sorted(one ^ other, key=lambda clip: clip.path)[:3])
        raise EvaluationError(
            f"{names[0]} has {len(one)} clips and {names[1]} has {len(other)}; {len(one ^ other)} are not in both, or with "
            f"another label or group ({examples or 'another order'}). Evaluate both on the same data and split."
        )


def write_predictions(predictions: Predictions, path: Path, k: int) -> None:
    """One line a clip: what it is, the answer, the next classes up to the k-th, and all probabilities."""
    order = np.argsort(-predictions.probabilities, axis=1, kind="stable")
    head = ["path", "label", "group", "predicted", "score", "correct", "rank"]
    head += [f"{what}{place}" for place in range(2, k + 1) for what in ("top", "score")]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*head, *(_PROBABILITY + label for label in predictions.labels)])
        for clip, row, best, rank in zip(predictions.clips, predictions.probabilities, order, predictions.ranks):
            following = [text for i in best[1:k] for text in (predictions.labels[i], _exact(row[i]))]
            answer = [predictions.labels[best[0]], _exact(row[best[0]]), int(rank == 1), int(rank)]
            writer.writerow([clip.path, clip.label, clip.group, *answer, *following, *map(_exact, row)])


def read_predictions(path: Path) -> Predictions:
    """What :func:`write_predictions` wrote.

    Raises:
        EvaluationError: it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = [name for name in reader.fieldnames or [] if name.startswith(_PROBABILITY)]
            rows = list(reader)
        clips = tuple(EvaluatedClip(row["path"], row["label"], row["group"]) for row in rows)
        probabilities = np.array([[float(row[name]) for name in columns] for row in rows], dtype=np.float32)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise EvaluationError(f"{path} cannot be read: {error!r}. Run `edgevid evaluate` again.") from error
    labels = tuple(name[len(_PROBABILITY) :] for name in columns)
    if not rows or not {clip.label for clip in clips} <= set(labels):
        raise EvaluationError(f"{path} is empty or names labels without probabilities. Run `edgevid evaluate` again.")
    return Predictions(labels, clips, probabilities)


def _share(hits: NDArray[np.bool_], interval: Interval) -> dict[str, Any]:
    return {**Share(int(np.sum(hits)), len(hits)).as_dict(), "bootstrap_95": _rounded(interval)}


def _figure(value: float, interval: Interval) -> dict[str, Any]:
    return {"value": round(value, 4), "bootstrap_95": _rounded(interval)}


def _rounded(interval: Interval) -> Optional[list[float]]:
    return None if interval is None else [round(bound, 4) for bound in interval]


def _exact(value: np.floating[Any]) -> str:
    return f"{value:.9g}"  # enough digits for any float32


def _without_place(message: str, path: Path) -> str:
    """An error's words with the file's name in place of its path."""
    return message.replace(os.path.abspath(path), path.name).replace(str(path), path.name)  # noqa: PTH100
