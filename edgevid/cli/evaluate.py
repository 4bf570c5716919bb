"""``edgevid evaluate``: accuracy figures, confusion matrices and a report of a bundle on labelled clips."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..bundles.cards import CARD_NAME
from ..datasets.clips import SPLITS, Clip
from ..datasets.reading import open_clips
from ..errors import OptionError
from ..evaluation.evaluation import Evaluation, evaluate
from ..evaluation.folder import check_folder, write_evaluation
from ..evaluation.outside import open_outside, outside_rows
from ..evaluation.predictions import EvaluationError
from ..evaluation.report import class_rows, summary_rows
from ..evaluation.significance import Bootstrap
from ..evaluation.streaming import streaming_rows
from ..evaluation.wrong_clips import wrong_clips
from ..loading import load
from ..recognizer import Recognizer
from ..support.extras import load_jinja2, load_matplotlib
from .interrupts import interruptible
from .options import add_bootstrap_options, add_ucf101_options, names, positive_int, repeatable_command
from .output import Progress, print_error, print_json_line, print_lines, print_note, table, terminal_width

_SHOWN = 3

_EPILOG = """\
Each file goes through the bundle's TFLite networks, as in `edgevid classify`: the figures are those of what ships. Clips that
cannot be read are listed, counted and left out. Use the test clips once, at the end.

with -o, the folder holds:
  report.md, report.html    the report; the HTML file includes the plots
  metrics.json              all figures, for `edgevid compare` and other programs
  predictions.csv           each clip: label, group, answer, score, rank of the true class, all probabilities
  classes.csv               precision, recall and F1 of each class
  confusion*.csv, *.png     confusion matrices: counts and row-normalised; of all classes, and of --classes
  streaming.csv             with --streaming: each prediction

examples:
  edgevid evaluate my_actions test_clips -o report
  edgevid evaluate my_actions my_clips             the clips that it was not trained on
  edgevid evaluate exercises10 clips --outside other_clips

exit code:
  0 evaluated, 1 failure, 2 usage error
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("bundle", metavar="BUNDLE", help="name of a shipped bundle, or path of a bundle folder")
    parser.add_argument(
        "data", type=Path, metavar="DATA",
        help="labelled clips, as for `edgevid train`; or the run folder that it wrote beside a bundle, to use its held-out clips",
    )  # fmt: skip
    parser.add_argument(
        "--split", choices=(*SPLITS, "all"),
        help="clips to evaluate, whether or not the bundle was trained on them (default: the test clips, or all where the data "
        "has no splits; without those that the bundle's card says it was made from)",
    )  # fmt: skip
    parser.add_argument(
        "--all", dest="split", action="store_const", const="all",
        help="all clips, including those that the bundle was made from (same as --split all)",
    )  # fmt: skip
    add_ucf101_options(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="write the report, figures and plots there")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object (default: tables)")
    parser.add_argument(
        "--streaming", action="store_true",
        help="also replay each clip as a stream: accuracy by how full the window is, and of the last prediction",
    )  # fmt: skip
    parser.add_argument(
        "--outside", type=Path, metavar="FOLDER",
        help="clips of other actions: also measure what share of them, and of the known ones, the bundle's threshold rejects",
    )  # fmt: skip
    parser.add_argument(
        "--classes", type=_classes, default=(), metavar="A,B,...", help="also write a confusion matrix of these classes"
    )
    parser.add_argument(
        "-k", "--top", type=positive_int, metavar="K",
        help="k of the top-k accuracy (default: 5; below 17 classes about a quarter of them)",
    )  # fmt: skip
    group = parser.add_argument_group("intervals")
    add_bootstrap_options(group)
    group.add_argument(
        "--groups-span-classes", action="store_true",
        help="a group name means the same people in all classes (default: each group belongs to one class, as in UCF101)",
    )  # fmt: skip
    group = parser.add_argument_group("runtime")
    group.add_argument(
        "--threads", type=positive_int, metavar="N", help="interpreter threads (default: number of CPUs, at most 4)"
    )
    group.add_argument("--runtime", metavar="NAME", help="litert or tflite-runtime (default: the best one installed)")


