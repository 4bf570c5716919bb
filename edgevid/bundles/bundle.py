"""Bundles on disk: find and verify them, and report what is wrong with them.

A **bundle** is a folder with ``card.json`` and the classifier's file. Its card gives the labels, the sampling, the classifier,
and the embedders with their networks, identified by SHA-256.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional, Union

from ..calibration import Calibration
from ..errors import BundleError, OptionError
from ..support.checks import MAX_SAMPLES, MAX_WINDOW_SECONDS, MIN_WINDOW_SECONDS, shown
from ..support.files import as_path, listed
from ..support.system import system_errors
from ..support.text import brief
from .cards import CARD_NAME, card_count, card_field, card_number, listing, read_card, verified_file
from .networks import ExtractorFile, find_network, models_folder, user_models_folder

DEFAULT_BUNDLE = "exercises10"
UNIFORM, WINDOWS = "uniform", "windows"
MIXTURE = "mixture"


@dataclass(frozen=True, repr=False)
class EmbedderEntry:
    """An embedder in a card.

    Attributes:
        kind: its kind.
        network: its verified network; None: it has none.
        options: the rest of its identity: what its embeddings depend on.
    """

    kind: str
    network: Optional[ExtractorFile]
    options: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return brief(self, self.kind, "" if self.network is None else self.network.name)

    @property
    def identity(self) -> dict[str, Any]:
        """As :attr:`edgevid.embedders.Embedder.identity`, without the runtime."""
        network = {} if self.network is None else {"network": self.network.sha256}
        return {"kind": self.kind, **network, **self.options}


@dataclass(frozen=True, repr=False)
class ClassifierEntry:
    """The classifier in a card.

    Attributes:
        kind: "recurrent", "windows", "statistics", or "mixture" of some of these.
        files: its verified file; for a mixture those of its parts.
        parts: the parts of a mixture.
        weight: weight of a part, 0 or more.
        min_samples: number of samples in the shortest window that a recurrent network reads as it is; None: in a full one.
    """

    kind: str
    files: tuple[Path, ...]
    parts: tuple[ClassifierEntry, ...] = ()
    weight: float = 1.0
    min_samples: Optional[int] = None

    def __repr__(self) -> str:
        return brief(self, self.kind, *(part.kind for part in self.parts))

    @property
    def size(self) -> int:
        """Total size of the files in bytes."""
        return sum(file.stat().st_size for file in self.files)


@dataclass(frozen=True, repr=False)
class Bundle:
    """A verified bundle.

    Attributes:
        num_samples: embeddings in a window.
        window_seconds: default length of a stream's window.
        clips: how to classify a finished clip: "uniform", with samples spread over it; or "windows", like a stream over it,
            with the mean of its windows.
        min_filled: the part of a stream's window, 0 to 1, that must be filled before the first prediction.
        reset_on_cut: whether a stream starts a new scene at a cut by default.
        embedders: in the order of the classifier's inputs.
        card: the whole card: training data, measured accuracy, licence and the rest.
        calibration: calibration of its scores; the defaults if the card has none.
        none: whether the classifier has an extra last output: none of the labels.
        examples: the verified file of its examples, to extend it; None: it keeps none.
    """

    name: str
    folder: Path
    labels: tuple[str, ...]
    num_samples: int
    window_seconds: float
    embedders: tuple[EmbedderEntry, ...]
    classifier: ClassifierEntry
    card: dict[str, Any]
    calibration: Calibration = field(default_factory=Calibration)
    clips: str = UNIFORM
    min_filled: float = 1.0
    none: bool = False
    reset_on_cut: bool = False
    examples: Optional[Path] = None

    def __repr__(self) -> str:
        samples = f"{self.num_samples} samples in {self.window_seconds:g} s"
        return brief(
            self,
            repr(self.name),
            f"{len(self.labels)} labels",
            samples,
            f"{self.classifier.kind} classifier",
            str(self.folder),
        )

    @property
    def networks(self) -> list[ExtractorFile]:
        """The embedders' networks, each once."""
        found = {entry.network.sha256: entry.network for entry in self.embedders if entry.network is not None}
        return list(found.values())


def shipped_bundles() -> list[str]:
    """Names of the bundles that :func:`open_bundle` finds without a path."""
    return _bundles_in(models_folder())


def user_bundles() -> list[str]:
    """Names of the bundles in the user's models folder."""
    return _bundles_in(user_models_folder())


def _bundles_in(folder: Path) -> list[str]:
    return [card.parent.name for card in listed(folder, f"*/{CARD_NAME}")]


