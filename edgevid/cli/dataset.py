"""``edgevid dataset``: what labelled clips consist of, and what in them would spoil a training."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import ExtraNotInstalledError, OptionError
from ..training.analysis import Analysis, Lengths, analyse
from ..training.dataset import open_dataset
from ..training.dataset_plot import plot_clips_per_class
from .interrupts import interruptible
from .options import add_ucf101_options
from .output import Progress, duration, print_json_line, table, terminal_width

REPORT_NAME = "dataset.json"
PLOT_NAME = "clips_per_class.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Count the clips, groups and lengths of each class, and warn of what would spoil a training. "
        "No clip is changed. The exit code is 0 with warnings too."
    )
    parser.add_argument(
        "data", type=Path, metavar="DATA",
        help="folder with a folder of clips for each class; or folder with clips.csv, or such a file: columns path, label, and "
        "optionally group (clips of the same people or place) and split (train, validation, test); or UCF101 as published",
    )  # fmt: skip
    add_ucf101_options(parser)
    parser.add_argument(
        "--exact", action="store_true", help="decode every frame and count them, instead of believing the files"
    )
    group = parser.add_argument_group("result")
    group.add_argument("--json", action="store_true", help="print JSON instead of tables")
    group.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER",
        help=f"write {REPORT_NAME} and the plot {PLOT_NAME} to this folder; the plot needs the extra 'train'",
    )  # fmt: skip
    group.add_argument("--no-plot", action="store_true", help="write no plot")


def run(args: argparse.Namespace) -> int:
    dataset = open_dataset(args.data, split_list=args.split_list, splits=args.splits)
    if args.output is not None:
        _make_folder(args.output)
    with interruptible(), Progress(len(dataset.clips), "clips") as progress:
        analysis = analyse(dataset, exact=args.exact, progress=progress.advance)
    if args.json:
        print_json_line(analysis.as_dict())
    else:
        _print(analysis)
    if args.output is not None:
        _write(analysis, args.output, plot=not args.no_plot)
    return 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"The folder {folder} cannot be made: {error.strerror}. Name another one with -o.") from error


def _write(analysis: Analysis, folder: Path, plot: bool) -> None:
    try:
        (folder / REPORT_NAME).write_text(json.dumps(analysis.as_dict(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OptionError(f"Cannot write to {folder}: {error.strerror}. Name another folder with -o.") from error
    print(f"wrote {folder / REPORT_NAME}", file=sys.stderr)
    if not plot:
        return
    try:
        plot_clips_per_class(analysis.videos, folder / PLOT_NAME, title=analysis.dataset.root.resolve().name)
    except ExtraNotInstalledError as error:
        print(f"no plot: {error}", file=sys.stderr)
    else:
        print(f"wrote {folder / PLOT_NAME}", file=sys.stderr)


def _print(analysis: Analysis) -> None:
    print(f"{analysis.dataset.root}: {analysis.dataset.kind}\n")
    rows = [["class", "clips", "groups", "min s", "mean s", "max s"]]
    rows += [_row(row.label, row.clips, row.groups, row.lengths) for row in analysis.classes]
    rows.append(_row(f"all {len(analysis.classes)}", len(analysis.videos), analysis.groups, analysis.lengths))
    print("\n".join(table(rows, right=(1, 2, 3, 4, 5), width=terminal_width())))
    print()
    _print_facts(analysis)
    for note in analysis.dataset.notes:
        print(f"\nnote: {note}")
    for warning in analysis.warnings:
        print(f"\nwarning: {warning.text}")


def _row(name: str, clips: int, groups: int, lengths: Lengths) -> list[str]:
    seconds = (lengths.shortest, lengths.mean, lengths.longest)
    return [name, f"{clips:,}", f"{groups:,}", *(f"{value:.2f}" for value in seconds)]


def _print_facts(analysis: Analysis) -> None:
    lengths = analysis.lengths
    rates = [f"{rate:g} fps ({clips:,} clips)" for rate, clips in analysis.frame_rates]
    sizes = [f"{width}x{height} ({clips:,} clips)" for (width, height), clips in analysis.resolutions]
    facts = [
        (
            "total length",
            f"{duration(lengths.total)} ({lengths.total / 60:,.1f} minutes), median {lengths.median:.2f} s",
        ),
        ("frame rates", _first(rates)),
        ("resolutions", _first(sizes)),
    ]
    for part, name in zip(analysis.parts, ("training", "validation", "test")):
        if part.clips:
            facts.append((name, f"{part.clips:,} clips ({100 * part.share:.1f} %), {part.groups:,} groups"))
    print("\n".join(table(facts)))


def _first(items: list[str], limit: int = 4) -> str:
    return ", ".join(items[:limit]) + (f" and {len(items) - limit} more" if len(items) > limit else "")
