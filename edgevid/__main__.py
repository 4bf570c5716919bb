"""The command ``edgevid``, and ``python -m edgevid``."""

from __future__ import annotations

import sys

from .support.loading import ends_at_once


def main() -> int:
    """Run the command line and return its exit code."""
    with ends_at_once():
        from .cli import main as run
        from .support.warned import format_for_people
    format_for_people()
    return run()


if __name__ == "__main__":
    sys.exit(main())
