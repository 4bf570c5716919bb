"""``edgevid dataset``: what a data set consists of, and problems in it for training."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..datasets.analysis import Analysis, analyse
from ..datasets.plot import plot_clips_per_class
from ..datasets.reading import open_dataset
from ..errors import ExtraNotInstalledError, OptionError
from ..support.files import write_whole
from .interrupts import interruptible
from .options import DATA_HELP, add_ucf101_options
from .output import Progress, print_json_line, print_lines, print_note, table, terminal_width

_EPILOG = """\
examples:
  edgevid dataset my_clips                 what it contains, and its problems
  edgevid dataset my_clips -o report       also write a file and a plot
"""
REPORT_NAME = "dataset.json"
PLOT_NAME = "clips_per_class.png"
_SHOWN = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Count the clips, groups and lengths of each class, and warn of problems for training. "
        "No clip is changed. The exit code is 0 also when there are warnings."
    )
    parser.epilog = _EPILOG
    parser.add_argument("data", type=Path, metavar="DATA", help=DATA_HELP)
    add_ucf101_options(parser)
    parser.add_argument(
        "--exact", action="store_true", help="decode and count every frame, instead of trusting the file headers"
    )
    group = parser.add_argument_group("result")
    group.add_argument("--json", action="store_true", help="print JSON instead of tables")
    group.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER",
        help=f"write {REPORT_NAME} and the plot {PLOT_NAME} to this folder (the plot needs the extra 'evaluate')",
    )  # fmt: skip
    group.add_argument("--no-plot", action="store_true", help="write no plot")


def run(args: argparse.Namespace) -> int:
    dataset = open_dataset(args.data, list_number=args.split_list, lists_folder=args.splits)
    if args.output is not None:
        try:
            args.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(
                f"The folder {args.output} cannot be created: {error.strerror}. Name another with -o."
            ) from error
    with interruptible(), Progress(len(dataset.clips), "clips") as progress:
        analysis = analyse(dataset, exact=args.exact, progress=progress.advance)
    report = analysis.as_dict()
    if args.json:
        print_json_line(report)
    else:
        _print(dataset.root, report)
    if args.output is not None:
        _write(analysis, args.output, plot=not args.no_plot)
    return 0


def _write(analysis: Analysis, folder: Path, plot: bool) -> None:
    try:
        write_whole(folder / REPORT_NAME, json.dumps(analysis.as_dict(), indent=2) + "\n")
    except OSError as error:
        raise OptionError(f"Cannot write to {folder}: {error.strerror}. Name another folder with -o.") from error
    print_note(f"wrote {folder / REPORT_NAME}")
    if plot:
        try:
            plot_clips_per_class(analysis.videos, folder / PLOT_NAME, title=analysis.dataset.root.resolve().name)
            print_note(f"wrote {folder / PLOT_NAME}")
        except ExtraNotInstalledError as error:
            print_note(f"no plot: {error}")


def _print(root: Path, report: dict[str, Any]) -> None:
    print_lines(f"{root}: {report['kind']}", "")
    rows = [["class", "clips", "groups", "min s", "mean s", "max s"]]
    for row in [*report["classes"], {"label": f"all {len(report['classes'])}", **report}]:
        seconds = (f"{row[f'{which}_seconds']:.2f}" for which in ("min", "mean", "max"))
        rows.append([row["label"], f"{row['clips']:,}", f"{row['groups']:,}", *seconds])
    print_lines(*table(rows, right=(1, 2, 3, 4, 5), width=terminal_width()), "")
    facts = [
        ("total length", f"{report['total_minutes']:,.1f} minutes, median {report['median_seconds']:.2f} s"),
        ("frame rates", _first([f"{rate['fps']:g} fps ({rate['clips']:,} clips)" for rate in report["frame_rates"]])),
        (
            "resolutions",
            _first(["{width}x{height} ({clips:,} clips)".format(**size) for size in report["resolutions"]]),
        ),
    ]
    for split, part in report["parts"].items():
        if part["clips"]:
            facts.append((split, f"{part['clips']:,} clips ({100 * part['share']:.1f} %), {part['groups']:,} groups"))
    print_lines(*table(facts))
    for note in report["notes"]:
        print_lines("", f"note: {note}")
    for warning in report["warnings"]:
        print_lines("", f"warning: {warning['text']}")


def _first(items: list[str]) -> str:
    return ", ".join(items[:_SHOWN]) + (f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else "")
