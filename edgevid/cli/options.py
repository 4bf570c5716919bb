"""Options that several commands share."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Union

from ..bundles.bundle import DEFAULT_BUNDLE
from ..recognizer import Recognizer, load
from .native_log import without_chatter

Arguments = Union[argparse.ArgumentParser, argparse._ArgumentGroup]


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """--bundle, --threshold, --threads, --runtime"""
    group = parser.add_argument_group("model")
    group.add_argument(
        "-b", "--bundle", default=DEFAULT_BUNDLE, metavar="BUNDLE",
        help="name of a shipped bundle, or path of a bundle's folder (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--threshold", type=part, default=None, metavar="P",
        help="score from 0 to 1 from which on a prediction counts as accepted; others are marked, as none of the actions "
        "(default: the bundle's, which 95 %% of its validation clips reach)",
    )  # fmt: skip
    group.add_argument(
        "--threads", type=positive_int, default=None, metavar="N", help="interpreter threads (default: CPUs, at most 4)"
    )
    group.add_argument(
        "--runtime", default=None, metavar="NAME",
        help="litert or tflite-runtime (default: the variable EDGEVID_RUNTIME, else the best present)",
    )  # fmt: skip


def add_ucf101_options(parser: Arguments) -> None:
    """--split-list, --splits: how UCF101 is divided. Other data sets have no use for them."""
    parser.add_argument(
        "--split-list", type=int, choices=(1, 2, 3), default=1,
        help="UCF101: which official division into training and test clips (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--splits", type=Path, metavar="FOLDER",
        help="UCF101: folder of the official lists (default: inside DATA or beside it, also in ucfTrainTestlist)",
    )  # fmt: skip


def load_recognizer(args: argparse.Namespace) -> Recognizer:
    """The recogniser that the options of :func:`add_model_options` ask for."""
    with without_chatter():
        return load(args.bundle, num_threads=args.threads, runtime=args.runtime, threshold=args.threshold)


def positive_int(text: str) -> int:
    """An option's value that counts something: 1 or more."""
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more; got {text!r}")
    return value


def positive_seconds(text: str) -> float:
    """An option's value that is a time span: seconds, above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0; got {text!r}")
    return value


def part(text: str) -> float:
    """An option's value from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1; got {text!r}")
    return value
