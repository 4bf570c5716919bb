"""``edgevid compare``: evaluations of several bundles on the same clips, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..evaluation.comparison import accuracy_rows, compare, comparison_report, gap_rows, pair_test_rows
from ..evaluation.folder import check_folder, read_evaluation, write_json, write_report
from .options import add_bootstrap_options
from .output import print_json_line, print_lines, table

_NAME = "comparison"
_EPILOG = """\
The report names each bundle by its extractor, architecture and units. The larger extractor is the one with the larger file.

with -o, the folder holds:
  comparison.md, comparison.html   the report; the HTML file includes the plots
  comparison.json                  all figures

The thesis's figures are shown only for the complete test set of UCF101 split 1, with all 101 classes.

examples:
  edgevid compare report_small report_large -o comparison

exit code:
  0 compared, 1 failure (for example: not the same clips), 2 usage error
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="folders written by `edgevid evaluate -o FOLDER`"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="write the report, figures and plots there")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object (default: tables)")
    add_bootstrap_options(parser)


def run(args: argparse.Namespace) -> int:
    if args.output is not None:
        check_folder(args.output, f"{_NAME}.json")
    evaluations = [read_evaluation(folder) for folder in args.folders]
    comparison = compare(evaluations, resamples=args.bootstrap, seed=args.seed)
    figures = comparison.as_dict()
    if args.output is not None:
        write_report(args.output, _NAME, comparison_report(comparison))
        write_json(args.output / f"{_NAME}.json", figures)
    if args.json:
        print_json_line(figures)
        return 0
    print_lines(*table(accuracy_rows(comparison), right=(2, 4, 6, 7)), "")
    for large, small, value, interval, *_ in gap_rows(comparison)[1:]:
        print_lines(f"{large} less {small}: accuracy {value} [{interval}]")
    for first, second, only_first, only_second, p, _ in pair_test_rows(comparison)[1:]:
        print_lines(f"{first} / {second}: right alone {only_first} / {only_second} clips, McNemar p {p}")
    if args.output is not None:
        print_lines("", f"Report: {args.output / f'{_NAME}.html'}")
    return 0
