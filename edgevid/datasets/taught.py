"""Records in a bundle's card which clips it was made from, to recognise them later, wherever their files are then."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from ..bundles import sha256_of
from .clips import Clip

FIELD = "clips_seen"  # of a card's "training"
# Digits of a file's SHA-256: two of 10,000 clips have the same by chance once in five million bundles.
_BYTES = 6
_SHA256_DIGITS = 64


def seen_entry(sha256s: Iterable[str]) -> dict[str, Any]:
    """The card's entry, from the SHA-256 of each clip's file; invalid digests are skipped."""
    starts = {bytes.fromhex(sha256[: 2 * _BYTES]) for sha256 in sha256s if len(sha256) == _SHA256_DIGITS}
    text = base64.b64encode(b"".join(sorted(starts))).decode("ascii")
    return {"clips": len(starts), "bytes_each": _BYTES, "sha256_starts": text}


def seen_of(card: Mapping[str, Any]) -> Optional[frozenset[str]]:
    """Prefixes of the SHA-256 of the clips that a bundle was made from; None: its card does not say."""
    training = card.get("training")
    entry = training.get(FIELD) if isinstance(training, dict) else None
    if not isinstance(entry, dict) or not isinstance(entry.get("sha256_starts"), str):
        return None
    size = entry.get("bytes_each")
    if not isinstance(size, int) or not 4 <= size <= _SHA256_DIGITS // 2:
        return None
    try:
        joined = base64.b64decode(entry["sha256_starts"], validate=True)
    except (ValueError, binascii.Error):
        return None
    return frozenset(joined[start : start + size].hex() for start in range(0, len(joined), size))


def among(clips: Sequence[Clip], seen: frozenset[str]) -> list[bool]:
    """For each clip, whether a bundle was made from it; False if it cannot be read."""
    digits = max(map(len, seen), default=0)
    return [bool(seen) and _sha256(clip)[:digits] in seen for clip in clips]


def sha256s(clips: Iterable[Clip]) -> list[str]:
    """SHA-256 of the clips' files, "" if one cannot be read."""
    return [_sha256(clip) for clip in clips]


def _sha256(clip: Clip) -> str:
    try:
        return sha256_of(clip.path)
    except OSError:
        return ""
