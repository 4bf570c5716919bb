"""Makes an annotated copy of a video, and a picture of its timeline."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from ...bundles import UNIFORM
from ...errors import EdgevidError, SourceError
from ...events import EventDetector, EventOptions, fresh_smoothing
from ...events.words import knows, needs
from ...frames import Frame
from ...prediction import NOTHING
from ...recognizer import Recognizer
from ...sources import VideoFile
from ...stream import StreamOptions
from ...support.files import as_path, whole
from ...support.system import system_errors
from .overlay import Overlay
from .style import Palette, span
from .summary import Judged, Moment, judged, moments, summarise, verdicts
from .timeline_picture import Thumbnails, TimelineText, draw_timeline
from .video_writer import SUFFIXES, VideoWriter

# A stream's first predictions come from few frames: they are shown, but marked.
_MIN_FILLED = 0.0
_MOST_VERDICTS = 3


class Film(NamedTuple):
    """The video to annotate.

    Attributes:
        name: its name, for people.
        frames: (timestamp in seconds from 0 on, uint8 ``[H, W, 3]`` RGB) in time order, of one size.
        fps: frames per second.
        number: number of frames, if known; else 0.
    """

    name: str
    frames: Iterable[tuple[float, Frame]]
    fps: float
    number: int

    @classmethod
    def of(cls, video: VideoFile) -> Film:
        """The film of a file, which stays open."""
        return cls(video.path.name, video.frames(), video.fps, video.declared_frames)


class Annotated(NamedTuple):
    """The results.

    Attributes:
        video, timeline: the files that were written.
        history: the predictions, each with its time span.
        seconds: length of the video.
        model, labels: name of the model, and the actions that it knows.
        events: when an action is recognised.
    """

    video: Path
    timeline: Path
    history: list[Moment]
    seconds: float
    model: str
    labels: tuple[str, ...]
    events: EventOptions

    @property
    def knows(self) -> str:
        """A line with the model's name and what it knows."""
        return knows(self.model, self.labels)


