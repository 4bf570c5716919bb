"""The options that choose embedders."""

from __future__ import annotations

import argparse
from typing import Any

from ..bundles import DEFAULT_EXTRACTOR
from ..embedders.opening import DEFAULT_KINDS, KINDS
from .options import names


def add_embedder_options(parser: Any) -> None:
    """``--extractor`` and ``--embedders``."""
    parser.add_argument(
        "--extractor", metavar="NAME",
        help=f"feature extractor of the embedders; see `edgevid models` (default: {DEFAULT_EXTRACTOR})",
    )  # fmt: skip
    parser.add_argument(
        "--embedders", type=kinds, default=DEFAULT_KINDS, metavar="KIND,...",
        help="what to embed at each sample, concatenated: cnn (the frame), frame-difference (its difference from the frame "
        "0.1 s earlier, which shows motion; one more run of the network) (default: cnn)",
    )  # fmt: skip


def kinds(text: str) -> tuple[str, ...]:
    """An option's value that names embedders."""
    found = names(text)
    if not found or not set(found) <= set(KINDS):
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected one or more of {', '.join(KINDS)}")
    return found
