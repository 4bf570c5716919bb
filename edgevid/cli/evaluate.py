"""``edgevid evaluate``: a bundle over labelled clips -> figures, confusion matrices and a report."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .. import __version__
from ..classifiers.calibration import calibrated
from ..clip import embed_clip
from ..recognizer import Recognizer, load
from ..training.dataset import SPLITS, Clip, open_dataset
from ..training.evaluation import (
    EvaluationError,
    Predictions,
    check_labels,
    choose_clips,
    clip_names,
    difference,
    figures,
    is_ucf101_split_1,
    predict_clips,
)
from ..training.evaluation_folder import bundle_entry
from ..training.metrics import default_k, load_scikit_learn
from ..training.outside import open_outside, score, unknown_figures, unknown_rows
from ..training.plots import load_matplotlib
from ..training.report import bounds, check_folder, number, streaming_rows, summary_rows, write_csv, write_report
from ..training.significance import DEFAULT_RESAMPLES
from ..training.streaming import Replay, replay_clips, streaming_figures
from .interrupts import interruptible
from .native_log import without_chatter
from .options import add_ucf101_options, positive_int
from .output import Progress, print_error, print_json_line, table, terminal_width

_EPILOG = """\
What is evaluated is what ships: each file goes through the bundle's TFLite networks as in `edgevid classify`. Clips that
cannot be read are named, counted and left out. Test clips are for one look, at the end.

with -o, the folder holds:
  report.md, report.html    the report; the HTML file has its plots inside
  metrics.json              all figures, for `edgevid compare` and other programs
  predictions.csv           each clip: label, group, answer, score, rank of the true class, all probabilities
  classes.csv               precision, recall and F1 of each class
  confusion*.csv, *.png     confusion matrices: clips, and divided by rows; whole, and cut to --classes
  streaming.csv             with --streaming: each prediction

exit code:
  0 evaluated, 1 it failed, 2 wrong use
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("bundle", metavar="BUNDLE", help="name of a shipped bundle, or path of a bundle's folder")
    parser.add_argument(
        "data", type=Path, metavar="DATA",
        help="labelled clips, as for `edgevid train`; or the run folder that it wrote beside a bundle, for the clips it held out",
    )  # fmt: skip
    parser.add_argument(
        "--split", choices=(*SPLITS, "all"),
        help="which clips (default: the test clips; all, where the data are not divided)",
    )  # fmt: skip
    add_ucf101_options(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="write report, figures and plots there")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object (default: tables)")
    parser.add_argument(
        "--streaming", action="store_true",
        help="also replay each clip as a stream: accuracy by how full the window is, and of the last prediction",
    )  # fmt: skip
    parser.add_argument(
        "--keras", type=Path, metavar="RUN",
        help="also ask the Keras network of a run folder that `edgevid train` wrote, and say whether it agrees",
    )  # fmt: skip
    parser.add_argument(
        "--outside", type=Path, metavar="FOLDER",
        help="clips of other actions: also measure how many of them, and of the known ones, the bundle's threshold rejects",
    )  # fmt: skip
    parser.add_argument(
        "--classes", type=_names, default=(), metavar="A,B,...", help="also cut the confusion matrix to these classes"
    )
    parser.add_argument(
        "-k", "--top", type=positive_int, metavar="K",
        help="the k of the top-k accuracy (default: 5, or about a quarter of the classes where they are fewer than 17)",
    )  # fmt: skip
    group = parser.add_argument_group("intervals")
    group.add_argument(
        "--bootstrap", type=positive_int, default=DEFAULT_RESAMPLES, metavar="N",
        help="resamples of groups of clips (default: %(default)s)",
    )  # fmt: skip
    group.add_argument("--seed", type=seed, default=0, metavar="N", help="of the resamples (default: %(default)s)")
    group.add_argument(
        "--groups-span-classes", action="store_true",
        help="a group's name means the same people in all classes (default: a group is of one class, as in UCF101)",
    )  # fmt: skip
    group = parser.add_argument_group("runtime")
    group.add_argument(
        "--threads", type=positive_int, metavar="N", help="interpreter threads (default: CPUs, at most 4)"
    )
    group.add_argument("--runtime", metavar="NAME", help="litert or tflite-runtime (default: the best present)")


