"""The format of warnings in a terminal."""

from __future__ import annotations

import warnings
from typing import Any

from ..errors import EdgevidWarning
from .printable import printable

_format = warnings.formatwarning


def format_for_people() -> None:
    """From now on, print edgevid's warnings without the line of code, which means nothing to the user of a
    command.
    """
    warnings.formatwarning = _formatted


def _formatted(message: Any, category: type[Warning], *code: Any, **more: Any) -> str:
    text = printable(str(message))  # another library's may quote a label
    return f"edgevid: {text}\n" if category is EdgevidWarning else _format(text, category, *code, **more)
