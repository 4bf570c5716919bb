"""The card of a bundle that was taught, and what is measured for it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..bundles import BUNDLE_FORMAT, WINDOWS, sha256_of
from ..bundles.writing import embedder_entries
from ..calibration import ACCEPTED, acceptance_threshold
from ..classifiers.opening import STATISTICS
from ..classifiers.ridge import Fitted
from ..datasets.clips import Clip
from ..embedders import Array
from ..errors import SourceError
from ..extraction import EmbeddedClips, EmbeddingConfig
from ..recognizer import Recognizer
from ..support.shares import Share, confusion_matrix
from .options import TeachOptions

# How clips are labelled that show none of the actions, and what the classifier's last output means where there are some
NONE = "none"


@dataclass(frozen=True)
class HeldOut:
    """What classifiers said of clips of which they knew neither the group nor, of clips that show none, the action.

    Attributes:
        confusion: ``[K, K]`` of clips of the K actions: row = true class, column = best action.
        right: of each of these clips, whether its best action is its own.
        known, others: the largest probability of an action, of each clip of the actions and of each that shows none of them.
        threshold: of that score, which 95 % of the known clips reach.
    """

    confusion: NDArray[np.int64]
    right: NDArray[np.bool_]
    known: NDArray[np.float32]
    others: NDArray[np.float32]
    threshold: float

    @classmethod
    def of(cls, labels: Sequence[str], clips: Sequence[Clip], probabilities: Array) -> HeldOut:
        """Of probabilities ``[clips, K]`` or, with none, ``[clips, K + 1]``."""
        actions = probabilities[:, : len(labels)]
        known = np.array([clip.label != NONE for clip in clips])
        truth = np.array([labels.index(clip.label) for clip in clips if clip.label != NONE])
        best = actions[known].argmax(axis=1)
        confusion = confusion_matrix(truth, best, len(labels))
        scores = actions.max(axis=1)
        return cls(confusion, best == truth, scores[known], scores[~known], acceptance_threshold(scores[known]))

    @property
    def accuracy(self) -> Share:
        """Of the actions' clips, those whose best action is theirs."""
        return Share.of(self.right)


def make_card(
    options: TeachOptions,
    output: Path,
    config: EmbeddingConfig,
    outputs: Sequence[str],
    embedded: EmbeddedClips,
    fitted: Fitted,
    held_out: Optional[HeldOut],
    folder: Path,
) -> dict[str, Any]:
    """The card. ``outputs``: the classifier's: the labels, and NONE last where that is one of them."""
    file = folder / "classifier.npz"
    labels = [label for label in outputs if label != NONE]
    measured: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    if held_out is not None:
        note = "Each clip by a classifier that was not fitted on its group; these clips also chose the penalty."
        measured["cross-validation"] = {**accuracy_entry(labels, held_out.confusion), "note": note}
        if len(held_out.others):
            unknown["unknown"] = outside_entry(held_out.known, held_out.others, held_out.threshold)
    return {
        "format": BUNDLE_FORMAT,
        "kind": "bundle",
        "name": options.name or output.resolve().name,
        "edgevid_version": __version__,
        "labels": labels,
        **({"none": True} if NONE in outputs else {}),
        "sampling": {
            "samples": options.num_samples,
            "window_seconds": options.window_seconds,
            "clips": WINDOWS,
            "min_filled": options.min_filled,
            "reset_on_cut": options.reset_on_cut and _tells_cuts(config),
        },
        "events": {name: value for name, value in asdict(options.events).items() if value is not None},
        "classifier": {
            "kind": STATISTICS,
            "file": file.name,
            "sha256": sha256_of(file),
            "bytes": file.stat().st_size,
            "architecture": "statistics",
            "parameters": int(fitted.head.weights.size + fitted.head.bias.size),
        },
        "embedders": embedder_entries(config.entries),
        "training": {
            "data": options.description,
            "clips": len(embedded.clips),
            "groups": len({(clip.label, clip.group) for clip in embedded.clips}),
            "clips_per_class": dict(sorted(Counter(clip.label for clip in embedded.clips).items())),
            "clips_skipped": len(embedded.skipped),
            "mirrored_too": options.mirror,
            "penalty": fitted.penalty,
            "method": "ridge regression in closed form on statistics of windows; final fit on all clips",
            "command": options.command,
        },
        "accuracy": measured,
        **unknown,
        "calibration": {
            "temperature": 1.0,
            "unknown_threshold": 0.0 if held_out is None else held_out.threshold,
            "note": f"Scores were made likely, and the threshold set so that {ACCEPTED:.0%} are accepted, on clips whose "
            "group was held out in turn.",
        },
        "licence": options.licence,
    }


def _tells_cuts(config: EmbeddingConfig) -> bool:
    with config.opened() as embedders:
        return any(embedder.cut is not None or embedder.scene_cut_threshold is not None for embedder in embedders)


def accuracy_entry(labels: Sequence[str], confusion: NDArray[np.int64]) -> dict[str, Any]:
    """What a card says of clips that were measured: ``confusion[i][j]`` of class i were called class j."""
    recall = {
        label: Share(int(row[k]), int(row.sum())).as_dict() for k, (label, row) in enumerate(zip(labels, confusion))
    }
    accuracy = Share(int(confusion.trace()), int(confusion.sum())).as_dict()
    return {"accuracy": accuracy, "recall": recall, "confusion": confusion.tolist()}


def measure_clips(recognizer: Recognizer, clips: Sequence[Clip], progress: Callable[[], None]) -> NDArray[np.int64]:
    """Classify clips as a caller would: their confusion matrix. Clips that cannot be read are left out."""
    labels = recognizer.labels
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for clip in clips:
        progress()
        with contextlib.suppress(SourceError):
            confusion[labels.index(clip.label), labels.index(recognizer.classify(clip.path).label)] += 1
    return confusion


def outside_entry(known: NDArray[np.float32], others: NDArray[np.float32], threshold: float) -> dict[str, Any]:
    """What a card says of clips of other actions: how many of them, and of the known ones, the threshold rejects; the AUROC."""
    # the part of pairs in the right order, and half of those with equal scores
    ordered = np.sort(others)
    below = np.searchsorted(ordered, known, side="left") + np.searchsorted(ordered, known, side="right")
    area = below.mean() / 2 / len(others)
    return {
        "threshold": threshold,
        "known": {"accepted": Share.of(known >= threshold).as_dict()},
        "outside": {"rejected": Share.of(others < threshold).as_dict()},
        "auroc": {"value": round(float(area), 4)},
        "score": "largest calibrated probability of an action, of a clip",
        "note": "Each clip by a classifier that knew neither its group nor, of other actions, any clip of the same action.",
    }