def run(args: argparse.Namespace) -> int:
    everything, data_name = read_clips(args)
    names = clip_names(everything)
    clips, split = choose_clips(everything, args.split)
    with interruptible():
        with without_chatter():
            recognizer = load(args.bundle, num_threads=args.threads, runtime=args.runtime)
        with recognizer:
            outside = _check(args, recognizer, clips)
            with Progress(len(clips), "clips") as progress:
                predictions, unreadable = predict_clips(recognizer, clips, names, progress.advance)
            for name, reason in unreadable:
                print_error("evaluate", f"skipped {name}: {reason}")
            done = {clip.path for clip in predictions.clips}
            readable = [clip for clip in clips if names[clip.path] in done]
            k = min(args.top or default_k(len(recognizer.labels)), len(recognizer.labels))
            measured = figures(
                predictions, k, resamples=args.bootstrap, seed=args.seed, span_classes=args.groups_span_classes
            )
            metrics: dict[str, Any] = {
                "format": 1,
                "kind": "evaluation",
                "edgevid_version": __version__,
                "command": command_of(args, data_name, split),
                "bundle": bundle_entry(recognizer),
                "data": {
                    "name": data_name,
                    "split": split,
                    "ucf101_split_1": is_ucf101_split_1(clips, split),
                    "clips": len(predictions.clips),
                    "groups": measured["bootstrap"]["groups"],
                    "classes": len({clip.label for clip in predictions.clips}),
                    "unreadable": [{"path": name, "reason": reason} for name, reason in unreadable],
                },
                "labels": list(predictions.labels),
                **measured,
            }
            if outside:
                metrics["unknown"] = _measure_outside(args, recognizer, outside, predictions, split)
            replay = None
            if args.streaming:
                with Progress(len(readable), "clips streamed") as progress:
                    replay = replay_clips(recognizer, readable, names, progress.advance)
                metrics["streaming"] = streaming_figures(replay, predictions, recognizer.window_seconds)
            if args.keras is not None:
                metrics["keras"] = difference(
                    predictions, keras_predictions(args.keras, recognizer, readable, predictions)
                )
    if args.output is not None:
        write_report(args.output, metrics, predictions, args.classes)
        if replay is not None:
            _write_replay(args.output / "streaming.csv", replay)
    _print(args, metrics)
    return 0


def read_clips(args: argparse.Namespace) -> tuple[list[Clip], str]:
    """The clips of the data set or run folder, and its name."""
    from ..training import run_folder

    data: Path = args.data
    folder = data.parent if data.name == run_folder.CLIPS_NAME else data
    name = folder.resolve().name if data.is_dir() or folder != data else data.stem
    if (folder / run_folder.CONFIG_NAME).is_file() and (folder / run_folder.CLIPS_NAME).is_file():
        return run_folder.read_clips(folder), name  # its paths are not relative to it
    return open_dataset(data, split_list=args.split_list, splits=args.splits).clips, name


def keras_predictions(
    run: Path, recognizer: Recognizer, clips: Sequence[Clip], predictions: Predictions
) -> Predictions:
    """What the Keras network of a run folder says of the same clips."""
    # As in training: one kind of arithmetic on all CPUs
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    from ..training.export import predict
    from ..training.run_folder import load_network

    network = load_network(run)
    with Progress(len(clips), "clips for Keras") as progress:
        embeddings = []
        for clip in clips:
            embeddings.append(embed_clip(recognizer.extractor, clip.path, recognizer.num_frames)[0])
            progress.advance()
    expected, given = len(recognizer.labels), network.output_shape[-1]
    if expected != given or network.input_shape[-1] != recognizer.extractor.dim:
        raise EvaluationError(
            f"The network of {run} takes {network.input_shape[-1]} numbers a frame and gives {given} classes; the bundle has "
            f"{recognizer.extractor.dim} and {expected}. Name the run folder that the bundle came from."
        )
    probabilities = calibrated(predict(network, np.stack(embeddings)), recognizer.bundle.calibration.temperature)
    return Predictions(predictions.labels, predictions.clips, probabilities)


def command_of(args: argparse.Namespace, data_name: str, split: str) -> str:
    """The command that gives these figures again. Where files lie here is left out: it is of no use elsewhere."""
    words = ["edgevid", "evaluate", Path(args.bundle).name, data_name, "--split", split]
    if args.split_list != 1:
        words += ["--split-list", str(args.split_list)]
    if args.streaming:
        words.append("--streaming")
    if args.keras is not None:
        words += ["--keras", args.keras.resolve().name]
    if args.outside is not None:
        words += ["--outside", args.outside.resolve().name]
    if args.classes:
        words += ["--classes", ",".join(args.classes)]
    for option, value, default in (
        ("--top", args.top, None), ("--bootstrap", args.bootstrap, DEFAULT_RESAMPLES), ("--seed", args.seed, 0),
    ):  # fmt: skip
        if value != default:
            words += [option, str(value)]
    return shlex.join([*words, "--groups-span-classes"] if args.groups_span_classes else words)


