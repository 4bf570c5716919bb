"""``edgevid benchmark``: measures the speed of edgevid on this machine, stage by stage."""

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
  The first line: predictions per second on this machine, how many the bundle needs in real time, and the headroom.
  Then warnings about the measurement, a table of all runs, and the stages of one of them.

what is measured:
  Each bundle on each installed runtime, with 1, 2 and 4 threads (no more than there are CPUs). The runs take turns, each in
  a new process, several times. The clip is made for it (MPEG-4, 25 frames a second) and read as fast as possible. OpenCV
  gets as many threads as the interpreter. Stages: capture reads a frame (and decodes it, from a file); decode converts it to
  RGB pixels; region finds where things move. An embedder's time excludes the region, which embedders share. An indented
  stage is part of the stage above it. "NOISE" is the spread between parts of a measurement. Where the JSON file has null,
  "reasons" beside it says why.

examples:
  edgevid benchmark                                     # all installed bundles and runtimes; under 3 minutes on a PC
  edgevid benchmark exercises10-light --threads 1       # one bundle, one thread
  edgevid benchmark --seconds 600 --json hot.json       # does the rate last, and does the board get hot?
  edgevid benchmark --source 0                          # also measure the stages of a camera
  edgevid benchmark --compare before.json               # compare with an earlier run; shows which ratios exceed the noise
  edgevid benchmark --read now.json --compare before.json     # compare two files without measuring
  edgevid benchmark --check benchmarks/reference/boards.csv   # compare with results of the same kind of board

exit code:
  0 measured, 1 something could not be run, or is slower than three quarters of the reference, 2 usage error
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "bundles", nargs="*", metavar="BUNDLE", help="names or folders of bundles (default: all installed)"
    )
    parser.add_argument(
        "--runtime", action="append", default=[], metavar="NAME",
        help="litert or tflite-runtime; may be repeated (default: the variable EDGEVID_RUNTIME, else all installed)",
    )  # fmt: skip
    parser.add_argument(
        "--threads",
        type=_counts,
        default=(),
        metavar="N,...",
        help="numbers of threads to measure (default: 1,2,4, up to the number of CPUs)",
    )
    parser.add_argument(
        "--rounds", type=positive_int, default=3, metavar="N", help="runs of each combination (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=positive_seconds, default=2.0, metavar="S",
        help="length of the run that checks if the rate lasts, with temperature, frequency and throttling (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--frame-size", type=_size, default=(320, 240), metavar="WxH", help="frame size of the clip (default: 320x240)"
    )
    parser.add_argument("--source", metavar="SOURCE", help="also measure with this camera, file or URL")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the whole report to this file")
    parser.add_argument("--read", type=Path, metavar="FILE", help="show a report written by --json; measure nothing")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="compare with this earlier report")
    parser.add_argument("--check", type=Path, metavar="FILE", help="compare with this CSV table of boards")


def run(args: argparse.Namespace) -> int:
    from ..benchmarking.comparison import compare, read_report
    from ..benchmarking.reference import check, read_boards

    # report wrong files before spending minutes on measuring
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
