"""Counts wrong tokens for each address, to stop guessing."""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Sequence

MOST, SECONDS = 10, 60.0
_MOST_PARTIES = 4096


class Guesses:
    """The same wrong token again is no new guess: a page left open with an old token may ask as often as it likes."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, dict[bytes, float]] = OrderedDict()  # party -> tokens, when they were given

    def wait_seconds(self, party: str, tokens: Sequence[str]) -> int:
        """How long ``party`` must wait before any of these tokens is checked; 0: not at all."""
        wrong = self._recent(party)
        if len(wrong) < MOST or all(_digest(token) in wrong for token in tokens):
            return 0
        return math.ceil(sorted(wrong.values())[-MOST] + SECONDS - time.monotonic()) or 1

    def note(self, party: str, tokens: Sequence[str]) -> None:
        """Record that all of these tokens were wrong."""
        wrong = self._recent(party)
        for token in tokens:
            wrong.setdefault(_digest(token), time.monotonic())
        self._wrong[party] = wrong
        self._wrong.move_to_end(party)
        if len(self._wrong) > _MOST_PARTIES:
            self._wrong.popitem(last=False)

    def _recent(self, party: str) -> dict[bytes, float]:
        since = time.monotonic() - SECONDS
        return {digest: at for digest, at in self._wrong.get(party, {}).items() if at > since}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
