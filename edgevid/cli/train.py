"""``edgevid train``: labelled clips -> a bundle."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Optional

from ..errors import EdgevidError
from ..training.build import Trained, train_bundle
from ..training.outside import unknown_rows
from ..training.request import Request
from ..training.tuning import HYPER_PARAMETERS
from .interrupts import interruptible
from .machine import usable_cpus
from .output import is_terminal, print_error, shorten, table, terminal_width
from .train_options import add_arguments

# What another person needs other values of, or none, to train the same
_OF_THIS_PLACE = ("data", "output", "run", "restart", "cache", "jobs", "overwrite", "help")


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
        classifier_dtype=args.classifier_dtype,
        outside=args.outside,
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
    if "unknown" in trained.card:
        print("\n" + "\n".join(table(unknown_rows(trained.card["unknown"]), right=(1, 2, 3))))
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
