"""The events of a finished video: the same as a stream of it would give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Union

from .errors import OptionError
from .events import Event, EventDetector, EventOptions, Smoothing, fresh_smoothing
from .following import follow
from .frames import RGB
from .recognizer import Recognizer
from .sources import FrameIterable, Source, VideoCapture, open_source
from .stream import StreamOptions, given_options
from .support.checks import check_number

Video = Union[str, Path, Source, VideoCapture, Iterable[Any]]


def find_events(
    recognizer: Recognizer,
    video: Video,
    *,
    options: Optional[EventOptions] = None,
    smoothing: Optional[Union[str, Smoothing]] = None,
    stream: Optional[StreamOptions] = None,
    fps: float = 25.0,
    colour: str = RGB,
) -> list[Event]:
    """The actions in a finished video: when they began, were repeated and ended, in time order.

    The result is that of an :class:`~edgevid.EventDetector` on ``recognizer.stream(video)``. An action that goes on at
    the end of the video ends with its last prediction. Memory use does not grow with the video.

    Args:
        recognizer: classifies each window.
        video: a video file, or anything else that :func:`edgevid.open_source` accepts and that ends by itself.
        options: when an action begins and ends; default: as the bundle's card says, else ``EventOptions()``.
        smoothing: applied to the predictions first; see :func:`edgevid.events.open_smoothing`. Default: as the
            bundle's card says, else none.
        stream: how to classify the video; default: ``StreamOptions()``.
        fps: frames per second, for frames without timestamps.
        colour: channel order of an iterable's frames, "rgb" or "bgr".

    Raises:
        SourceError: the video cannot be read. OptionError: an option outside its range, or a camera instead of a video.
    """
    if isinstance(recognizer, (str, Path)):
        raise OptionError(
            "A path was given as the recogniser, which comes first: find_events(edgevid.load(), 'long.mp4')."
        )
    detector = EventDetector(recognizer.events.options if options is None else options)
    smoother = fresh_smoothing(recognizer.events.smoothing if smoothing is None else smoothing)
    rate = check_number("fps", fps, 0, 1000, above_low=True)
    source = open_source(video, colour=colour)
    if isinstance(source, FrameIterable) and source is not video:
        source = FrameIterable(_timed(video, rate), colour=colour)
    stream = replace(given_options(stream), enter=detector.options.enter)
    events: list[Event] = []
    try:
        if source.live:
            raise OptionError(f"The {source.name} never ends; follow it with recognizer.stream and an EventDetector.")
        for followed in follow(recognizer.open_stream(stream), source, smoothing=smoother):
            if followed is None:
                events += detector.finish()
            elif followed.prediction is not None:
                events += detector.update(followed.prediction)
    finally:
        if source is not video:
            source.close()
    return events + detector.finish()


def _timed(video: Any, fps: float) -> Iterable[Any]:
    """Pairs of (timestamp, frame); frames without timestamps get them from ``fps``."""
    for number, item in enumerate(video):
        yield item if isinstance(item, tuple) and len(item) == 2 else (number / fps, item)
