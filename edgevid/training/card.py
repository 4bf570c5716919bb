"""The card of a trained bundle: what it is and what it was trained on. ``packaging.py`` adds the measurements."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..bundles import BUNDLE_FORMAT, sha256_of
from ..bundles.writing import embedder_entries
from ..classifiers.opening import RECURRENT, WINDOWS
from ..datasets.clips import Clip
from ..datasets.taught import FIELD, seen_entry, sha256s
from .data import TrainingData, count_clips, group_names
from .export import CLASSIFIER_NAME, measure_speed
from .fit import Fitted
from .networks import SINGLE_FRAME, architecture_of, units_of
from .request import TrainingRequest
from .tuning import HyperParameters

# The packages that affect a trained network's weights, by the names of their distributions
_VERSIONS_OF = ("keras", "tensorflow", "tensorflow-cpu", "numpy", "opencv-python-headless", "opencv-python", "Pillow")


def make_card(
    request: TrainingRequest,
    data: TrainingData,
    settings: HyperParameters,
    recipe: dict[str, Any],
    fitted: Fitted,
    folder: Path,
) -> dict[str, Any]:
    """The card of the bundle whose classifier lies in ``folder``, in the form that :func:`edgevid.open_bundle` reads.

    It lacks ``window_seconds``, ``accuracy`` and ``calibration``. The classifier's speed is measured here.
    """
    options = {name: value for name, value in settings.as_dict().items() if value is not None}
    return {
        "format": BUNDLE_FORMAT,
        "kind": "bundle",
        "name": request.bundle_name,
        "edgevid_version": __version__,
        "labels": list(data.labels),
        "sampling": {"samples": data.config.num_samples},
        "classifier": classifier_entry(request, data, fitted, folder),
        "embedders": embedder_entries(data.config.entries),
        "training": {
            "data": request.data_description,
            "training": count_clips(data.of("train")),
            "validation": {**_held_out(data.of("validation")), "share": data.share},
            # clips held out here; those that the data set names are counted with their accuracy
            **({"test": _held_out(data.of("test"))} if data.division.test else {}),
            "clips_skipped": data.skipped,
            # validation clips too, because they chose the epoch
            FIELD: seen_entry(sha256s(clip for clip in data.clips if clip.split != "test")),
            "recipe": recipe,
            "options": {**options, **_units(fitted)},
            "optimizer": "Adam",
            "loss": "categorical cross-entropy",
            "epochs_run": fitted.epochs_run,
            "best_epoch": fitted.best_epoch,
            "versions": versions(),
            "command": request.command,
        },
        "accuracy": {},
        "licence": request.licence,
        **({"notes": list(request.notes)} if request.notes else {}),
    }


def classifier_entry(request: TrainingRequest, data: TrainingData, fitted: Fitted, folder: Path) -> dict[str, Any]:
    """The card's entry for the classifier whose file lies in ``folder``. Its speed is measured here."""
    path, architecture = folder / CLASSIFIER_NAME, architecture_of(fitted.network)
    return {
        "file": path.name,
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "kind": WINDOWS if architecture == SINGLE_FRAME else RECURRENT,
        "architecture": architecture,
        **_units(fitted),
        "dtype": request.classifier_dtype,
        "parameters": int(fitted.network.count_params()),
        "measured": measure_speed(path, data.config.num_samples),
    }


def _units(fitted: Fitted) -> dict[str, Any]:
    return {} if architecture_of(fitted.network) == SINGLE_FRAME else {"units": units_of(fitted.network)}


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that affect the weights."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS_OF:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _held_out(clips: Sequence[Clip]) -> dict[str, Any]:
    return {**count_clips(clips), "groups_held_out": group_names(clips)}
