"""Bundles and extractors on disk: find them, verify them, say what is wrong with them.

A **bundle** is a folder with ``card.json`` and the classifier's ``.tflite``. Its card names the extractor that it was trained
with by SHA-256. An **extractor** is a ``.tflite`` with a card of the same name beside it: inside the bundle's folder,
among the shipped models, or in the user's models folder. They are searched in this order, so that nothing in the user's
folder can change or break what ships.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Optional, Union

from ..classifiers.calibration import Calibration
from ..errors import BundleError, OptionError
from ..support.user_folders import data_folder

DEFAULT_BUNDLE = "exercises10"
DEFAULT_EXTRACTOR = "mobilenet_v2_1.0_224_uint8"
CARD_NAME = "card.json"
CARD_FORMAT = 1
MODELS_VARIABLE = "EDGEVID_MODELS"
# What a sample is made of. A card may name others one day; this version knows only the frame itself.
KNOWN_PICTURES = ["frame"]


@dataclass(frozen=True)
class ExtractorFile:
    """A verified extractor file and its card."""

    name: str
    path: Path
    sha256: str
    card: dict[str, Any]

    @property
    def input_range(self) -> tuple[float, float]:
        """What pixels 0 and 255 become for a network with a float32 input."""
        given = self.card.get("input", {}).get("range", [-1.0, 1.0])
        if not (isinstance(given, list) and len(given) == 2 and all(isinstance(end, (int, float)) for end in given)):
            raise BundleError(
                f"The card of {self.path.name}: 'range' must be two numbers, such as [-1, 1]; got {given!r}."
            )
        return float(given[0]), float(given[1])


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Attributes:
        window_seconds: what a window of a stream spans, unless the caller says otherwise.
        num_frames: embeddings in a window.
        card: the whole card: training data, measured accuracy, licence and the rest.
        calibration: of its scores; the defaults where the card says nothing of it.
    """

    name: str
    folder: Path
    labels: tuple[str, ...]
    num_frames: int
    window_seconds: float
    classifier_path: Path
    extractor: ExtractorFile
    card: dict[str, Any]
    calibration: Calibration = field(default_factory=Calibration)


def models_folder() -> Path:
    """The shipped models: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def user_models_folder() -> Path:
    """The user's own models, which need not exist: the variable ``EDGEVID_MODELS``, else below the user's data folder."""
    try:
        if os.environ.get(MODELS_VARIABLE):
            return Path(os.environ[MODELS_VARIABLE]).expanduser()
        return data_folder() / "models"
    except RuntimeError as error:
        raise OptionError(
            f"No home folder is known ({error}); set {MODELS_VARIABLE} to the folder of your models."
        ) from error


def shipped_bundles() -> list[str]:
    """Names of the bundles that :func:`open_bundle` finds without a path."""
    return sorted(card.parent.name for card in models_folder().glob(f"*/{CARD_NAME}"))


def shipped_extractors() -> list[ExtractorFile]:
    """The extractors that came with edgevid (not verified)."""
    return list(_extractors_in(models_folder()))


def user_bundles() -> list[str]:
    """Names of the bundles in the user's models folder."""
    return sorted(card.parent.name for card in user_models_folder().glob(f"*/{CARD_NAME}"))


def user_extractors() -> list[ExtractorFile]:
    """The extractors in the user's models folder (not verified). Those whose cards cannot be read are left out."""
    return list(_own_extractors())


def open_bundle(name_or_path: Union[str, Path] = DEFAULT_BUNDLE) -> Bundle:
    """Find and verify a bundle.

    Args:
        name_or_path: the name of a shipped bundle, or the path of a bundle's folder or card.

    Raises:
        BundleError: not there, damaged, incomplete, or its extractor is not here.
    """
    folder = _find_folder(name_or_path)
    card_path = folder / CARD_NAME
    card = _read_card(card_path, "bundle")
    labels = _field(card, card_path, "labels", list)
    if not labels or not all(isinstance(label, str) and label for label in labels) or len(set(labels)) != len(labels):
        raise BundleError(f"{card_path}: 'labels' must be different, non-empty strings; got {labels!r}.")
    sampling = _field(card, card_path, "sampling", dict)
    if sampling.get("pictures") != KNOWN_PICTURES:
        raise BundleError(
            f"{card_path}: its samples are made of {sampling.get('pictures')!r}; this version of edgevid makes "
            f"{KNOWN_PICTURES!r}. The bundle was written by edgevid {card.get('edgevid_version')}: upgrade to it."
        )
    window_seconds = _number(sampling, card_path, "window_seconds")
    num_frames = _number(sampling, card_path, "frames")
    if num_frames != int(num_frames):
        raise BundleError(f"{card_path}: the field 'frames' must be a whole number above 0; got {num_frames!r}.")
    classifier = _field(card, card_path, "classifier", dict)
    wanted = _field(card, card_path, "extractor", dict)
    return Bundle(
        name=_field(card, card_path, "name", str),
        folder=folder,
        labels=tuple(labels),
        num_frames=int(num_frames),
        window_seconds=window_seconds,
        classifier_path=_verified(folder, classifier, card_path),
        extractor=_find_extractor(
            _field(wanted, card_path, "name", str), _field(wanted, card_path, "sha256", str), folder
        ),
        card=card,
        calibration=_calibration(card, card_path),
    )


