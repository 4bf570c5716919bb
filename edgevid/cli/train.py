"""``edgevid train``: labelled clips -> a bundle."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Optional

from ..bundle import DEFAULT_EXTRACTOR
from ..errors import EdgevidError
from ..training.build import Trained, train_bundle
from ..training.division import DEFAULT_TEST_SHARE
from ..training.features import default_cache
from ..training.fit import FitOptions
from ..training.networks import ARCHITECTURES, NetworkOptions
from ..training.request import Request
from ..training.tuning import HYPER_PARAMETERS, RECIPES, SMALL
from .interrupts import interruptible
from .machine import usable_cpus
from .options import add_ucf101_options, positive_int
from .output import is_terminal, print_error, shorten, terminal_width

# What another person needs other values of, or none, to train the same
_OF_THIS_PLACE = ("data", "output", "run", "restart", "cache", "jobs", "overwrite", "help")
_EPILOG = f"""\
Of whole groups of clips (people, places, recordings), some are held out: about {DEFAULT_TEST_SHARE:.0%} of each class's
clips to test with, where the data names no test clips and each class has 5 groups or more; then 10 of 72 parts of the
rest to validate with, as in the thesis.

Below {SMALL:,} training clips, and unless hyper-parameters are given, size and learning rate are chosen by validation out
of a short list (--recipe auto). With --recipe thesis, what is not given is the thesis's.

The training is kept in the run folder as it goes. After an interruption the same command goes on and ends with the same
weights.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "data", type=Path, metavar="DATA",
        help="folder with a folder of clips for each class; or folder with clips.csv, or such a file: columns path, label, and "
        "optionally group (clips of the same people or place) and split (train, validation, test); or UCF101 as published",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="BUNDLE", help="folder to write the bundle to"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a bundle that is there")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="run folder (default: BUNDLE-run)")
    parser.add_argument("--restart", action="store_true", help="begin anew where the run folder holds a training")
    _add_data_options(parser.add_argument_group("data"))
    _add_hyper_parameters(
        parser.add_argument_group(
            "network and training",
            "The defaults are the thesis's, for about 10,000 clips; --recipe auto has others for few clips.",
        )
    )
    group = parser.add_argument_group("comparison of sizes")
    group.add_argument(
        "--compare-units", type=_ints, default=(), metavar="N,N,...",
        help="also train these sizes, and put their validation accuracies into the card",
    )  # fmt: skip
    group.add_argument(
        "--compare-validation", type=float, metavar="P",
        help="part of the training clips that the comparison holds out: more of them make it surer (default: as --validation)",
    )  # fmt: skip
    group.add_argument(
        "--compare-divisions", type=positive_int, default=1, metavar="N",
        help="divisions into training and validation clips that the comparison uses (default: %(default)s)",
    )  # fmt: skip
    group = parser.add_argument_group("card")
    group.add_argument("--name", metavar="NAME", help="of the bundle (default: the folder's)")
    group.add_argument(
        "--window-seconds", type=float, metavar="S",
        help="what a window of a stream spans (default: the median duration of the training clips)",
    )  # fmt: skip
    group.add_argument(
        "--description", default="", metavar="TEXT", help="what the data are (default: the folder's name)"
    )
    group.add_argument(
        "--note", action="append", default=[], metavar="TEXT", help="a remark; may be given several times"
    )
    group.add_argument("--licence", default="not stated", metavar="TEXT", help="of the weights (default: %(default)s)")


def _add_data_options(group: Any) -> None:
    group.add_argument(
        "--extractor", metavar="NAME", help=f"a feature extractor; see `edgevid models` (default: {DEFAULT_EXTRACTOR})"
    )
    group.add_argument(
        "--cache", type=Path, default=default_cache(), metavar="FOLDER", help="where embeddings are kept (default: %(default)s)"
    )  # fmt: skip
    group.add_argument(
        "-j", "--jobs", type=positive_int, metavar="N", help="processes that make the embeddings (default: CPUs)"
    )
    add_ucf101_options(group)
    group.add_argument(
        "--validation", type=float, metavar="P",
        help="part of the training clips to hold out, in whole groups (default: 10 %% of all clips where the data names test "
        "clips, else 10/72)",
    )  # fmt: skip
    group.add_argument(
        "--test", type=float, default=DEFAULT_TEST_SHARE, metavar="P",
        help="part of the clips to hold out for a test where the data names none; 0: none (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--evaluate-test",
        action="store_true",
        help="measure the finished bundle on the test clips that the data names; do it once, at the end",
    )


