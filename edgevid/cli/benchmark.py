"""``edgevid benchmark``: how fast edgevid is on this machine, and why."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..errors import EdgevidError
from ..support.files import write_whole
from .benchmark_tables import check_lines, comparison_lines, report_lines
from .options import positive_int, positive_seconds
from .output import Progress, print_error, print_lines

_EPILOG = """\
output:
  The first line: how many predictions a second this machine gives, how many the bundle needs in real time, and the headroom.
  Then what spoils the measurement, a table of all runs, and the stages of one of them.

what is measured:
  Each bundle on each runtime that is installed, with 1, 2 and 4 threads as far as there are so many CPUs: in turn, each time
  in a new process, several times. The clip is made for it (MPEG-4, 25 frames a second) and read as fast as it goes. OpenCV
  gets as many threads as the interpreter. capture: reading a frame, and of a file decoding it; decode: making RGB pixels of
  it; region: finding where things move. An embedder's time is without the region, which embedders share. What is indented is
  part of a stage above it. "NOISE": how far the parts of one measurement lie apart. Where the JSON file has null, "reasons"
  beside it says why.

examples:
  edgevid benchmark                                     # everything that is installed; under 3 minutes on a PC
  edgevid benchmark exercises10-light --threads 1       # one bundle, one thread
  edgevid benchmark --seconds 600 --json hot.json       # does the rate last, and does the board get hot?
  edgevid benchmark --source 0                          # the camera's own stages, too
  edgevid benchmark --compare before.json               # ratios to a run of before, and whether they are more than noise
  edgevid benchmark --read now.json --compare before.json     # of two files, without measuring
  edgevid benchmark --check benchmarks/reference/boards.csv   # beside what other boards of the kind gave

exit code:
  0 measured, 1 something could not be run, or is slower than three quarters of the reference, 2 wrong use
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "bundles", nargs="*", metavar="BUNDLE", help="names of bundles, or bundles' folders (default: all installed)"
    )
    parser.add_argument(
        "--runtime", action="append", default=[], metavar="NAME",
        help="litert or tflite-runtime; may be given twice (default: the variable EDGEVID_RUNTIME, else all installed)",
    )  # fmt: skip
    parser.add_argument(
        "--threads",
        type=_counts,
        default=(),
        metavar="N,...",
        help="numbers of threads (default: 1,2,4, as there are CPUs)",
    )
    parser.add_argument(
        "--rounds", type=positive_int, default=3, metavar="N", help="visits to each combination (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=positive_seconds, default=2.0, metavar="S",
        help="of the run that shows whether the rate lasts, with temperature, frequency and throttling (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--frame-size", type=_size, default=(320, 240), metavar="WxH", help="of the clip (default: 320x240)"
    )
    parser.add_argument("--source", metavar="SOURCE", help="a camera, file or URL to measure on as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the whole report there")
    parser.add_argument("--read", type=Path, metavar="FILE", help="show such a report; measure nothing")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="an earlier report to compare with")
    parser.add_argument("--check", type=Path, metavar="FILE", help="a table of boards to compare with, as CSV")


def run(args: argparse.Namespace) -> int:
    from ..benchmarking.comparison import compare, read_report
    from ..benchmarking.reference import check, read_boards

    # wrong files are told before minutes are spent
    before = None if args.compare is None else read_report(args.compare)
    boards = None if args.check is None else read_boards(args.check)
    report = _measured(args) if args.read is None else read_report(args.read)
    if before is not None:
        report["comparison"] = compare(report, before)
    lines = report_lines(report)
    if before is not None:
        lines += ["", *comparison_lines(report["comparison"])]
    checked, unknown = ([], []) if boards is None else check(report, boards)
    if boards is not None:
        lines += ["", *check_lines(checked, unknown)]
    if args.json is not None:
        _write(args.json, report)
    print_lines(*lines)
    good = all(run["problem"] is None for run in report["runs"]) and all(one.good for one in checked)
    good = good and (args.source is None or report["source"] is not None)
    return 0 if good else 1


def _measured(args: argparse.Namespace) -> dict[str, Any]:
    from ..benchmarking.measuring import Benchmark, BenchmarkOptions

    if args.json is not None and not args.json.parent.is_dir():
        raise EdgevidError(
            f"The report cannot be written to {args.json}: there is no folder {args.json.parent}. Make it first."
        )
    options = BenchmarkOptions(
        bundles=args.bundles,
        runtimes=args.runtime,
        threads=args.threads,
        rounds=args.rounds,
        seconds=args.seconds,
        frame_size=args.frame_size,
        source=args.source,
    )
    benchmark = Benchmark(options)
    with Progress(benchmark.visits, "visits") as progress:
        report = benchmark.run(progress.advance)
    if args.source is not None and report["source"] is None:
        print_error("benchmark", f"the source {args.source} cannot be measured: {report['reasons']['source']}")
    for problem in {run["problem"]: run for run in report["runs"] if run["problem"] is not None}.values():
        print_error("benchmark", f"{problem['bundle']} on {problem['runtime']} cannot be run: {problem['problem']}")
    return report


def _write(path: Path, report: dict[str, Any]) -> None:
    try:
        write_whole(path, json.dumps(report, indent=1) + "\n")
    except OSError as error:
        raise EdgevidError(f"The report cannot be written to {path}: {error.strerror or error}.") from error


def _counts(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(positive_int(part.strip()) for part in text.split(",")))


def _size(text: str) -> tuple[int, int]:
    width, x, height = text.partition("x")
    if not x or not width.isdecimal() or not height.isdecimal():
        raise argparse.ArgumentTypeError(f"expected width and height in pixels, such as 640x480; got {text!r}")
    return int(width), int(height)