def find_extractor(name: Optional[str] = None) -> ExtractorFile:
    """An extractor by name (default: the shipped bundle's), shipped or in the user's models folder, verified."""
    name = DEFAULT_EXTRACTOR if name is None else name
    found = []
    for extractor in chain(_extractors_in(models_folder()), _own_extractors()):
        found.append(extractor)
        if extractor.name == name:
            _verified(extractor.path.parent, extractor.card, extractor.path.with_suffix(".json"))
            return extractor
    raise BundleError(
        f"No extractor {name!r}; there are: {_listing(e.name for e in found)}. `edgevid import-extractor` makes one of "
        f"a TFLite image classifier and puts it into {user_models_folder()}."
    )


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _find_folder(name_or_path: Union[str, Path]) -> Path:
    path = Path(name_or_path)
    with contextlib.suppress(OSError):  # a name that no file can have
        if path.is_file() and path.name == CARD_NAME:
            return path.parent
        if (path / CARD_NAME).is_file():
            return path
        shipped = models_folder() / path
        if len(path.parts) == 1 and (shipped / CARD_NAME).is_file():
            return shipped
        own = user_models_folder() / path
        if len(path.parts) == 1 and (own / CARD_NAME).is_file():
            return own
        if path.exists():
            raise BundleError(
                f"{path} is not a bundle; expected a folder that holds {CARD_NAME}, as `edgevid train` writes."
            )
    raise BundleError(
        f"No bundle {str(name_or_path)!r}; give the path of a bundle's folder, or the name of one: "
        f"{_listing([*shipped_bundles(), *user_bundles()])}."
    )


def _find_extractor(name: str, sha256: str, folder: Path) -> ExtractorFile:
    candidates = []
    for extractor in chain(_extractors_in(folder), _extractors_in(models_folder()), _own_extractors()):
        candidates.append(extractor)
        if extractor.sha256 == sha256:
            _verified(extractor.path.parent, extractor.card, extractor.path.with_suffix(".json"))
            return extractor
    here = "; ".join(f"{e.name} {e.sha256[:12]}" for e in candidates) or "none"
    raise BundleError(
        f"The bundle {folder} was trained with the extractor {name}, SHA-256 {sha256[:12]}..., which is not here "
        f"(found: {here}). Copy that extractor's .tflite and .json into the bundle's folder, or train the bundle again."
    )


def _extractors_in(folder: Path) -> Iterator[ExtractorFile]:
    return map(_extractor_at, _extractor_cards(folder))


def _own_extractors() -> Iterator[ExtractorFile]:
    """Those in the user's models folder, which is read only when this is reached. A broken card is passed over."""
    for card_path in _extractor_cards(user_models_folder()):
        with contextlib.suppress(BundleError):
            yield _extractor_at(card_path)


def _extractor_cards(folder: Path) -> Iterator[Path]:
    for card_path in sorted(folder.glob("*.json")):
        # reports and the like may lie beside the models: a card is one that describes a model beside it
        if card_path.name != CARD_NAME and card_path.with_suffix(".tflite").is_file():
            yield card_path


def _extractor_at(card_path: Path) -> ExtractorFile:
    card = _read_card(card_path, "extractor")
    return ExtractorFile(
        name=_field(card, card_path, "name", str),
        path=card_path.parent / _field(card, card_path, "file", str),
        sha256=_field(card, card_path, "sha256", str),
        card=card,
    )


def _read_card(path: Path, kind: str) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"The card {path} cannot be read: {error}. Copy it again.") from error
    if not isinstance(card, dict) or card.get("kind") != kind:
        raise BundleError(f"{path} is not the card of {'an' if kind[0] in 'aeiou' else 'a'} {kind}.")
    if card.get("format") != CARD_FORMAT:
        raise BundleError(
            f"{path} has card format {card.get('format')!r}; this version of edgevid reads {CARD_FORMAT}. Upgrade edgevid."
        )
    return card


def _verified(folder: Path, entry: dict[str, Any], card_path: Path) -> Path:
    """The file that a card's entry names, once its SHA-256 is the card's."""
    name: str = _field(entry, card_path, "file", str)
    if Path(name).name != name:
        raise BundleError(f"{card_path}: 'file' must be a file name without folders; got {name!r}.")
    path = folder / name
    if not path.is_file():
        raise BundleError(f"{card_path} names {name}, which is missing; copy the whole folder again.")
    expected, actual = _field(entry, card_path, "sha256", str), sha256_of(path)
    if actual != expected:
        raise BundleError(
            f"{path} is damaged or was replaced: its SHA-256 is {actual[:12]}..., the card says {expected[:12]}... "
            "Copy it again, or reinstall edgevid."
        )
    return path


def _field(card: dict[str, Any], path: Path, key: str, kind: type) -> Any:
    value = card.get(key)
    if not isinstance(value, kind):
        raise BundleError(f"{path}: the field {key!r} must be a {kind.__name__}; got {value!r}.")
    return value


def _number(card: dict[str, Any], path: Path, key: str) -> float:
    value = card.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise BundleError(f"{path}: the field {key!r} must be a number above 0; got {value!r}.")
    return value


def _calibration(card: dict[str, Any], path: Path) -> Calibration:
    if "calibration" not in card:
        return Calibration()
    entry = _field(card, path, "calibration", dict)
    try:
        return Calibration(entry.get("temperature"), entry.get("unknown_threshold"))
    except OptionError as error:
        raise BundleError(
            f"{path}: the field 'calibration' is wrong: {error} Copy the bundle again, or remove the field: scores are then "
            "those of the network, and each is accepted."
        ) from error


def _listing(names: Any) -> str:
    return ", ".join(names) or "none"
