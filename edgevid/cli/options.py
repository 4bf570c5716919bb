"""Options that several commands share."""

from __future__ import annotations

import argparse
import logging
import math
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Union

from ..bundles import DEFAULT_BUNDLE
from ..events import EventOptions
from ..loading import load
from ..recognizer import Recognizer
from ..support.checks import shown

DATA_HELP = (
    "folder with a folder of clips for each class; or a clips.csv, or a folder with one: columns path, label, and "
    "optionally group (clips of the same people or place) and split (train, validation, test); or UCF101 as published"
)
_MOST_DIGITS = 18
Arguments = Union[argparse.ArgumentParser, argparse._ArgumentGroup]


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """--bundle, --threshold, --enter, --threads, --runtime"""
    group = parser.add_argument_group("model")
    group.add_argument(
        "-b", "--bundle", default=DEFAULT_BUNDLE, metavar="BUNDLE",
        help="name of a shipped bundle, or path of a bundle folder (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--threshold", type=part, default=None, metavar="P",
        help="minimum confidence, 0 to 1, that the action is one of the bundle's; below it the answer is 'nothing recognised' "
        "(default: the bundle's, which 95 %% of its validation clips reach)",
    )  # fmt: skip
    group.add_argument(
        "--enter", type=positive_part, default=None, metavar="P",
        help="minimum score for an action to count as recognised and, in a stream, to begin "
        f"(default: the bundle's, else {EventOptions.enter})",
    )  # fmt: skip
    group.add_argument(
        "--threads",
        type=positive_int,
        default=None,
        metavar="N",
        help="CPU threads for the networks and OpenCV (default: number of CPUs, at most 4)",
    )
    group.add_argument(
        "--runtime", default=None, metavar="NAME",
        help="litert or tflite-runtime (default: the variable EDGEVID_RUNTIME, else the best one installed)",
    )  # fmt: skip


def add_ucf101_options(parser: Arguments) -> None:
    """--split-list, --splits: the split of UCF101. Other data sets do not use them."""
    parser.add_argument(
        "--split-list", type=int, choices=(1, 2, 3), default=1,
        help="UCF101: official train/test split to use (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--splits", type=Path, metavar="FOLDER",
        help="UCF101: folder of the official split lists (default: in DATA or beside it, also in ucfTrainTestlist)",
    )  # fmt: skip


def add_bootstrap_options(parser: Arguments) -> None:
    """--bootstrap, --seed"""
    from ..evaluation.significance import DEFAULT_RESAMPLES

    parser.add_argument(
        "--bootstrap", type=positive_int, default=DEFAULT_RESAMPLES, metavar="N",
        help="bootstrap resamples, of groups of clips (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="random seed (default: %(default)s)")


def load_recognizer(args: argparse.Namespace) -> Recognizer:
    """The recogniser that the options of :func:`add_model_options` ask for."""
    return load(args.bundle, num_threads=args.threads, runtime=args.runtime, threshold=args.threshold, enter=args.enter)


def repeatable_command(
    words: Sequence[str],
    args: argparse.Namespace,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    left_out: Sequence[str],
) -> str:
    """The command that reproduces the result. Paths of this machine are left out: they are of no use elsewhere.

    Args:
        words: the beginning of the command, including positional arguments.
        add_arguments: the command's function of that name, for the defaults of its options.
        left_out: names of options that do not change the result, or are in ``words``.
    """
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    command = ["edgevid", *words]
    for action in parser._actions:
        value = getattr(args, action.dest, action.default)
        if not action.option_strings or action.dest in left_out or value == action.default:
            continue
        values = value if isinstance(value, list) else [value]
        for one in values:
            command.append(action.option_strings[-1])
            if isinstance(one, Path):
                command.append(without_place(one))
            elif one is not True:
                command.append(",".join(one) if isinstance(one, tuple) else str(one))
    return shlex.join(command)


def without_place(path: Path) -> str:
    """A path as it was given; one outside the working folder is reduced to its name."""
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()


def prepare_keras() -> None:
    """Set what Keras and TensorFlow read when they are imported. A command may set it; the library sets no variable."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # The rounding of oneDNN's kernels differs between kinds of CPU, and they are no faster for these networks.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def positive_int(text: str) -> int:
    """An option's value that counts something: a whole number, 1 or more."""
    value = int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more; got {shown(text)}")
    return value


def positive_seconds(text: str) -> float:
    """An option's value that is a duration in seconds, above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0; got {text!r}")
    return value


def seconds(text: str) -> float:
    """An option's value that is a duration in seconds, 0 or more."""
    return 0.0 if _number(text) == 0 else positive_seconds(text)


def part(text: str) -> float:
    """An option's value from 0 to 1."""
    value = _number(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1; got {text!r}")
    return value


def positive_part(text: str) -> float:
    """An option's value above 0, up to 1."""
    value = _number(text)
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, up to 1; got {text!r}")
    return value


def names(text: str) -> tuple[str, ...]:
    """An option's value that is a list: what stands between its commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def seed(text: str) -> int:
    """An option's value that seeds a random generator."""
    if not (text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0; got {shown(text)}")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
