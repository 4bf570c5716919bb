"""``edgevid classify``: one prediction for each video file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Union

from ..errors import EdgevidError, SourceError
from ..prediction import Prediction
from ..sources import check_finished
from ..sources.folder import VIDEO_SUFFIXES, videos_below
from ..support.printable import printable
from .options import add_model_options, load_recognizer, positive_int
from .output import (
    Progress,
    answer_width,
    fit_columns,
    is_terminal,
    print_error,
    print_fields,
    print_json_line,
    print_lines,
    print_note,
    shorten,
    terminal_width,
)

_EPILOG = """\
output:
  On a terminal: a table. Otherwise one tab-separated line per file: path, label, score, then label and score of the
  next classes. "nothing recognised (LABEL)" means that none of the bundle's actions was recognised: the score of the best
  guess, LABEL, is below --enter, or the confidence that it is one of them is below --threshold.

  With --json: one JSON object per line. A file that was classified has at least path, label, score, accepted and top,
  a list of [label, score], best first. A file that failed has path and error, and no label.
  Errors also go to stderr in every format.

examples:
  edgevid classify clip.mp4
  edgevid classify my_clips -b my_actions      every video in a folder and its subfolders
  edgevid classify a.mp4 b.mp4 --json -k 1 | jq .label

exit code:
  0 all files were classified, 1 at least one failed (the others are in the output), 2 usage error
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="video files, or folders to search for videos, including subfolders"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line (default: a table)")
    parser.add_argument(
        "-k", "--top", type=positive_int, default=5, metavar="K",
        help="number of classes to print per file, best first (default: %(default)s)",
    )  # fmt: skip
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    files: list[Path] = []
    printer = _Printer(args, files)
    for path in args.paths:
        try:
            files += find_videos(path)
        except EdgevidError as error:
            printer.failure(path, error)
    if not files:
        return 1
    with load_recognizer(args) as recognizer, Progress(len(files), "files") as progress:
        for path in files:
            try:
                prediction = recognizer.classify(path)
            except EdgevidError as error:
                progress.clear()
                printer.failure(path, error)
            else:
                progress.clear()
                printer.prediction(path, prediction)
            progress.advance()
    if printer.failures and len(files) > 1:
        print_error("classify", f"{printer.failures} of the inputs failed.")
    return 1 if printer.failures else 0


def find_videos(text: str) -> list[Path]:
    """The video files that a path names: those in a folder, sorted; else the file itself, which may not exist.

    Raises:
        SourceError: a folder holds no video or cannot be read; or the path names a camera or a stream.
    """
    check_finished(text)
    path = Path(text)
    if not path.is_dir():
        return [path]
    found = videos_below(path)
    if not found:
        raise SourceError(
            f"The folder {path} holds no video; looked in all its subfolders for {' '.join(VIDEO_SUFFIXES)}. "
            "To classify files with another ending, name the files themselves."
        )
    print_note(f"{path}: {len(found)} {'video' if len(found) == 1 else 'videos'} found")
    return found


class _Printer:
    """Prints predictions and failures in the chosen format, and counts the failures."""

    def __init__(self, args: argparse.Namespace, files: Sequence[Path]) -> None:
        self.failures = 0
        self._top: int = args.top
        self._form = "json" if args.json else "table" if is_terminal(sys.stdout) else "lines"
        self._files = files
        self._widths: list[int] = []

    def failure(self, path: Union[str, Path], error: EdgevidError) -> None:
        self.failures += 1
        print_error("classify", str(error))
        if self._form == "json":
            print_json_line({"path": str(path), "error": str(error)})

    def prediction(self, path: Path, prediction: Prediction) -> None:
        best, *others = prediction.top(self._top)
        if self._form == "json":
            print_json_line({"path": str(path), **prediction.as_dict(self._top)})
        elif self._form == "lines":
            fields = [str(path), prediction.answer(), f"{best.score:.4f}"]
            for label, score in others:
                fields += [label, f"{score:.4f}"]
            print_fields(*fields)
        else:
            if not self._widths:
                longest = max(len(printable(str(file))) for file in self._files), answer_width(prediction.labels)
                self._widths = fit_columns([*longest, 5, 40 if others else 0], terminal_width())
                self._print_row("FILE", "LABEL", "SCORE", "THEN" if others else "")
            then = ", ".join(f"{label} {score:.2f}" for label, score in others)
            self._print_row(str(path), prediction.answer(), f"{best.score:.2f}", then)

    def _print_row(self, path: str, label: str, score: str, then: str) -> None:
        a, b, c, _ = self._widths
        rest = terminal_width() - (a + b + c + 6)
        path, label, then = map(printable, (path, label, then))
        line = f"{shorten(path, a, keep='end'):<{a}}  {shorten(label, b):<{b}}  {score:>{c}}  {shorten(then, max(rest, 0))}"
        print_lines(line.rstrip())
