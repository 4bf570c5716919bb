"""What a recorder sees, for those who watch: the picture, with the countdown on it, and what goes on in words."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np

from ..frames import Frame
from ..runner.messages import Message, Output, Sampled
from ..runner.state import GONE, StateTracker
from ..sources import Source, SourceStatus, TimedFrame
from .recorder import Recording

_SECONDS_APART = 0.09  # between two pictures
_RED, _WHITE, _BLACK = (220, 30, 30), (255, 255, 255), (0, 0, 0)
_WORDS = {"countdown": "{label}: in {seconds_left} s", "recording": "Recording {label}: {seconds_left} s left"}


class Preview:
    """Shows a recorder's frames and states on an output, such as :class:`~edgevid.outputs.web.WebServer`.

    >>> preview = Preview(server, camera)  # doctest: +SKIP
    >>> Recorder(camera, "my_clips", on_progress=preview.progress, on_frame=preview.frame)  # doctest: +SKIP

    Args:
        output: is told the frames, with no predictions; ``state.state`` is the recorder's: "ready", "countdown" or "recording".
        source: the recorder's.
    """

    def __init__(self, output: Output, source: Source) -> None:
        self._output, self._source = output, source
        self._tracker = StateTracker(source.name)
        self._lock = threading.Lock()  # a source tells its states from a thread of its own
        self._recording = Recording()
        self._shown = -math.inf

    def progress(self, recording: Recording) -> None:
        """For a recorder's ``on_progress``."""
        self._recording = recording
        self._shown = -math.inf  # the next picture shows it

    def frame(self, frame: TimedFrame) -> None:
        """For a recorder's ``on_frame``: about ten of them a second are shown."""
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
    """The picture with a red frame around it while it is recorded, and the seconds that are left before.

    Args:
        image: uint8 ``[H, W, 3]`` RGB; not written to.
    """
    if recording.state == "ready":
        return image
    import cv2

    picture: Any = np.array(image)
    height, width = picture.shape[:2]
    if recording.state == "recording":
        thickness = max(2, height // 24)
        cv2.rectangle(picture, (0, 0), (width - 1, height - 1), _RED, thickness)
        return picture  # type: ignore[no-any-return]
    text, font = str(recording.seconds_left), cv2.FONT_HERSHEY_DUPLEX
    scale = height / 50  # its letters are about 22 pixels high at 1
    thickness = max(2, height // 40)
    (text_width, text_height), _ = cv2.getTextSize(text, font, scale, thickness)
    place = ((width - text_width) // 2, (height + text_height) // 2)
    for colour, extra in ((_BLACK, 2 + height // 60), (_WHITE, 0)):
        cv2.putText(picture, text, place, font, scale, colour, thickness + 2 * extra, cv2.LINE_AA)
    return picture  # type: ignore[no-any-return]
