"""A video -> an annotated copy of it, and its timeline as a picture."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from ...bundles import UNIFORM
from ...errors import SourceError
from ...events import EventDetector, fresh_smoothing
from ...prediction import NONE_OF_THESE, Prediction
from ...recognizer import Recognizer
from ...sources import VideoFile
from ...stream import StreamOptions
from ...support.files import as_path, whole
from ...support.system import system_errors
from .overlay import Overlay
from .style import Palette, span
from .summary import Moment, judged, moments, summarise, verdicts
from .timeline_picture import Thumbnails, TimelineText, draw_timeline
from .video_writer import VideoWriter

# A stream's first predictions are made from few frames: they are shown, marked, rather than nothing.
_MIN_FILLED = 0.0
_MOST_VERDICTS = 3


class Annotated(NamedTuple):
    """What was seen: the predictions with the time for which each stands, the video's length in seconds, and who judged."""

    history: list[Moment]
    seconds: float
    model: str


@system_errors(SourceError)
def annotate(
    recognizer: Recognizer,
    video: VideoFile,
    video_path: Path,
    timeline_path: Path,
    *,
    window_seconds: Optional[float] = None,
    on_frame: Callable[[], None] = lambda: None,
) -> Annotated:
    """Read a video once and write both files, or neither.

    Args:
        recognizer: makes the predictions.
        video: is read from its beginning.
        video_path: of the annotated copy, MP4.
        timeline_path: of the timeline, PNG.
        window_seconds: what one prediction is made of; default: what the bundle was trained for, or the whole video where
            that is shorter and the bundle was trained on whole clips.
        on_frame: called after each frame.

    Raises:
        SourceError: the video holds no frame. EdgevidError: a file cannot be written. OSError: likewise.
    """
    video_path, timeline_path = as_path("video_path", video_path), as_path("timeline_path", timeline_path)
    expected_seconds = video.declared_frames / video.fps
    bundle = recognizer.bundle
    if window_seconds is None:
        window_seconds = recognizer.window_seconds
        if expected_seconds and (bundle is None or bundle.clips == UNIFORM):
            # A shorter video can never fill the window; to the classifier a clip is a window of its own length.
            window_seconds = min(window_seconds, expected_seconds)
    needed = 1.0 if bundle is None else bundle.min_filled
    stream = recognizer.open_stream(StreamOptions(window_seconds=window_seconds, min_filled=_MIN_FILLED))
    palette, thumbnails = Palette(), Thumbnails(expected_seconds or 10.0)
    model = "a model of your own" if bundle is None else recognizer.name
    predictions: list[Prediction] = []
    events, smoothing = EventDetector(recognizer.events.options), fresh_smoothing(recognizer.events.smoothing)
    writer: Optional[VideoWriter] = None
    with ExitStack() as files:
        for timestamp, frame in video.frames():
            if writer is None:
                height, width = frame.shape[:2]
                overlay = Overlay(
                    width, height, seconds=expected_seconds, window_seconds=stream.window_seconds, palette=palette,
                    model=model,
                )  # fmt: skip
                partial = files.enter_context(whole(video_path))
                writer = files.enter_context(VideoWriter(partial, overlay.width, overlay.height, video.fps))
            scenes, prediction = stream.scenes, stream.push(frame, timestamp)
            if stream.scenes != scenes:
                events.finish()
                if smoothing is not None:
                    smoothing.reset()
            if prediction is not None:
                # a window counts as full where the bundle was trained to judge by it
                filled = min(1.0, prediction.window_filled / needed) if needed else 1.0
                predictions.append(replace(prediction, window_filled=filled))
                events.update(prediction if smoothing is None else smoothing.update(prediction))
            newest = predictions[-1] if predictions else None
            writer.write(
                overlay.draw(frame, timestamp, newest, window_filled=stream.window_filled, action=events.active)
            )
            thumbnails.offer(frame, timestamp)
            on_frame()
        if writer is None:
            raise SourceError(f"{video.path} holds no frame that can be decoded; convert it again with ffmpeg.")
        seconds = timestamp + 1.0 / video.fps
        history = moments(predictions, seconds)
        text = TimelineText(video.path.name, model, window_seconds, recognizer.num_samples, recognizer.threshold)
        picture = draw_timeline(history, seconds, thumbnails, text, palette)
        picture.save(files.enter_context(whole(timeline_path)), format="PNG")
        writer.finish()
    return Annotated(history, seconds, model)


def describe(annotated: Annotated) -> list[str]:
    """What the model thought, in a few lines: what was there for how long, and for how long none of its actions."""
    history = annotated.history
    found = verdicts(history)
    if not found:
        return ["No prediction was made."]
    num_labels = len(history[0].prediction.labels)
    told = [verdict for k, verdict in enumerate(found) if k < _MOST_VERDICTS or verdict.label == NONE_OF_THESE]
    lines = [
        f"{'Also:' if k else 'Most of the time:':<18}{verdict.sentence(annotated.model, num_labels)}"
        for k, verdict in enumerate(told)
    ]
    peaks = (f"{row.label} {row.peak:.2f} at {row.peak_time:.1f} s" for row in summarise(history)[:3] if row.seconds)
    lines.append(f"{'Surest moments:':<18}{', '.join(peaks)}")
    start = judged(history)[0].start
    if start > 0:
        lines.append(f"{'Not judged:':<18}the first {span(start)}, in which the window filled")
    return lines
