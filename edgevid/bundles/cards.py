"""Cards: the JSON beside a model that describes it. Read with care, because people write and copy them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..errors import BundleError
from ..support.checks import MOST_NUMBER, is_number, is_text, shown
from ..support.files import read_text

CARD_NAME = "card.json"
BUNDLE_FORMAT = 2
EXTRACTOR_FORMAT = 1
# kind of a card -> its formats that this version reads
_READABLE = {"bundle": (1, BUNDLE_FORMAT), "extractor": (EXTRACTOR_FORMAT,)}


def read_card(path: Path, kind: str) -> dict[str, Any]:
    """A card's content.

    Raises:
        BundleError: it cannot be read, is of another kind, or has an unsupported format.
    """
    try:
        card = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise BundleError(f"The card {path} cannot be read: {error}. Copy it again.") from error
    if not isinstance(card, dict) or card.get("kind") != kind:
        raise BundleError(f"{path} is not the card of {'an' if kind[0] in 'aeiou' else 'a'} {kind}.")
    if card.get("format") not in list(_READABLE[kind]) or isinstance(card["format"], bool):
        raise BundleError(
            f"{path} has card format {shown(card.get('format'))}; this version of edgevid reads "
            f"{' and '.join(map(str, _READABLE[kind]))}. Upgrade edgevid."
        )
    return card


def verified_file(folder: Path, entry: dict[str, Any], card_path: Path) -> Path:
    """The file that a card's entry names, if its SHA-256 matches.

    Raises:
        BundleError: it is missing, damaged, or replaced.
    """
    name: str = card_field(entry, card_path, "file", str)
    if Path(name).name != name or "\0" in name or not is_text(name):
        raise BundleError(f"{card_path}: 'file' must be a file name without folders; got {shown(name)}.")
    path = folder / name
    if not path.is_file():
        raise BundleError(f"{card_path} names {name}, which is missing; copy the whole folder again.")
    expected, actual = card_field(entry, card_path, "sha256", str), sha256_of(path)
    if actual != expected:
        raise BundleError(
            f"{path} is damaged or was replaced: its SHA-256 is {actual[:12]}..., the card says {expected[:12]}... "
            "Copy it again, or reinstall edgevid."
        )
    return path


def card_field(card: dict[str, Any], path: Path, key: str, kind: type) -> Any:
    """A field of a card. Raises: BundleError: it is missing, or of another type."""
    value = card.get(key)
    if not isinstance(value, kind):
        raise BundleError(f"{path}: the field {key!r} must be a {kind.__name__}; got {shown(value)}.")
    return value


def card_number(card: dict[str, Any], path: Path, key: str, low: float = 0.0, high: float = MOST_NUMBER) -> float:
    """A field that is a number above 0, from ``low`` to ``high``. Raises: BundleError: it is not."""
    value: Any = card.get(key)
    if not is_number(value, low, high) or value <= 0:
        least = f"above 0, at most {high:g}" if low <= 0 else f"from {low:g} to {high:g}"
        raise BundleError(f"{path}: the field {key!r} must be a number {least}; got {shown(value)}.")
    return float(value)


def card_count(card: dict[str, Any], path: Path, key: str, high: int) -> int:
    """A field that is a whole number from 1 to ``high``. Raises: BundleError: it is not."""
    value = card_number(card, path, key, 1, high)
    if value != int(value):
        raise BundleError(f"{path}: the field {key!r} must be a whole number above 0; got {shown(card[key])}.")
    return int(value)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def listing(names: Collection[str]) -> str:
    """Names for a message."""
    return ", ".join(names) or "none"
