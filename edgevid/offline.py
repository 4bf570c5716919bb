"""The offline pass: what a stream says of a finished video, by the reference form of the classifier.

A stream may carry the classifier's state from one window to the next; here every window is classified as a clip is, by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Optional, Union

from .classifiers.window import EmbeddingWindow
from .errors import OptionError
from .events import Event, EventDetector, EventOptions, Smoothing
from .prediction import Prediction
from .recognizer import Recognizer
from .runner.starting import fresh_smoothing
from .sampling import StreamSampler
from .sources import Source, open_source

Video = Union[str, Path, Source, Iterable[Any]]


def find_events(
    recognizer: Recognizer,
    video: Video,
    *,
    options: Optional[EventOptions] = None,
    smoothing: Optional[Union[str, Smoothing]] = None,
    window_seconds: Optional[float] = None,
    hop: int = 1,
) -> list[Event]:
    """The actions in a finished video: what began and what ended, in time order.

    What an :class:`~edgevid.EventDetector` says that follows ``recognizer.stream(video)``. An action that goes on at
    the end of the video ends with its last prediction. The memory that it takes does not grow with the video.

    Args:
        recognizer: classifies each window.
        video: a video file, or whatever else :func:`edgevid.open_source` takes that ends by itself.
        options: when an action counts as begun and as ended; default: ``EventOptions()``.
        smoothing: applied to the predictions first; see :func:`edgevid.events.open_smoothing`. Default: none.
        window_seconds: what a window spans; default: what the bundle was trained for.
        hop: sampled frames between two predictions.

    Raises:
        SourceError: the video cannot be read. OptionError: an option outside its range, or a camera instead of a video.
    """
    detector = EventDetector(options)
    smoother = fresh_smoothing(smoothing)
    events: list[Event] = []
    for prediction in _windows(recognizer, video, window_seconds, hop):
        events += detector.update(prediction if smoother is None else smoother.update(prediction))
    return events + detector.finish()


def predictions(
    recognizer: Recognizer, video: Video, *, window_seconds: Optional[float] = None, hop: int = 1
) -> list[Prediction]:
    """The prediction of each window of a finished video, as :func:`find_events` uses them, before smoothing.

    None of a video that is shorter than a window. Arguments and errors as there.
    """
    return list(_windows(recognizer, video, window_seconds, hop))


def _windows(recognizer: Recognizer, video: Video, window_seconds: Optional[float], hop: int) -> Iterator[Prediction]:
    if isinstance(hop, bool) or not isinstance(hop, int) or hop < 1:
        raise OptionError(f"hop={hop!r} was given; expected an int of 1 or more sampled frames.")
    size = recognizer.num_frames
    sampler = StreamSampler(recognizer.window_seconds if window_seconds is None else window_seconds, size)
    window = EmbeddingWindow(size, recognizer.extractor.dim)
    timestamps: deque[float] = deque(maxlen=size)
    source = open_source(video)
    try:
        if source.live:
            raise OptionError(f"The {source.name} never ends; follow it with recognizer.stream and an EventDetector.")
        sampled = 0
        for timestamp, image in source.frames(lambda timestamp: sampler.ticks_due(timestamp) > 0):
            embedding = recognizer.extractor.embed(image)
            due = None
            for _ in range(sampler.advance(timestamp)):
                window.push(embedding)
                timestamps.append(timestamp)
                sampled += 1
                if sampled >= size and (sampled - size) % hop == 0:
                    due = window.view().copy(), timestamps[0]
            # Where one frame stands for several samples, only the last of the predictions that are due is of use.
            if due is not None:
                yield Prediction(
                    labels=recognizer.labels,
                    probabilities=recognizer.classifier.predict(due[0]),
                    threshold=recognizer.threshold,
                    timestamp=timestamp,
                    start_timestamp=due[1],
                )
    finally:
        if source is not video:
            source.close()