@system_errors(BundleError)
def open_bundle(name_or_path: Union[str, Path] = DEFAULT_BUNDLE) -> Bundle:
    """Find and verify a bundle.

    Args:
        name_or_path: the name of a shipped bundle, or the path of a bundle's folder or card.

    Raises:
        BundleError: missing, damaged, incomplete, or a network of its embedders is missing.
    """
    folder = _find_folder(name_or_path)
    path = folder / CARD_NAME
    card = _in_format_2(read_card(path, "bundle"), path)
    labels = card_field(card, path, "labels", list)
    if not labels or not all(isinstance(label, str) and label for label in labels) or len(set(labels)) != len(labels):
        raise BundleError(f"{path}: 'labels' must be different, non-empty strings; got {shown(labels)}.")
    sampling = card_field(card, path, "sampling", dict)
    window_seconds = card_number(sampling, path, "window_seconds", MIN_WINDOW_SECONDS, MAX_WINDOW_SECONDS)
    num_samples = card_count(sampling, path, "samples", MAX_SAMPLES)
    classifier = card_field(card, path, "classifier", dict)
    entries = card_field(card, path, "embedders", list)
    if not entries:
        raise BundleError(f"{path}: 'embedders' is empty; expected one or more.")
    return Bundle(
        name=card_field(card, path, "name", str),
        folder=folder,
        labels=tuple(labels),
        num_samples=num_samples,
        window_seconds=window_seconds,
        embedders=tuple(_embedder(entry, path) for entry in entries),
        classifier=_classifier(classifier, path, num_samples),
        card=card,
        calibration=_calibration(card, path),
        clips=_clips(sampling, path),
        min_filled=min(card_number(sampling, path, "min_filled"), 1.0) if "min_filled" in sampling else 1.0,
        none="none" in card and bool(card_field(card, path, "none", bool)),
        reset_on_cut="reset_on_cut" in sampling and card_field(sampling, path, "reset_on_cut", bool),
        examples=verified_file(folder, card_field(card, path, "examples", dict), path) if "examples" in card else None,
    )


def _in_format_2(card: dict[str, Any], path: Path) -> dict[str, Any]:
    """Convert a card of format 1, with one network of the frame and one kind of classifier, to format 2."""
    if card["format"] != 1:
        return card
    sampling = card_field(card, path, "sampling", dict)
    if sampling.get("pictures") != ["frame"]:
        raise BundleError(f"{path}: its samples are made of {shown(sampling.get('pictures'))}; expected ['frame'].")
    classifier = card_field(card, path, "classifier", dict)
    kind = "windows" if classifier.get("architecture") == "single-frame" else "recurrent"
    return {
        **card,
        "sampling": {"samples": sampling.get("frames"), "window_seconds": sampling.get("window_seconds")},
        "embedders": [{"kind": "cnn", "network": card_field(card, path, "extractor", dict)}],
        "classifier": {"kind": kind, **classifier},
    }


def _classifier(entry: dict[str, Any], path: Path, num_samples: int) -> ClassifierEntry:
    kind = card_field(entry, path, "kind", str)
    if kind == MIXTURE:
        parts = card_field(entry, path, "parts", list)
        if not parts or not all(isinstance(part, dict) and part.get("kind") != MIXTURE for part in parts):
            raise BundleError(f"{path}: 'parts' of a mixture must be one or more classifiers; got {shown(parts)}.")
        opened = tuple(
            replace(_classifier(part, path, num_samples), weight=card_number(part, path, "weight")) for part in parts
        )
        return ClassifierEntry(kind, tuple(file for part in opened for file in part.files), opened)
    least = None
    if "min_samples" in entry:
        least = card_count(entry, path, "min_samples", num_samples)
    return ClassifierEntry(kind, (verified_file(path.parent, entry, path),), min_samples=least)


def _clips(sampling: dict[str, Any], path: Path) -> str:
    clips = sampling.get("clips", UNIFORM)
    if clips not in (UNIFORM, WINDOWS):
        raise BundleError(
            f"{path}: 'clips' is {shown(clips)}; this edgevid knows {UNIFORM!r} and {WINDOWS!r}. Upgrade edgevid."
        )
    return str(clips)


def _embedder(entry: Any, path: Path) -> EmbedderEntry:
    if not isinstance(entry, dict):
        raise BundleError(f"{path}: an entry of 'embedders' must be a dict; got {shown(entry)}.")
    network = None
    if "network" in entry:
        wanted = card_field(entry, path, "network", dict)
        name, sha256 = (card_field(wanted, path, key, str) for key in ("name", "sha256"))
        network = find_network(name, sha256, path.parent)
    options = {key: value for key, value in entry.items() if key not in ("kind", "network")}
    return EmbedderEntry(card_field(entry, path, "kind", str), network, options)


def _find_folder(name_or_path: Union[str, Path]) -> Path:
    path = as_path("bundle", name_or_path)
    with contextlib.suppress(OSError, ValueError):  # a name that no file can have
        if path.is_file() and path.name == CARD_NAME:
            return path.parent
        if (path / CARD_NAME).is_file():
            return path
        for models in (models_folder(), user_models_folder()):
            if len(path.parts) == 1 and (models / path / CARD_NAME).is_file():
                return models / path
        if path.exists():
            raise BundleError(
                f"{path} is not a bundle; expected a folder with {CARD_NAME}, as `edgevid train` writes it."
            )
    raise BundleError(
        f"No bundle {shown(str(name_or_path))}; give the path of a bundle's folder, or the name of one: "
        f"{listing([*shipped_bundles(), *user_bundles()])}."
    )


def _calibration(card: dict[str, Any], path: Path) -> Calibration:
    if "calibration" not in card:
        return Calibration()
    entry = card_field(card, path, "calibration", dict)
    try:
        return Calibration(entry.get("temperature"), entry.get("unknown_threshold"))
    except OptionError as error:
        raise BundleError(
            f"{path}: the field 'calibration' is wrong: {error} Copy the bundle again, or remove the field: scores are then "
            "those of the network, and each is accepted."
        ) from error
