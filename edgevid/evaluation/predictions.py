"""A bundle's predictions of labelled clips, as it ships: each file goes through ``classify``."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..datasets.clips import Clip
from ..errors import EdgevidError
from ..recognizer import Recognizer
from ..support.files import open_table, write_whole
from ..support.shares import confusion_matrix
from ..support.system import system_errors
from .metrics import rank_of_truth
from .significance import Bootstrap, Resamples

PREDICTIONS_NAME = "predictions.csv"
_PROBABILITY = "p:"


# Iterates over clips and shows progress, like ``tqdm(clips, unit)``
Track = Callable[[Sequence[Clip], str], Iterable[Clip]]


class EvaluationError(EdgevidError):
    """Clips cannot be evaluated with a bundle, or evaluations cannot be compared."""


@dataclass(frozen=True)
class EvaluatedClip:
    """A clip by its name in the data set (a path relative to the clips' common folder), its label and its group."""

    path: str
    label: str
    group: str


class UnreadableClip(NamedTuple):
    """A clip that is not counted, by its name in the data set, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Predictions:
    """A bundle's predictions of clips.

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
        """The rank of the true class, 1 = first."""
        return rank_of_truth(self.probabilities, self.truth)

    @property
    def confusion(self) -> NDArray[np.int64]:
        return confusion_matrix(self.truth, self.predicted, len(self.labels))

    def resamples(self, bootstrap: Bootstrap) -> Resamples:
        """Bootstrap resamples of the clips: of each class's groups, or of all groups if they span classes."""
        strata = ["" if bootstrap.groups_span_classes else clip.label for clip in self.clips]
        groups = [(stratum, clip.group) for stratum, clip in zip(strata, self.clips)]
        return Resamples(groups, bootstrap.resamples, bootstrap.seed, strata)


def clip_names(clips: Sequence[Clip]) -> dict[Path, str]:
    """A name for each clip that does not reveal where the data lie: its path relative to the clips' common folder."""
    paths = [os.path.abspath(clip.path) for clip in clips]  # noqa: PTH100 - resolve() would follow links out of the folder
    try:
        root = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # several drives
        return {clip.path: Path(path).relative_to(Path(path).anchor).as_posix() for clip, path in zip(clips, paths)}
    return {clip.path: Path(path).relative_to(root).as_posix() for clip, path in zip(clips, paths)}


def without_progress(clips: Sequence[Clip], unit: str) -> Iterable[Clip]:
    """A :data:`Track` that shows nothing."""
    return clips


def predict_clips(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    names: dict[Path, str],
    unit: str = "clips",
    track: Track = without_progress,
) -> tuple[Predictions, tuple[UnreadableClip, ...]]:
    """Classify clips, each file as a user would.

    Returns:
        The predictions, and the clips that cannot be read.

    Raises:
        EvaluationError: no clip can be read.
    """
    done: list[EvaluatedClip] = []
    probabilities: list[NDArray[np.float32]] = []
    unreadable: list[UnreadableClip] = []
    for clip in track(clips, unit):
        try:
            probabilities.append(recognizer.classify(clip.path).probabilities)
        except EdgevidError as error:
            unreadable.append(UnreadableClip(names[clip.path], _without_place(str(error), clip.path)))
        else:
            done.append(EvaluatedClip(names[clip.path], clip.label, clip.group))
    if not done:
        reasons = "; ".join(reason for _, reason in unreadable[:3])
        raise EvaluationError(f"None of the {len(clips)} clips can be read: {reasons}")
    return Predictions(recognizer.labels, tuple(done), np.stack(probabilities)), tuple(unreadable)


def check_same_clips(first: Predictions, second: Predictions, names: tuple[str, str] = ("first", "second")) -> None:
    """Check that two sets of predictions are of the same clips and labels.

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


@system_errors(EvaluationError)
def write_predictions(predictions: Predictions, path: Path, k: int) -> None:
    """One line per clip: the clip, the answer, the next classes up to the k-th, and all probabilities."""
    order = np.argsort(-predictions.probabilities, axis=1, kind="stable")
    head = ["path", "label", "group", "predicted", "score", "correct", "rank"]
    head += [f"{what}{place}" for place in range(2, k + 1) for what in ("top", "score")]
    rows: list[list[Any]] = [[*head, *(_PROBABILITY + label for label in predictions.labels)]]
    for clip, row, best, rank in zip(predictions.clips, predictions.probabilities, order, predictions.ranks):
        following = [text for i in best[1:k] for text in (predictions.labels[i], _exact(row[i]))]
        answer = [predictions.labels[best[0]], _exact(row[best[0]]), int(rank == 1), int(rank)]
        rows.append([clip.path, clip.label, clip.group, *answer, *following, *map(_exact, row)])
    write_csv(path, rows)


def write_csv(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Rows of cells as CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    write_whole(path, text.getvalue())


@system_errors(EvaluationError)
def read_predictions(path: Path) -> Predictions:
    """Read a file of :func:`write_predictions`.

    Raises:
        EvaluationError: it cannot be read.
    """
    try:
        with open_table(path) as file:
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


def _exact(value: np.floating[Any]) -> str:
    return f"{value:.9g}"  # enough digits for any float32


def _without_place(message: str, path: Path) -> str:
    """An error message with the file's name instead of its path."""
    return message.replace(os.path.abspath(path), path.name).replace(str(path), path.name)  # noqa: PTH100