def _check(args: argparse.Namespace, recognizer: Recognizer, clips: Sequence[Clip]) -> list[Clip]:
    """Say what is wrong before the work starts, not after it; and the clips of other actions, if there are any."""
    load_scikit_learn()
    check_labels(clips, recognizer.labels)
    unknown = [name for name in args.classes if name not in recognizer.labels]
    if unknown:
        raise EvaluationError(
            f"--classes names {', '.join(unknown)}, which the bundle does not know; its labels: {', '.join(recognizer.labels)}."
        )
    if args.output is not None:
        load_matplotlib()
        check_folder(args.output)
    if args.outside is None:
        return []
    outside, left_out = open_outside(args.outside, recognizer.labels)
    if left_out:
        print_error("evaluate", f"left out of {args.outside}, as the bundle knows them: {', '.join(left_out)}")
    return outside


def _measure_outside(
    args: argparse.Namespace, recognizer: Recognizer, clips: Sequence[Clip], known: Predictions, split: str
) -> dict[str, Any]:
    """How well the bundle tells clips of other actions from the known ones, whose predictions are made already."""
    with Progress(len(clips), "clips of other actions") as progress:
        outside, unreadable = predict_clips(recognizer, clips, clip_names(clips), progress.advance)
    for name, reason in unreadable:
        print_error("evaluate", f"skipped {name}: {reason}")
    return unknown_figures(
        score(split, known.clips, known.probabilities),
        score(args.outside.resolve().name, outside.clips, outside.probabilities),
        recognizer.bundle.calibration.unknown_threshold,
        resamples=args.bootstrap, seed=args.seed, span_classes=args.groups_span_classes,
    )  # fmt: skip


def _print(args: argparse.Namespace, metrics: dict[str, Any]) -> None:
    if args.json:
        print_json_line(metrics)
        return
    data = metrics["data"]
    print(
        f"{metrics['bundle']['name']}: {data['clips']} clips ({data['split']}) of {data['name']}, {data['groups']} groups\n"
    )
    _print_table([tuple(row) for row in summary_rows(metrics)], right=(1,))
    rows = [("class", "clips", "precision", "recall", "F1", "F1, bootstrap")]
    for label, e in metrics["classes"].items():
        if e["clips"]:
            figures_ = (number(e[name]) for name in ("precision", "recall", "f1"))
            rows.append((label, str(e["clips"]), *figures_, bounds(e["f1"]["bootstrap_95"])))
    _print_table(rows, right=(1, 2, 3, 4))
    if "streaming" in metrics:
        share_rows = [("streaming", "right", "of", "accuracy")]
        for name, entry in streaming_rows(metrics["streaming"]):
            share_rows.append((name, str(entry["hits"]), str(entry["n"]), number(entry)))
        _print_table(share_rows, right=(1, 2, 3))
    if "unknown" in metrics:
        _print_table(unknown_rows(metrics["unknown"]), right=(1, 2, 3))
    keras: Optional[dict[str, Any]] = metrics.get("keras")
    if keras:
        print(
            f"Keras: confusion matrix {'identical' if keras['confusion_identical'] else 'DIFFERENT'}, largest difference of a "
            f"probability {keras['max_abs_probability_difference']:.2g}\n"
        )
    if data["unreadable"]:
        print(f"{len(data['unreadable'])} clip(s) cannot be read and are not counted.")
    if args.output is not None:
        print(f"Report: {args.output / 'report.html'}")


def _print_table(rows: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    print("\n".join(table(rows, right=right, width=terminal_width())), end="\n\n")


def _write_replay(path: Path, replay: Replay) -> None:
    head = ["path", "label", "timestamp", "window_filled", "predicted", "score"]
    rows = [
        [p.path, p.label, f"{p.timestamp:.3f}", f"{p.window_filled:.3f}", p.predicted, p.score]
        for p in replay.predictions
    ]
    write_csv(path, [head, *rows])


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(names) < 2:
        raise argparse.ArgumentTypeError(f"expected two classes or more, parted by commas; got {text!r}")
    return names


def seed(text: str) -> int:
    """An option's value that seeds a random generator."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0; got {text!r}")
    return int(text)
