"""The options that choose embedders."""

from __future__ import annotations

import argparse
from typing import Any

from ..bundles import DEFAULT_EXTRACTOR
from ..embedders.opening import DEFAULT_KINDS, KINDS


def add_embedder_options(parser: Any) -> None:
    """``--extractor`` and ``--embedders``."""
    parser.add_argument(
        "--extractor", metavar="NAME",
        help=f"feature extractor of the embedders; see `edgevid models` (default: {DEFAULT_EXTRACTOR})",
    )  # fmt: skip
    parser.add_argument(
        "--embedders", type=_kinds, default=DEFAULT_KINDS, metavar="KIND,...",
        help="what to embed at each sample, concatenated: cnn (the frame), frame-difference (its difference from the frame "
        "0.1 s earlier, which shows motion; one more run of the network) (default: cnn)",
    )  # fmt: skip


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(part.strip() for part in text.split(","))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or len(set(kinds)) < len(kinds):
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected one or more of {', '.join(KINDS)}, each once")
    return kinds
