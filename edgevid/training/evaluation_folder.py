"""An evaluation on disk: what its folder says of the bundle, and how it is read again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..recognizer import Recognizer
from .evaluation import PREDICTIONS_NAME, EvaluationError, Predictions, read_predictions
from .networks import SINGLE_FRAME
from .thesis import NO_FIGURES, Figures, published

METRICS_NAME = "metrics.json"


@dataclass(frozen=True)
class Evaluation:
    """An evaluation's folder, read. Its clips are sorted by path.

    Attributes:
        is_twin: another one in the comparison has the same extractor, architecture and units.
    """

    name: str
    metrics: dict[str, Any]
    predictions: Predictions
    is_twin: bool = False

    @property
    def extractor(self) -> str:
        return str(self.metrics["bundle"]["extractor"])

    @property
    def architecture(self) -> str:
        return str(self.metrics["bundle"]["architecture"])

    @property
    def units(self) -> Optional[int]:
        """Size of the recurrent state; None of a single-frame classifier."""
        units: Optional[int] = self.metrics["bundle"].get("units")
        return units if self.architecture != SINGLE_FRAME else None

    @property
    def title(self) -> str:
        return f"{self.extractor} + {self.classifier}"

    @property
    def classifier(self) -> str:
        """Architecture and units, and the folder's name where that is not enough to tell it."""
        units = f" {self.units}" if self.units else ""
        return f"{self.architecture}{units}{f' ({self.name})' if self.is_twin else ''}"

    @property
    def thesis(self) -> Figures:
        """The thesis's accuracy, top-5, precision, recall and F1; only where they are of the same clips and classes."""
        if not self.metrics["data"].get("ucf101_split_1") or len(self.predictions.labels) != 101:
            return NO_FIGURES
        return published(self.extractor, self.architecture)


def bundle_entry(recognizer: Recognizer) -> dict[str, Any]:
    """What ``metrics.json`` says of the bundle."""
    bundle = recognizer.bundle
    classifier = bundle.card["classifier"]
    return {
        "name": bundle.name,
        "classifier_sha256": classifier["sha256"],
        "architecture": classifier.get("architecture", "unknown"),
        "units": classifier.get("units"),
        "parameters": classifier.get("parameters"),
        "extractor": bundle.extractor.name,
        "extractor_sha256": bundle.extractor.sha256,
        "extractor_bytes": bundle.extractor.path.stat().st_size,
        "classifier_bytes": bundle.classifier_path.stat().st_size,
        "window_seconds": bundle.window_seconds,
        "frames": bundle.num_frames,
        "runtime": recognizer.classifier.model.runtime.name,
    }


def read_evaluation(folder: Path) -> Evaluation:
    """What ``edgevid evaluate -o`` wrote.

    Raises:
        EvaluationError: it is missing or damaged.
    """
    path = folder / METRICS_NAME
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        if metrics["kind"] != "evaluation" or metrics["format"] != 1:
            raise ValueError("it is no evaluation of a form that this version of edgevid reads")
        for key in ("extractor", "architecture", "extractor_bytes"):
            metrics["bundle"][key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationError(
            f"{path} cannot be read: {error}. Expected a folder that `edgevid evaluate -o FOLDER` wrote."
        ) from error
    predictions = read_predictions(folder / PREDICTIONS_NAME)
    order = sorted(range(len(predictions.clips)), key=lambda i: predictions.clips[i].path)
    clips = tuple(predictions.clips[i] for i in order)
    return Evaluation(folder.name, metrics, Predictions(predictions.labels, clips, predictions.probabilities[order]))
