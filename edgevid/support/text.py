"""Text of limited width."""

from __future__ import annotations

from typing import Any

# A repr is one line, in a traceback and in a notebook.
_REPR_WIDTH = 160


def shorten(text: str, width: int, *, keep: str = "start") -> str:
    """Shorten ``text`` to ``width`` columns; dots mark the cut.

    >>> shorten("a_long_name", 6), shorten("a_long_name", 6, keep="end")
    ('a_l...', '...ame')
    """
    if len(text) <= width:
        return text
    if width <= 3:
        return text[:width]
    return text[: width - 3] + "..." if keep == "start" else "..." + text[len(text) - width + 3 :]


def brief(of: Any, *parts: str) -> str:
    """A short repr on one line: the class of ``of``, and the parts.

    >>> brief(3.5, "half", "of 7")
    'float(half, of 7)'
    """
    said = ", ".join(part for part in parts if part)
    said = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in said)
    return shorten(f"{type(of).__name__}({said}", _REPR_WIDTH) + ")"