@system_errors(SourceError)
def annotate(
    recognizer: Recognizer,
    film: Film,
    folder: Path,
    stem: str,
    *,
    window_seconds: Optional[float] = None,
    on_frame: Callable[[], None] = lambda: None,
) -> Annotated:
    """Read a film once and write both files, or neither: STEM.annotated.webm and STEM.timeline.png.

    The video is VP8, which browsers play; if OpenCV cannot write that, it is MPEG-4 part 2 and ends in .mp4.

    A film no longer than a window is a clip: its actions need no minimum duration.

    Args:
        recognizer: makes the predictions.
        folder, stem: where to write the files, and how their names begin.
        window_seconds: length of the window; default: what the bundle was trained for, or the whole video if
            that is shorter and the bundle was trained on whole clips.
        on_frame: called after each frame.

    Raises:
        SourceError: the film has no frame. EdgevidError: a file cannot be written. OSError: likewise.
    """
    folder = as_path("folder", folder)
    expected_seconds = film.number / film.fps
    bundle = recognizer.bundle
    if window_seconds is None:
        window_seconds = recognizer.window_seconds
        if expected_seconds and (bundle is None or bundle.clips == UNIFORM):
            # A shorter video can never fill the window; for the classifier, a clip is a window of its own length.
            window_seconds = min(window_seconds, expected_seconds)
    needed = 1.0 if bundle is None else bundle.min_filled
    filled_at = needed * window_seconds - window_seconds / recognizer.num_samples
    if expected_seconds and (expected_seconds == window_seconds or expected_seconds - 1 / film.fps < filled_at):
        needed = 0.0  # the video is a clip: judge all of it
    stream = recognizer.open_stream(StreamOptions(window_seconds=window_seconds, min_filled=_MIN_FILLED))
    palette, thumbnails = Palette(), Thumbnails(expected_seconds or 10.0)
    model = "a model of your own" if bundle is None else recognizer.name
    knowledge = knows(model, recognizer.labels)
    predictions: list[Judged] = []
    options = recognizer.events.options
    if 0 < expected_seconds <= window_seconds:  # a clip: only the score counts, not the duration
        options = replace(options, min_seconds=0.0)
    events, smoothing = EventDetector(options), fresh_smoothing(recognizer.events.smoothing)
    writer: Optional[VideoWriter] = None
    with ExitStack() as files:
        for timestamp, frame in film.frames:
            if writer is None:
                height, width = frame.shape[:2]
                overlay = Overlay(
                    width, height, seconds=expected_seconds, window_seconds=stream.window_seconds, palette=palette,
                    knows=knowledge,
                )  # fmt: skip
                video_path, writer = _open_writer(files, folder, stem, (overlay.width, overlay.height), film.fps)
            scenes, prediction = stream.scenes, stream.push(frame, timestamp)
            if stream.scenes != scenes:
                events.finish()
                if smoothing is not None:
                    smoothing.reset()
            if prediction is not None:
                # a window counts as full when the bundle was trained to judge it
                filled = min(1.0, prediction.window_filled / needed) if needed else 1.0
                prediction = replace(prediction, window_filled=filled)
                if filled >= 1.0:  # as in any other stream, no judgement before
                    prediction = prediction if smoothing is None else smoothing.update(prediction)
                    events.update(prediction)
                predictions.append(Judged(prediction, events.active))
            newest = predictions[-1] if predictions else None
            writer.write(overlay.draw(frame, timestamp, newest, window_filled=stream.window_filled))
            thumbnails.offer(frame, timestamp)
            on_frame()
        if writer is None:
            raise SourceError(f"{film.name} has no frame that can be decoded; convert it again with ffmpeg.")
        seconds = timestamp + 1.0 / film.fps
        history = moments(predictions, seconds)
        text = TimelineText(film.name, knowledge, window_seconds, recognizer.num_samples, events.options)
        picture = draw_timeline(history, seconds, thumbnails, text, palette)
        timeline_path = folder / f"{stem}.timeline.png"
        picture.save(files.enter_context(whole(timeline_path)), format="PNG")
        writer.finish()
    return Annotated(video_path, timeline_path, history, seconds, model, recognizer.labels, events.options)


def _open_writer(
    files: ExitStack, folder: Path, stem: str, size: tuple[int, int], fps: float
) -> tuple[Path, VideoWriter]:
    """The writer of the annotated video, in the first format that OpenCV can write here, and its path."""
    for suffix in SUFFIXES:
        path = folder / f"{stem}.annotated{suffix}"
        try:
            with ExitStack() as opening:
                writer = opening.enter_context(VideoWriter(opening.enter_context(whole(path)), *size, fps))
                files.push(opening.pop_all())
                return path, writer
        except EdgevidError as error:
            failure = error
    raise failure


def describe(annotated: Annotated) -> list[str]:
    """A few lines: what was recognised, for how long, and when."""
    history, lines = annotated.history, [f"{annotated.knows}."]
    found = verdicts(history)
    if not found:
        return [*lines, "Nothing was judged: the video is shorter than a window; try a shorter one: --window-seconds."]
    recognised = [verdict for verdict in found if verdict.label != NOTHING]
    if recognised:
        lasted = [verdict for verdict in found if verdict.seconds]
        told = [verdict for k, verdict in enumerate(lasted) if k < _MOST_VERDICTS or verdict.label == NOTHING]
        lines += [f"{'Also:' if k else 'Most of the time:':<18}{verdict.sentence()}" for k, verdict in enumerate(told)]
    else:
        knows_others = any(moment.prediction.none for moment in history)
        asked = needs(annotated.events, history[0].prediction.threshold if knows_others else None)
        lines.append(f"It recognised none of them in this video: that takes {asked}.")
    peaks = (f"{row.label} {row.peak:.2f} at {row.peak_time:.1f} s" for row in summarise(history)[:3] if row.seconds)
    lines.append(f"{'Best guesses:':<18}{', '.join(peaks)}")
    start = judged(history)[0].start
    if start > 0:
        lines.append(f"{'Not judged:':<18}the first {span(start)}, in which the window filled")
    return lines
