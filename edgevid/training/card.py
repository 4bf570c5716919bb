"""The card of a trained bundle: what it is, what it was trained on, how well it does."""

from __future__ import annotations

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from .. import __version__
from ..bundles.bundle import CARD_FORMAT, KNOWN_PICTURES, ExtractorFile, sha256_of
from ..sampling import FRAMES_PER_CLIP
from .dataset import Clip
from .export import CLASSIFIER_NAME
from .fit import Fitted
from .footprint import measure_footprint
from .metrics import Metrics
from .networks import architecture_of, units_of
from .tuning import Settings

# What decides a trained network's weights, by the names of their distributions
_VERSIONS_OF = ("keras", "tensorflow", "tensorflow-cpu", "numpy", "opencv-python-headless", "opencv-python", "Pillow")


def make_card(
    *,
    name: str,
    labels: Sequence[str],
    num_frames: int,
    window_seconds: float,
    extractor: ExtractorFile,
    classifier: dict[str, Any],
    training: dict[str, Any],
    accuracy: dict[str, Any],
    licence: str,
) -> dict[str, Any]:
    """The whole card, in the form that :func:`edgevid.open_bundle` reads."""
    return {
        "format": CARD_FORMAT,
        "kind": "bundle",
        "name": name,
        "edgevid_version": __version__,
        "labels": list(labels),
        "sampling": {"frames": num_frames, "pictures": KNOWN_PICTURES, "window_seconds": window_seconds},
        "classifier": classifier,
        "extractor": {"name": extractor.name, "sha256": extractor.sha256},
        "training": training,
        "accuracy": accuracy,
        "licence": licence,
    }


def classifier_entry(folder: Path, fitted: Fitted, dtype: str, parity: float) -> dict[str, Any]:
    """What the card says of the classifier's file in a bundle's folder; its time and memory are measured here."""
    path = folder / CLASSIFIER_NAME
    return {
        "file": path.name,
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "architecture": architecture_of(fitted.network),
        **_units(fitted),
        "dtype": dtype,
        "parameters": int(fitted.network.count_params()),
        "parity_max_abs_difference": parity,
        "measured": measure_footprint(path, FRAMES_PER_CLIP),
    }


def training_entry(
    *,
    data: str,
    training: Sequence[Clip],
    validation: Sequence[Clip],
    validation_share: float,
    skipped: int,
    test: Sequence[Clip],
    settings: Settings,
    recipe: dict[str, Any],
    fitted: Fitted,
    command: str,
) -> dict[str, Any]:
    """What the card says of the data and of how the network was trained."""
    return {
        "data": data,
        "training": count_clips(training),
        "validation": {
            **count_clips(validation),
            "share": validation_share,
            "groups_held_out": group_names(validation),
        },
        # held out here; those that the data set names are counted with their accuracy
        **({"test": {**count_clips(test), "groups_held_out": group_names(test)}} if test else {}),
        "clips_skipped": skipped,
        "recipe": recipe,
        "options": {**{k: v for k, v in settings.as_dict().items() if v is not None}, **_units(fitted)},
        "optimizer": "Adam",
        "loss": "categorical cross-entropy",
        "epochs_run": fitted.epochs_run,
        "best_epoch": fitted.best_epoch,
        "versions": versions(),
        "command": command,
    }


def accuracy_entry(metrics: Metrics, note: Optional[str] = None, frames: Optional[Metrics] = None) -> dict[str, Any]:
    """What the card says of a measurement of clips, and of their frames one by one."""
    entry = {**metrics.as_dict(), **({"note": note} if note else {})}
    if frames is not None:
        entry["frames"] = {key: value for key, value in frames.as_dict().items() if key not in ("recall", "confusion")}
    return entry


def count_clips(clips: Sequence[Clip]) -> dict[str, Any]:
    """Clips, groups (of a class each) and clips of each class."""
    return {
        "clips": len(clips),
        "groups": len({(clip.label, clip.group) for clip in clips}),
        "clips_per_class": dict(sorted(Counter(clip.label for clip in clips).items())),
    }


def _units(fitted: Fitted) -> dict[str, int]:
    units = units_of(fitted.network)
    return {} if units is None else {"units": units}


def group_names(clips: Sequence[Clip]) -> list[str]:
    """The names of groups, numbers in the order of numbers; none where each clip is its own group (names are paths then)."""
    names = {clip.group for clip in clips}
    if len(names) == len(clips):
        return []
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the weights, of those that are installed."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS_OF:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
