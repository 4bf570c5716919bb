"""The one loop over a source: its frames -> the stream's predictions, scene by scene.

:meth:`edgevid.Recognizer.stream`, the offline pass over events and the runner all run this.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

from .events import Smoothing
from .frames import Frame
from .prediction import Prediction
from .sources import Source, open_source
from .stream import Stream

# See edgevid.open_source. A function opens a source when it is called.
StreamSource = Union[int, str, Path, Source, Iterable[Any], Callable[[], Source]]


def open_stream_source(source: StreamSource) -> Source:
    """The source that ``source`` means or makes."""
    return open_source(source() if callable(source) else source)


class Followed(NamedTuple):
    """A frame that the stream wanted, and what it made of it.

    Attributes:
        timestamp: seconds on the source's clock.
        frame: uint8 ``[H, W, 3]`` RGB.
        prediction: smoothed; None while the window fills and between two hops.
        taken_at: ``time.monotonic()`` when the frame was captured; of a file, when it was read.
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
    """The frames of a source that complete a sample, each with its prediction; None where a scene ends before the next frame.

    A scene ends where the source is lost, and where the stream notices a cut: the window and the smoothing start anew, and
    whoever follows the predictions over time must too. At the end of the source nothing more comes.

    Args:
        stream: a fresh one, used by no one else.
        source: an open source; it stays open.
        stop: asked with the timestamp of each frame before it is used; True ends the iteration.
        smoothing: a fresh one, used by no one else; default: none.

    Raises:
        SourceError: the source broke off. FrameError, TimestampError: it gave what is no frame, or time ran backwards.
    """
    restarts, scenes, samples, scene_has_frames = source.restarts, stream.scenes, stream.samples, False
    for timed in source.frames_and_losses(stream.wants):
        prediction, read_at = None, time.monotonic()
        if timed is not None:
            timestamp, frame = float(timed[0]), timed[1]  # NumPy's numbers are not JSON's
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
        if timed is not None and stream.samples != samples:  # else it is kept for a later sample
            samples, scene_has_frames = stream.samples, True
            if prediction is not None and smoothing is not None:
                prediction = smoothing.update(prediction)
            # a camera's frame has waited since it was grabbed; a file's waits for nobody
            yield Followed(timestamp, frame, prediction, timestamp if source.live else read_at)
