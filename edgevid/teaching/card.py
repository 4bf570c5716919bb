"""The card of a taught bundle, and the measurements for it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Callable

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..bundles import BUNDLE_FORMAT, WINDOWS, sha256_of
from ..bundles.writing import embedder_entries
from ..calibration import ACCEPTED
from ..classifiers.opening import STATISTICS
from ..datasets.clips import Clip
from ..datasets.taught import FIELD, seen_entry
from ..errors import SourceError
from ..extraction import EmbeddingConfig
from ..recognizer import Recognizer
from ..support.shares import Share
from .examples import NONE
from .held_out import HeldOut
from .learning import Learnt
from .options import TeachOptions

CLASSIFIER_FILE, EXAMPLES_FILE = "classifier.npz", "examples.npz"


def new_card(options: TeachOptions, output: Path, config: EmbeddingConfig) -> dict[str, Any]:
    """A card before anything is learned."""
    return {
        "format": BUNDLE_FORMAT,
        "kind": "bundle",
        "name": options.name or output.resolve().name,
        "labels": [],
        "sampling": {
            "samples": options.num_samples,
            "window_seconds": options.window_seconds,
            "clips": WINDOWS,
            "min_filled": options.min_filled,
            "reset_on_cut": options.reset_on_cut and _tells_cuts(config),
        },
        "events": {name: value for name, value in asdict(options.events).items() if value is not None},
        "classifier": {},
        "embedders": embedder_entries(config.entries),
        "training": {"data": options.description, "mirrored_too": options.mirror},
        "accuracy": {},
        "calibration": {},
        "licence": options.licence,
    }


def extended_card(card: dict[str, Any], options: TeachOptions) -> dict[str, Any]:
    """The card of a bundle that is extended."""
    parts = [card.get("training", {}).get("data", ""), options.description]
    described = "; ".join(dict.fromkeys(part for part in parts if part))
    new = {**card, "training": {**card.get("training", {}), "data": described}}
    if options.name:
        new["name"] = options.name
    if options.licence != TeachOptions.licence:
        new["licence"] = options.licence
    return new


def put_learnt(card: dict[str, Any], learnt: Learnt, folder: Path) -> None:
    """Put the results of learning into a card: labels, files in the bundle's folder, figures."""
    examples, head, held_out = learnt.examples, learnt.fitted.head, learnt.held_out
    clips = [clip for clip in examples.clips if not clip.mirrored]
    card["edgevid_version"] = __version__
    card["labels"] = [label for label in examples.outputs if label != NONE]
    card["classifier"] = {
        "kind": STATISTICS,
        **file_entry(folder / CLASSIFIER_FILE),
        "architecture": "statistics",
        "parameters": int(head.weights.size + head.bias.size),
    }
    card["training"].update(
        {
            "clips": len(clips),
            "groups": len({(clip.label, clip.group) for clip in clips}),
            "clips_per_class": dict(sorted(Counter(clip.label for clip in clips).items())),
            FIELD: seen_entry(clip.source for clip in clips),
            "penalty": learnt.fitted.penalty,
            "method": "ridge regression in closed form on statistics of windows; final fit on all clips",
        }
    )
    card["accuracy"] = {}  # drop earlier results, if any
    for key in ("none", "unknown", "examples"):
        card.pop(key, None)
    if NONE in examples.outputs:
        card["none"] = True
    if (folder / EXAMPLES_FILE).exists():
        card["examples"] = {**file_entry(folder / EXAMPLES_FILE), "windows": len(examples.owners)}
    if held_out is not None:
        card["accuracy"]["cross-validation"] = {
            **accuracy_entry(held_out.labels, held_out.confusion),
            **({} if held_out.with_half is None else {"with_half_of_the_clips": round(held_out.with_half, 4)}),
            "advice": held_out.advice(),
            "note": "Each clip by a classifier that was not fitted on its group; these clips also chose the penalty.",
        }
        if len(held_out.others):
            card["unknown"] = _outside_entry(held_out)
    card["calibration"] = {
        "temperature": 1.0,
        "unknown_threshold": learnt.threshold,
        "note": f"Scores were made likely, and the threshold set so that {ACCEPTED:.0%} are accepted, on clips whose group was "
        "held out in turn.",
    }


def file_entry(path: Path) -> dict[str, Any]:
    """The card's entry for a file beside it."""
    return {"file": path.name, "sha256": sha256_of(path), "bytes": path.stat().st_size}


def _tells_cuts(config: EmbeddingConfig) -> bool:
    with config.opened() as embedders:
        return any(embedder.cut is not None or embedder.scene_cut_threshold is not None for embedder in embedders)


def accuracy_entry(labels: Sequence[str], confusion: NDArray[np.int64]) -> dict[str, Any]:
    """The card's entry for measured clips: ``confusion[i][j]`` of class i were classified as class j."""
    recall = {
        label: Share(int(row[k]), int(row.sum())).as_dict() for k, (label, row) in enumerate(zip(labels, confusion))
    }
    accuracy = Share(int(confusion.trace()), int(confusion.sum())).as_dict()
    return {"accuracy": accuracy, "recall": recall, "confusion": confusion.tolist()}


def measure_clips(recognizer: Recognizer, clips: Sequence[Clip], progress: Callable[[], None]) -> NDArray[np.int64]:
    """The confusion matrix of clips, classified as by a user. Clips that cannot be read are left out."""
    labels = recognizer.labels
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for clip in clips:
        progress()
        with contextlib.suppress(SourceError):
            confusion[labels.index(clip.label), labels.index(recognizer.classify(clip.path).label)] += 1
    return confusion


def _outside_entry(held_out: HeldOut) -> dict[str, Any]:
    """The card's entry for clips of other actions: how many of them, and of the known ones, the threshold rejects; the AUROC."""
    return {
        "threshold": held_out.threshold,
        "known": {"accepted": Share.of(held_out.known >= held_out.threshold).as_dict()},
        "outside": {"rejected": Share.of(held_out.others < held_out.threshold).as_dict()},
        "auroc": {"value": None if held_out.auroc is None else round(held_out.auroc, 4)},
        "score": "1 - the probability of none of these, of a clip",
        "note": "Each clip by a classifier that did not know its group; three kinds of other actions or more are groups.",
    }
