"""``edgevid compare``: evaluations of several bundles on the same clips, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..training.comparison import DEFAULT_MARGIN, compare
from ..training.comparison_page import comparison_json, comparison_page, hypothesis_rows, summary_rows, test_rows
from ..training.evaluation_folder import read_evaluation
from ..training.report import check_folder, write_json, write_page
from ..training.significance import DEFAULT_RESAMPLES
from .evaluate import seed
from .options import part, positive_int
from .output import print_json_line, table

_NAME = "comparison"
_EPILOG = """\
Bundles are told by extractor, architecture and units. The larger extractor is the one with the larger file.

with -o, the folder holds:
  comparison.md, comparison.html   the report; the HTML file has its plots inside
  comparison.json                  all figures

The thesis's figures are shown only beside all test clips of UCF101 split 1 with all 101 classes.

exit code:
  0 compared, 1 it failed (for example: not the same clips), 2 wrong use
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="folders that `edgevid evaluate -o FOLDER` wrote"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="write the report, figures and plots there")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object (default: tables)")
    parser.add_argument(
        "--margin", type=part, default=DEFAULT_MARGIN, metavar="P",
        help="loss of accuracy up to which the smaller extractor counts as acceptable (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--bootstrap", type=positive_int, default=DEFAULT_RESAMPLES, metavar="N",
        help="resamples of groups of clips (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the resamples (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    if args.output is not None:
        check_folder(args.output, f"{_NAME}.json")
    evaluations = [read_evaluation(folder) for folder in args.folders]
    comparison = compare(evaluations, resamples=args.bootstrap, seed=args.seed, margin=args.margin)
    figures = comparison_json(comparison)
    if args.output is not None:
        write_page(comparison_page(comparison), args.output, _NAME)
        write_json(figures, args.output / f"{_NAME}.json")
    if args.json:
        print_json_line(figures)
        return 0
    print("\n".join(table(summary_rows(comparison), right=(2, 4, 5))), end="\n\n")
    for _, subject, value, interval, verdict in hypothesis_rows(comparison)[1:]:
        print(f"{subject}: {value} [{interval}]; {verdict}")
    for first, second, only_first, only_second, _, p, _ in test_rows(comparison)[1:]:
        print(f"{first} / {second}: right alone {only_first} / {only_second} clips, McNemar p {p}")
    if args.output is not None:
        print(f"\nReport: {args.output / f'{_NAME}.html'}")
    return 0
