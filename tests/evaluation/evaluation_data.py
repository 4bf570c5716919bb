"""Predictions made without a network, for tests of what is computed from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgevid.evaluation.figures import measure_predictions
from edgevid.evaluation.folder import METRICS_NAME, check_folder, write_json
from edgevid.evaluation.predictions import PREDICTIONS_NAME, EvaluatedClip, Predictions, write_predictions
from edgevid.evaluation.significance import Bootstrap

EXTRACTORS = {"mobilenet_v2_1.0_224_uint8": 3_000_000, "inception_v3_float": 90_000_000}


def synthetic_predictions(
    num_classes: int = 4, groups: int = 6, clips_of_group: int = 3, skill: float = 0.7, seed: int = 0
) -> Predictions:
    """Answers that are right with about the probability ``skill``; clips of a group tend to be right together."""
    rng = np.random.default_rng(seed)
    labels = tuple(f"Action{i:03d}" for i in range(num_classes))
    clips, rows = [], []
    for i, label in enumerate(labels):
        for group in range(groups):
            is_easy = rng.random() < skill
            for clip in range(clips_of_group):
                is_right = rng.random() < (0.95 if is_easy else 0.2)
                row = rng.random(num_classes)
                row[i if is_right else rng.integers(num_classes)] += 2.0
                rows.append(row / row.sum())
                clips.append(EvaluatedClip(f"{label}/g{group:02d}_c{clip:02d}.mp4", label, f"{group}"))
    return Predictions(labels, tuple(clips), np.array(rows, dtype=np.float32))


def write_evaluation(
    folder: Path,
    predictions: Predictions,
    extractor: str = "mobilenet_v2_1.0_224_uint8",
    architecture: str = "gru",
    units: Any = 128,
    ucf101_split_1: bool = False,
) -> Path:
    """Write what a comparison reads from an evaluation's folder."""
    check_folder(folder)
    measured = measure_predictions(predictions, k=2, bootstrap=Bootstrap(200)).as_dict()
    metrics = {
        "format": 1,
        "kind": "evaluation",
        "edgevid_version": "0",
        "command": f"edgevid evaluate {folder.name} data --split test",
        "bundle": {
            "name": folder.name, "classifier_sha256": "0" * 64, "architecture": architecture, "units": units,
            "extractor": extractor, "extractor_sha256": "1" * 64, "extractor_bytes": EXTRACTORS[extractor], "runtime": "litert",
        },
        "data": {
            "name": "data", "split": "test", "ucf101_split_1": ucf101_split_1, "clips": len(predictions.clips),
            "groups": measured["bootstrap"]["groups"], "classes": len(predictions.labels), "unreadable": [],
        },
        "labels": list(predictions.labels),
        **measured,
    }  # fmt: skip
    write_predictions(predictions, folder / PREDICTIONS_NAME, k=2)
    write_json(folder / METRICS_NAME, metrics)
    return folder
