"""``edgevid train``: trains a bundle on labelled clips."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Optional

from ..errors import EdgevidError
from ..evaluation.outside import outside_rows
from ..support.hardware import usable_cpus
from ..support.printable import printable
from ..training.build import TrainedBundle, train_bundle
from ..training.request import TrainingRequest
from ..training.tuning import NAMES
from .interrupts import interruptible
from .options import prepare_keras, repeatable_command, without_place
from .output import is_terminal, print_error, print_lines, print_note, rewrite, shorten, table, terminal_width
from .train_options import add_arguments

# Options that another person must change or drop to reproduce the training
_OF_THIS_PLACE = ("output", "run", "restart", "cache", "jobs", "overwrite")


def run(args: argparse.Namespace) -> int:
    prepare_keras()
    given = {name: getattr(args, name) for name in NAMES if getattr(args, name) is not None}
    words = ["train", args.data.resolve().name, "-o", without_place(args.output)]
    values = {field.name: getattr(args, field.name) for field in fields(TrainingRequest) if field.name in args}
    values.update(
        jobs=args.jobs or usable_cpus(),
        notes=tuple(args.notes),
        hyper_parameters=given,
        list_number=args.split_list,
        lists_folder=args.splits,
        command=repeatable_command(words, args, add_arguments, _OF_THIS_PLACE),
    )
    request = TrainingRequest(**values)
    console = _Console()
    try:
        with interruptible():
            trained = train_bundle(request, console)
    except KeyboardInterrupt:
        console.clear()
        print_error("train", f"interrupted; run the same command again to continue with {request.run_folder}.")
        raise
    except EdgevidError:
        console.clear()
        raise
    console.clear()
    _print_summary(trained)
    return 0


def _print_summary(trained: TrainedBundle) -> None:
    written = trained.written
    print_lines(f"{'':24} accuracy  [95 % interval]")
    for name, measured in written.accuracy.items():
        metrics = measured.clips
        print_lines(f"{name:24} {metrics.accuracy}")
        if metrics.k < len(metrics.labels):
            print_lines(f"{f'{name}, top {metrics.k}':24} {metrics.top_k}")
        if measured.frames is not None:
            share = measured.frames.accuracy
            print_lines(f"{f'{name}, frame by frame':24} {100 * share.value:5.1f} %  n={share.n}")
    print_lines("", f"recall, {name}")
    for label, share in metrics.recall.items():
        print_lines(f"{label:24} {share}" if share.n else f"{label:24}   no clip")
    if written.outside is not None:
        print_lines("", *table(outside_rows(written.outside), right=(1, 2, 3)))
    print_lines("", f"{trained.folder}: {written.size / 1e6:.1f} MB, {written.parameters:,} parameters")
    print_lines(f"{trained.run_folder}: curves, weights, the clips used")
    for warning in trained.warnings:
        print_error("train", f"warning: {warning}")


class _Console:
    """A `Reporter` on stderr: one line that is rewritten on a terminal, whole lines elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = is_terminal(sys.stderr)
        self._shown: Optional[str] = None

    def say(self, text: str) -> None:
        self.clear()
        print_note(text)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        for line in table(rows):
            self.say(line)

    def tick(self, text: str) -> None:
        if self._is_terminal:
            rewrite(shorten(printable(text), terminal_width() - 1))
            self._shown = text

    def step(self, text: str) -> None:
        if self._is_terminal:
            self.tick(text)
        else:
            print_note(text)

    def clear(self) -> None:
        if self._shown is not None:
            rewrite("")
            self._shown = None