def run(args: argparse.Namespace) -> int:
    if (args.data / CARD_NAME).is_file() and Path(args.bundle).is_dir():
        raise OptionError(
            f"{args.data} is a bundle, given as DATA; the bundle comes first: edgevid evaluate BUNDLE DATA."
        )
    clips, data_name = open_clips(args.data, list_number=args.split_list, lists_folder=args.splits)
    with interruptible(), load(args.bundle, num_threads=args.threads, runtime=args.runtime) as recognizer:
        outside = _check(args, recognizer)
        evaluation = evaluate(
            recognizer, clips, data_name=data_name, split=args.split, outside=outside,
            outside_name="" if args.outside is None else args.outside.resolve().name, streaming=args.streaming,
            k=args.top, bootstrap=Bootstrap(args.bootstrap, args.seed, args.groups_span_classes), track=_track,
        )  # fmt: skip
        evaluation = replace(evaluation, command=_command(args, evaluation.data))
        for clip in [*evaluation.data["unreadable"], *evaluation.outside_unreadable]:
            print_error("evaluate", "skipped {path}: {reason}".format(**clip))
    _say_seen(evaluation.data)
    if args.output is not None:
        wrong = wrong_clips(evaluation.predictions, clips)
        write_evaluation(args.output, evaluation, args.classes, wrong)
    if args.json:
        print_json_line(evaluation.as_dict())
    else:
        _print(evaluation)
        if args.output is not None:
            print_lines(f"Report: {args.output / 'report.html'}")
    return 0


def _command(args: argparse.Namespace, data: dict[str, Any]) -> str:
    words = ["evaluate", Path(args.bundle).name, data["name"]]
    if data["seen"] is None or data["seen"]["measured"]:  # a split that is named is measured whole
        words += ["--split", data["split"]]
    return repeatable_command(words, args, add_arguments, ("split", "splits", "output", "json", "threads", "runtime"))


def _check(args: argparse.Namespace, recognizer: Recognizer) -> list[Clip]:
    """Raise for wrong options before the work starts; return the clips of other actions, if any."""
    unknown = [name for name in args.classes if name not in recognizer.labels]
    if unknown:
        raise EvaluationError(
            f"--classes names {', '.join(unknown)}, which the bundle does not know; its labels: {', '.join(recognizer.labels)}."
        )
    if args.output is not None:
        load_matplotlib()
        load_jinja2()
        check_folder(args.output)
    if args.outside is None:
        return []
    outside, left_out = open_outside(args.outside, recognizer.labels)
    if left_out:
        print_error("evaluate", f"left out of {args.outside}, as the bundle knows them: {', '.join(left_out)}")
    return outside


def _track(clips: Sequence[Clip], unit: str) -> Iterator[Clip]:
    with Progress(len(clips), unit) as progress:
        for clip in clips:
            yield clip
            progress.advance()


def _say_seen(data: dict[str, Any]) -> None:
    """Say which clips the bundle was made from."""
    seen = data["seen"]
    if seen is None:
        print_note(
            "the card does not say which clips the bundle was made from: if some are among these, the figures are too high"
        )
    elif seen["clips"]:
        count, more = len(seen["clips"]), ", ..." if len(seen["clips"]) > _SHOWN else ""
        what = (
            "are measured all the same, so the figures are too high"
            if seen["measured"]
            else f"are left out (--all measures them too); {data['clips']} others are measured"
        )
        print_note(
            f"the bundle was made from {count} of the clips: {', '.join(seen['clips'][:_SHOWN])}{more}; they {what}"
        )


def _print(evaluation: Evaluation) -> None:
    data, figures = evaluation.data, evaluation.figures
    about = "{clips} clips ({split}) of {name}, {groups} groups".format(**data)
    print_lines(f"{evaluation.bundle['name']}: {about}", "")
    _print_table(summary_rows(figures), right=(1,))
    _print_table(class_rows(figures, wilson=False), right=(1, 2, 3, 4))
    if evaluation.streaming is not None:
        _print_table(streaming_rows(evaluation.streaming), right=(1, 2, 3))
    if evaluation.outside is not None:
        _print_table(outside_rows(evaluation.outside), right=(1, 2, 3))
    if data["unreadable"]:
        print_lines(f"{len(data['unreadable'])} clip(s) cannot be read and are not counted.")


def _print_table(rows: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    print_lines(*table(rows, right=right, width=terminal_width()), "")


def _classes(text: str) -> tuple[str, ...]:
    classes = names(text)
    if len(classes) < 2:
        raise argparse.ArgumentTypeError(f"expected two or more classes, separated by commas; got {text!r}")
    return classes
