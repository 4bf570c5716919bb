"""The command ``edgevid``, and ``python -m edgevid``."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from .errors import EdgevidWarning
from .support.loading import ends_at_once

_format = warnings.formatwarning


def main() -> int:
    """Run the command line and return its exit code."""
    warnings.formatwarning = _for_people
    with ends_at_once():
        from .cli import main as run
    return run()


def _for_people(message: Any, category: type[Warning], *code: Any, **more: Any) -> str:
    """A warning of edgevid's own without the line of code that led to it, which is nothing to whoever typed a command."""
    return f"edgevid: {message}\n" if category is EdgevidWarning else _format(message, category, *code, **more)


if __name__ == "__main__":
    sys.exit(main())
