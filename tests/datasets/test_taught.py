"""Which clips a bundle was made from, according to its card."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from edgevid.datasets.clips import Clip
from edgevid.datasets.taught import FIELD, among, seen_entry, seen_of, sha256s


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    found = []
    for number in range(4):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(bytes([number]) * 10)
        found.append(Clip(path, "x", str(number)))
    return found


def card_with(entry: Any) -> dict[str, Any]:
    return {"training": {FIELD: entry}}


def test_clips_are_known_again_wherever_they_lie(clips: list[Clip], tmp_path: Path):
    entry = json.loads(json.dumps(seen_entry([*sha256s(clips[:2]), "", "a name"])))
    assert entry["clips"] == 2
    seen = seen_of(card_with(entry))
    assert seen == {hashlib.sha256(bytes([number]) * 10).hexdigest()[:12] for number in (0, 1)}
    moved = clips[1].path.rename(tmp_path / "other name.mp4")
    given = [clips[0], Clip(moved, "y", "z"), clips[2], Clip(tmp_path / "gone", "x", "1")]
    assert among(given, seen) == [True, True, False, False]
    assert among(given, frozenset()) == [False] * 4


def test_an_entry_is_small():
    entry = seen_entry(hashlib.sha256(str(number).encode()).hexdigest() for number in range(528))
    assert len(json.dumps(entry)) < 4400


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"training": None},
        card_with(None),
        card_with({}),
        card_with({"sha256_starts": 5, "bytes_each": 6}),
        card_with({"sha256_starts": "?", "bytes_each": 6}),
        card_with({"sha256_starts": "AAAA", "bytes_each": "6"}),
        card_with({"sha256_starts": "AAAA", "bytes_each": 0}),
        card_with({"sha256_starts": "AAAA", "bytes_each": 10**9}),
    ],
)
def test_a_card_that_does_not_say(card: dict[str, Any]):
    assert seen_of(card) is None


def test_a_part_of_a_digest_at_the_end_does_no_harm(clips: list[Clip]):
    text = base64.b64encode(hashlib.sha256(bytes(10)).digest()[:6] + b"xx").decode()
    seen = seen_of(card_with({"sha256_starts": text, "bytes_each": 6}))
    assert seen is not None
    assert among(clips, seen).count(True) <= 1