def _add_hyper_parameters(group: Any) -> None:
    shape, fit = NetworkOptions(), FitOptions()
    group.add_argument(
        "--recipe", choices=RECIPES,
        help=f"where values that are not given come from (default: auto below {SMALL:,} clips if none is given, else thesis)",
    )  # fmt: skip
    rows: list[tuple[str, Any, str, str]] = [
        ("units", int, "N", "size of the recurrent state (default: as many as an embedding has numbers)"),
        ("hidden-units", int, "N", f"of the dense layer before the last (default: {shape.hidden_units})"),
        ("dropout", float, "P", f"part of an embedding hidden from the recurrent layer (default: {shape.dropout})"),
        ("hidden-dropout", float, "P", f"the same for the last dense layer (default: {shape.hidden_dropout})"),
        ("slope", float, "R", f"of the LeakyReLU below 0 (default: {shape.slope})"),
        ("learning-rate", float, "R", f"of Adam (default: {fit.learning_rate})"),
        (
            "decay",
            float,
            "R",
            f"of the learning rate: it is divided by 1 + R times the steps done (default: {fit.decay})",
        ),
        ("epochs", int, "N", f"at most (default: {fit.epochs})"),
        ("patience", int, "N", f"stop after so many epochs without a lower validation loss (default: {fit.patience})"),
        ("batch-size", int, "N", f"clips, or frames for single-frame (default: {fit.batch_size})"),
        ("seed", int, "N", f"of all that is random (default: {fit.seed})"),
    ]
    group.add_argument(
        "--architecture", choices=ARCHITECTURES,
        help="gru, lstm, or single-frame: frames one by one, a window's probabilities are their mean (default: gru)",
    )  # fmt: skip
    for name, kind, metavar, text in rows:
        group.add_argument(f"--{name}", type=kind, metavar=metavar, help=text)


def run(args: argparse.Namespace) -> int:
    _prepare_environment()
    given = {name: getattr(args, name) for name in HYPER_PARAMETERS if getattr(args, name) is not None}
    request = Request(
        data=args.data,
        output=args.output,
        run=args.run,
        restart=args.restart,
        name=args.name,
        extractor=args.extractor,
        hyper_parameters=given,
        recipe=args.recipe,
        validation_share=args.validation,
        test_share=args.test,
        split_list=args.split_list,
        official_lists=args.splits,
        window_seconds=args.window_seconds,
        cache=args.cache,
        jobs=args.jobs or usable_cpus(),
        evaluate_test=args.evaluate_test,
        overwrite=args.overwrite,
        compare=args.compare_units,
        compare_share=args.compare_validation,
        divisions=args.compare_divisions,
        description=args.description,
        notes=tuple(args.note),
        licence=args.licence,
        command=command_of(args),
    )
    console = _Console()
    try:
        with interruptible():
            trained = train_bundle(request, console)
    except KeyboardInterrupt:
        console.clear()
        print_error("train", f"interrupted; the same command goes on with {request.run_folder}.")
        raise
    except EdgevidError:
        console.clear()
        raise
    console.clear()
    _print_summary(trained)
    return 0


def _prepare_environment() -> None:
    """What Keras and TensorFlow read when they are imported. A command may set it; the library sets no variable."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # oneDNN's kernels round in another order on each kind of CPU, and are no faster for these networks.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def command_of(args: argparse.Namespace) -> str:
    """The command that trains this bundle again. Where files lie here is left out: it is of no use elsewhere."""
    words = ["edgevid", "train", args.data.resolve().name, "-o", _without_place(args.output)]
    defaults = argparse.ArgumentParser()
    add_arguments(defaults)
    for action in defaults._actions:
        value = getattr(args, action.dest, action.default)
        if action.dest in _OF_THIS_PLACE or value == action.default:
            continue
        words += _option(action.option_strings[-1], _without_place(value) if isinstance(value, Path) else value)
    return shlex.join(words)


def _option(name: str, value: Any) -> list[str]:
    if value is True:
        return [name]
    if isinstance(value, list):
        return [word for item in value for word in (name, item)]
    return [name, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]


def _without_place(path: Path) -> str:
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()


def _ints(text: str) -> tuple[int, ...]:
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected numbers of 1 or more, such as 128,256")
    return values


def _print_summary(trained: Trained) -> None:
    rows = [("validation", trained.validation), ("test", trained.test)]
    print(f"{'':24} accuracy  [95 % interval]")
    for name, metrics in rows:
        if metrics is not None:
            print(f"{name:24} {metrics.accuracy}")
            if metrics.k < len(metrics.labels):
                print(f"{f'{name}, top {metrics.k}':24} {metrics.top_k}")
    for name in ("validation", "test"):
        frames = trained.card["accuracy"].get(name, {}).get("frames")
        if frames:
            accuracy = frames["accuracy"]
            print(f"{f'{name}, frame by frame':24} {100 * accuracy['value']:5.1f} %  n={accuracy['n']}")
    metrics = trained.validation if trained.test is None else trained.test
    print(f"\nrecall, {'test' if trained.test else 'validation'}")
    for label, share in metrics.recall.items():
        print(f"{label:24} {share}" if share.n else f"{label:24}   no clip")
    if trained.comparison is not None:
        print("\nvalidation, all divisions together")
        for row in trained.comparison.rows:
            print(f"{f'{row.units} units':24} {row.accuracy}")
    size = trained.card["classifier"]["bytes"]
    print(f"\n{trained.folder}: {size / 1e6:.1f} MB, {trained.card['classifier']['parameters']:,} parameters")
    print(f"{trained.run_folder}: curves, weights, the clips used")
    for warning in trained.warnings:
        print_error("train", f"warning: {warning}")


class _Console:
    """A `Reporter` on stderr: one line that is rewritten on a terminal, whole lines elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = is_terminal(sys.stderr)
        self._shown: Optional[str] = None

    def say(self, text: str) -> None:
        self.clear()
        print(text, file=sys.stderr, flush=True)

    def tick(self, text: str) -> None:
        if self._is_terminal:
            print(f"\r\x1b[K{shorten(text, terminal_width() - 1)}", end="", file=sys.stderr, flush=True)
            self._shown = text

    def step(self, text: str) -> None:
        if self._is_terminal:
            self.tick(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown is not None:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = None
