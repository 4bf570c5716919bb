"""The loop over a source that turns its frames into the stream's predictions, scene by scene.

:meth:`edgevid.Recognizer.stream`, :func:`edgevid.find_events` and the runner all use :func:`follow`. :func:`follow_async`
does the same for an async iterable of frames.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

from .errors import SourceError
from .events import Smoothing
from .frames import RGB, Frame, to_rgb
from .pace import ArrivalClock
from .prediction import Prediction
from .sources import Source, VideoCapture, open_source
from .sources.sequence import timed_frame
from .stream import Stream

# See edgevid.open_source. A function opens a source when it is called.
StreamSource = Union[int, str, Path, Source, VideoCapture, Iterable[Any], Callable[[], Any]]


def open_stream_source(source: StreamSource, colour: str = RGB) -> Source:
    """Open the source that ``source`` names, or call it if it is a function; ``colour`` as in :func:`edgevid.open_source`."""
    return open_source(source() if callable(source) else source, colour=colour)


class Followed(NamedTuple):
    """A frame that the stream used, and its prediction.

    Attributes:
        timestamp: seconds on the source's clock.
        frame: uint8 ``[H, W, 3]`` RGB.
        prediction: smoothed; None while the window fills and between two hops.
        taken_at: ``time.monotonic()`` when the frame was captured, or, for a file, read.
    """

    timestamp: float
    frame: Frame
    prediction: Optional[Prediction]
    taken_at: float


def follow(
    stream: Stream,
    source: Source,
    stop: Optional[Callable[[float], bool]] = None,
    smoothing: Optional[Smoothing] = None,
) -> Iterator[Optional[Followed]]:
    """Yield each frame that completes a sample, with its prediction; None where a scene ends before the next frame.

    A scene ends when the source is lost, and when the stream detects a cut: the window and the smoothing start anew, and
    anything that follows the predictions over time must too. At the end of the source nothing more is yielded.

    Args:
        stream: a new one, used by no one else.
        source: an open source; it stays open.
        stop: called with the timestamp of each frame before it is used; True ends the iteration.
        smoothing: a new one, used by no one else; default: none.

    Raises:
        SourceError: the source broke off. FrameError, TimestampError: it gave an invalid frame, or time ran backwards.
    """
    restarts, scenes, samples, scene_has_frames = source.restarts, stream.scenes, stream.samples, False
    for timed in source.frames_and_losses(stream.wants):
        prediction, read_at = None, time.monotonic()
        if timed is not None:
            timestamp, frame = float(timed[0]), timed[1]  # NumPy's numbers cannot be written as JSON
            if stop is not None and stop(timestamp):
                return
        if timed is None or source.restarts != restarts:
            restarts = source.restarts
            stream.reset()
        if timed is not None:
            prediction = stream.push(frame, timestamp)
        if stream.scenes != scenes:
            scenes = stream.scenes
            if smoothing is not None:
                smoothing.reset()
            if scene_has_frames:
                scene_has_frames = False
                yield None
        if timed is not None and stream.samples != samples:  # else the frame is kept for a later sample
            samples, scene_has_frames = stream.samples, True
            if prediction is not None and smoothing is not None:
                prediction = smoothing.update(prediction)
            # a camera's frame has waited since it was grabbed; a file's has not
            yield Followed(timestamp, frame, prediction, timestamp if source.live else read_at)


def predictions(
    stream: Stream, source: StreamSource, smoothing: Optional[Smoothing], colour: str
) -> Iterator[Prediction]:
    """Implements :meth:`edgevid.Recognizer.stream`. Closes the source if it opened it."""
    # Opened on the first step, not before: a generator that never starts has no way to close it.
    opened = open_stream_source(source, colour)
    try:
        for followed in follow(stream, opened, smoothing=smoothing):
            if followed is not None and followed.prediction is not None:
                yield followed.prediction
    finally:
        if opened is not source:
            opened.close()


async def follow_async(
    stream: Stream, frames: AsyncIterable[Any], smoothing: Optional[Smoothing], colour: str
) -> AsyncIterator[Prediction]:
    """Implements :meth:`edgevid.Recognizer.astream`: as :func:`predictions`, with the networks run in a thread.

    Args:
        frames: each a frame, or a pair (timestamp, frame); the next one is awaited when the last one has been used.
    """
    import asyncio

    if not isinstance(frames, AsyncIterable):
        raise SourceError(
            f"A source of type {type(frames).__name__} was given to astream; expected an async iterable of frames. For other "
            "sources use: async with recognizer.start(source) as runner, and in it: async for prediction in runner."
        )
    clock, scenes = ArrivalClock(), stream.scenes

    def push(image: Any, timestamp: float) -> Optional[Prediction]:
        return stream.push(to_rgb(image, colour), timestamp)

    async for item in frames:
        timestamp, image = timed_frame(item, clock)
        if not stream.wants(timestamp):
            continue
        prediction = await asyncio.to_thread(push, image, timestamp)
        if smoothing is not None and stream.scenes != scenes:
            smoothing.reset()
        scenes = stream.scenes
        if prediction is not None:
            yield prediction if smoothing is None else smoothing.update(prediction)
