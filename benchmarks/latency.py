"""How fast edgevid is on this board: `edgevid benchmark` from a checkout, without installing it.

    python benchmarks/latency.py [--json FILE] [--check benchmarks/reference/boards.csv]

Takes the options of `edgevid benchmark --help`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from edgevid.cli import main

if __name__ == "__main__":
    sys.exit(main(["benchmark", *sys.argv[1:]]))
