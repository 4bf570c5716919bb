"""Foreign text on a terminal: file names, labels, cards and errors may contain control sequences."""

from __future__ import annotations

import re

# Control characters (also the 8-bit ones), line separators, direction marks, lone surrogates
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    r"""``text`` on one line, with control characters escaped as in Python's repr.

    >>> printable("a\nb\x1b[2Jc"), printable("\u202egpj.exe"), printable("mañana")
    ('a\\nb\\x1b[2Jc', '\\u202egpj.exe', 'mañana')
    """
    return _OBEYED.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    number = ord(character)
    return _SHORT.get(character) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")
