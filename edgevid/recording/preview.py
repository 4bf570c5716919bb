"""A preview of a recording: the picture with the countdown on it, and the state in words."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from ..frames import Frame
from ..runner.messages import Message, Output, Sampled
from ..runner.state import GONE, StateTracker
from ..sources import Source, SourceStatus, TimedFrame
from ..support.fonts import font
from .recorder import Recording

_SECONDS_APART = 0.09  # between two pictures
_RED = (220, 30, 30)
_WORDS = {"countdown": "{label}: in {seconds_left} s", "recording": "Recording {label}: {seconds_left} s left"}


class Preview:
    """Shows a recorder's frames and states on an output, such as :class:`~edgevid.outputs.web.WebServer`.

    >>> preview = Preview(server, camera)  # doctest: +SKIP
    >>> Recorder(camera, "my_clips", on_progress=preview.progress, on_frame=preview.frame)  # doctest: +SKIP

    Args:
        output: receives the frames, without predictions; ``state.state`` is the recorder's: "ready", "countdown" or "recording".
        source: the recorder's source.
    """

    def __init__(self, output: Output, source: Source) -> None:
        self._output, self._source = output, source
        self._tracker = StateTracker(source.name, next_try_at=lambda: source.retry_at)
        self._lock = threading.Lock()  # a source reports its states from its own thread
        self._recording = Recording()
        self._shown = -math.inf

    def progress(self, recording: Recording) -> None:
        """For a recorder's ``on_progress``."""
        self._recording = recording
        self._shown = -math.inf  # show it with the next picture

    def frame(self, frame: TimedFrame) -> None:
        """For a recorder's ``on_frame``: shows about ten frames a second."""
        now = time.monotonic()
        if now - self._shown < _SECONDS_APART:
            return
        self._shown = now
        picture = drawn(frame.image, self._recording)
        source = self._source
        self._tell(Sampled(source.name, frame.timestamp, picture, None, 0.0, source.stats(), source.live))

    def status(self, status: SourceStatus) -> None:
        """For a source's ``on_status``."""
        self._tell(status)

    def _tell(self, message: Message) -> None:
        with self._lock:
            state = self._tracker.take(message)
            if state.state not in GONE:
                words = _WORDS.get(self._recording.state, "").format(**self._recording._asdict())
                state = replace(state, state=self._recording.state, message=words)
            self._output.take(message, state)


def drawn(image: Frame, recording: Recording) -> Frame:
    """The picture with a red border while recording; before that with the seconds left at its top.

    Args:
        image: uint8 ``[H, W, 3]`` RGB; not written to.
    """
    if recording.state == "ready":
        return image
    picture = Image.fromarray(image)
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    if recording.state == "recording":
        draw.rectangle((0, 0, width - 1, height - 1), outline=_RED, width=max(2, height // 24))
    else:
        draw.text(
            (width / 2, 0.04 * height),
            str(recording.seconds_left),
            font=font(height / 3),
            anchor="mt",
            fill="white",
            stroke_width=max(1, height // 80),
            stroke_fill="black",
        )
    return np.asarray(picture)
