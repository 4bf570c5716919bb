"""The card of a bundle that was taught, and what is measured for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..bundles import BUNDLE_FORMAT, WINDOWS, sha256_of
from ..bundles.writing import embedder_entries
from ..calibration import ACCEPTED
from ..classifiers.opening import STATISTICS
from ..classifiers.ridge import Fitted
from ..datasets.clips import Clip
from ..errors import SourceError
from ..extraction import EmbeddedClips, EmbeddingConfig
from ..recognizer import Recognizer
from ..support.shares import Share
from .options import TeachOptions


def make_card(
    options: TeachOptions,
    output: Path,
    config: EmbeddingConfig,
    labels: Sequence[str],
    embedded: EmbeddedClips,
    fitted: Fitted,
    threshold: float,
    confusion: NDArray[np.int64],
    folder: Path,
) -> dict[str, Any]:
    file = folder / "classifier.npz"
    measured: dict[str, Any] = {}
    if confusion.any():
        note = "Each clip by a classifier that was not fitted on its group; these clips also chose the penalty."
        measured["cross-validation"] = {**accuracy_entry(labels, confusion), "note": note}
    return {
        "format": BUNDLE_FORMAT,
        "kind": "bundle",
        "name": options.name or output.resolve().name,
        "edgevid_version": __version__,
        "labels": list(labels),
        "sampling": {
            "samples": options.num_samples,
            "window_seconds": options.window_seconds,
            "clips": WINDOWS,
            "min_filled": options.min_filled,
        },
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
        "calibration": {
            "temperature": 1.0,
            "unknown_threshold": threshold,
            "note": f"Scores were made likely, and the threshold set so that {ACCEPTED:.0%} are accepted, on clips whose "
            "group was held out in turn.",
        },
        "licence": options.licence,
    }


def accuracy_entry(labels: Sequence[str], confusion: NDArray[np.int64]) -> dict[str, Any]:
    """What a card says of clips that were measured: ``confusion[i][j]`` of class i were called class j."""
    recall = {
        label: Share(int(row[k]), int(row.sum())).as_dict() for k, (label, row) in enumerate(zip(labels, confusion))
    }
    accuracy = Share(int(confusion.trace()), int(confusion.sum())).as_dict()
    return {"accuracy": accuracy, "recall": recall, "confusion": confusion.tolist()}


def measure_clips(
    recognizer: Recognizer, clips: Sequence[Clip], progress: Callable[[], None]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classify clips as a caller would: their confusion matrix (of labels that the bundle knows), and the score of each.

    Clips that cannot be read are left out.
    """
    labels, scores = recognizer.labels, []
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for clip in clips:
        progress()
        try:
            prediction = recognizer.classify(clip.path)
        except SourceError:
            continue
        scores.append(prediction.score)
        if clip.label in labels:
            confusion[labels.index(clip.label), labels.index(prediction.label)] += 1
    return confusion, np.array(scores)


def outside_entry(known: NDArray[np.float64], others: NDArray[np.float64], threshold: float) -> dict[str, Any]:
    """What a card says of clips of other actions: how many of them, and of the known ones, the threshold rejects; the AUROC."""
    order = np.concatenate([known, others])
    ranks = np.searchsorted(np.sort(order), order, side="left") + np.searchsorted(np.sort(order), order, side="right")
    area = (ranks[: len(known)].sum() / 2 - len(known) ** 2 / 2) / (len(known) * len(others))
    return {
        "threshold": threshold,
        "known": {"accepted": Share.of(known >= threshold).as_dict()},
        "outside": {"rejected": Share.of(others < threshold).as_dict()},
        "auroc": {"value": round(float(area), 4)},
        "score": "largest calibrated probability of a clip",
    }
