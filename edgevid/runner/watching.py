"""The one loop of a running stream: a source's frames -> what was seen in them.

Everything that streams runs this: :meth:`edgevid.Recognizer.stream`, the threaded runner, the command line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Callable, Optional

from ..events import Event, EventDetector, Smoothing
from ..sources.base import Source, TimedFrame
from ..stream import Stream
from .messages import Observation

# Told the timestamp of the frame at hand, says whether the stream is to end.
Stop = Callable[[float], bool]


def observe(
    stream: Stream,
    source: Source,
    *,
    name: Optional[str] = None,
    smoothing: Optional[Smoothing] = None,
    events: Optional[EventDetector] = None,
    stop: Optional[Stop] = None,
) -> Iterator[Observation]:
    """What a stream sees in a source: one observation for each frame that its sampling wants.

    Where the source is lost, or the stream notices a cut, a new scene begins: events that were going on end, and the window and
    the smoothing start anew. At a loss and at the source's end, also where it breaks off, an observation that repeats the last
    frame tells which events ended, if any did.

    Args:
        stream, smoothing, events: fresh ones, used by no one else; default: no smoothing, no events.
        source: an open source; it stays open.
        name: what observations call the source; default: its own name.
        stop: asked with the timestamp of each frame before it is used, and again after; True ends the stream as the
            source's end does.

    Raises:
        SourceError: the source broke off. FrameError, TimestampError: it gave what is no frame, or time ran backwards.
    """
    name = source.name if name is None else name
    restarts, scenes = source.restarts, stream.scenes
    untold: tuple[Event, ...] = ()  # what ended between two frames
    last: Optional[TimedFrame] = None
    failure: Optional[Exception] = None
    try:
        for frame in source.frames_and_losses(stream.wants):
            if frame is None:
                stream.reset()
                untold += _end_scene(smoothing, events)
                if untold and last is not None:
                    yield _repeated(name, last, untold, source)
                    untold = ()
                continue
            read_at = time.monotonic()
            timestamp, image = float(frame[0]), frame[1]  # NumPy's numbers are not JSON's
            if stop is not None and stop(timestamp):
                break
            if source.restarts != restarts:
                restarts = source.restarts
                stream.reset()
            prediction = stream.push(image, timestamp)
            last = TimedFrame(timestamp, image)  # not one that was refused
            if stream.scenes != scenes:
                scenes = stream.scenes
                untold += _end_scene(smoothing, events)
            if prediction is not None and smoothing is not None:
                prediction = smoothing.update(prediction)
            if prediction is not None and events is not None:
                untold += tuple(events.update(prediction))
            # a camera's frame has waited since it was grabbed; a file's waits for nobody
            taken_at = timestamp if source.live else read_at
            latency = max(time.monotonic() - taken_at, 0.0)
            yield Observation(name, timestamp, image, prediction, untold, latency, source.stats())
            untold = ()
            if stop is not None and stop(timestamp):
                break
    except Exception as error:  # told again below, after the events that it must not swallow
        failure = error
    untold += _end_scene(smoothing, events)
    if untold and last is not None:
        yield _repeated(name, last, untold, source)
    if failure is not None:
        raise failure


def _repeated(name: str, last: TimedFrame, untold: tuple[Event, ...], source: Source) -> Observation:
    return Observation(name, last.timestamp, last.image, None, untold, 0.0, source.stats())


def _end_scene(smoothing: Optional[Smoothing], events: Optional[EventDetector]) -> tuple[Event, ...]:
    if smoothing is not None:
        smoothing.reset()
    return () if events is None else tuple(events.finish())
