"""Extractors on disk: the networks of embedders, and where models lie.

An **extractor** is a ``.tflite`` file with a card of the same name beside it: inside a bundle's folder, among the shipped models,
or in the user's models folder. They are searched in this order, so that nothing in the user's folder can replace or break what
ships.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Optional

from ..errors import BundleError, OptionError
from ..support.checks import check_number, check_type, is_number, shown
from ..support.files import listed
from ..support.system import system_errors
from ..support.text import brief
from ..support.user_folders import data_folder
from .cards import CARD_NAME, card_field, listing, read_card, verified_file

DEFAULT_EXTRACTOR = "mobilenet_v2_1.0_224_uint8"
MODELS_VARIABLE = "EDGEVID_MODELS"


@dataclass(frozen=True, repr=False)
class ExtractorFile:
    """An extractor's file and its card."""

    name: str
    path: Path
    sha256: str
    card: dict[str, Any]

    def __repr__(self) -> str:
        return brief(self, repr(self.name), str(self.path))

    def verified(self) -> ExtractorFile:
        """Verify it and return it. Raises: BundleError: the file is missing, damaged, or not the card's."""
        verified_file(self.path.parent, self.card, self.path.with_suffix(".json"))
        return self

    @property
    def input_range(self) -> tuple[float, float]:
        """The values of pixels 0 and 255 for a network with a float32 input."""
        entry = self.card.get("input", {})
        given = entry.get("range", [-1.0, 1.0]) if isinstance(entry, dict) else entry
        if not (isinstance(given, list) and len(given) == 2 and all(is_number(end, -1e6, 1e6) for end in given)):
            raise BundleError(
                f"The card of {self.path.name}: 'range' must be two numbers, such as [-1, 1]; got {shown(given)}."
            )
        return float(given[0]), float(given[1])

    @property
    def scene_cut_threshold(self) -> Optional[float]:
        """Distance of its embeddings at a cut, a cosine distance; None if its card has none."""
        if "scene_cut" not in self.card:
            return None
        entry = self.card["scene_cut"]
        try:
            threshold = entry.get("threshold") if isinstance(entry, dict) else None
            return check_number("threshold", threshold, 0, 2, above_low=True)
        except OptionError as error:
            raise BundleError(
                f"The card of {self.path.name}: 'scene_cut' must have a threshold above 0, at most 2; got {shown(entry)}."
            ) from error


def models_folder() -> Path:
    """The shipped models: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def user_models_folder() -> Path:
    """The user's own models folder, which may not exist: the variable ``EDGEVID_MODELS``, else in the user's data folder."""
    try:
        if os.environ.get(MODELS_VARIABLE):
            return Path(os.environ[MODELS_VARIABLE]).expanduser()
        return data_folder() / "models"
    except RuntimeError as error:
        raise OptionError(
            f"No home folder is known ({error}); set {MODELS_VARIABLE} to the folder of your models."
        ) from error


def shipped_extractors() -> list[ExtractorFile]:
    """The extractors that came with edgevid (not verified)."""
    return list(_extractors_in(models_folder()))


def user_extractors() -> list[ExtractorFile]:
    """The extractors in the user's models folder (not verified), read on each call. Those with broken cards are left out."""
    return list(_extractors_in(user_models_folder(), skip_broken=True))


@system_errors(BundleError)
def find_extractor(name: Optional[str] = None) -> ExtractorFile:
    """An extractor by name (default: the whole MobileNetV2), shipped or in the user's models folder, verified."""
    name = DEFAULT_EXTRACTOR if name is None else check_type("extractor", name, str)
    found = []
    for extractor in _everywhere():
        if extractor.name == name:
            return extractor.verified()
        found.append(extractor.name)
    raise BundleError(
        f"No extractor {shown(name)}; there are: {listing(found)}. `edgevid import-extractor` makes one "
        f"from a TFLite image classifier and puts it into {user_models_folder()}."
    )


def find_network(name: str, sha256: str, folder: Path) -> ExtractorFile:
    """The verified extractor with this SHA-256 that a bundle in ``folder`` was trained with."""
    found = []
    for extractor in chain(_extractors_in(folder), _everywhere()):
        if extractor.sha256 == sha256:
            return extractor.verified()
        found.append(f"{extractor.name} {extractor.sha256[:12]}")
    raise BundleError(
        f"The bundle {folder} was trained with the extractor {name}, SHA-256 {sha256[:12]}..., which is not here "
        f"(found: {listing(found)}). Copy that extractor's .tflite and .json into the bundle's folder, or train the bundle again."
    )


def _everywhere() -> Iterator[ExtractorFile]:
    yield from shipped_extractors()
    yield from user_extractors()


def _extractors_in(folder: Path, *, skip_broken: bool = False) -> Iterator[ExtractorFile]:
    for card_path in listed(folder, "*.json"):
        # reports and other files may lie beside the models: only a file that describes a model beside it is a card
        if card_path.name == CARD_NAME or not card_path.with_suffix(".tflite").is_file():
            continue
        try:
            card = read_card(card_path, "extractor")
            name, file, sha256 = (card_field(card, card_path, key, str) for key in ("name", "file", "sha256"))
        except BundleError:
            if skip_broken:
                continue
            raise
        yield ExtractorFile(name, card_path.parent / file, sha256, card)
