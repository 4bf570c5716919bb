"""Plays a file as a camera would show it: in real time, in a loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Optional, Union

from ..errors import SourceError
from .base import Source, SourceStats, TimedFrame, Wanted
from .pictures import ImageFolder
from .video_file import VideoFile

# A consumer further behind than this continues from there: nobody wants fast motion after a pause.
_MAX_BEHIND_SECONDS = 1.0


class Playback(Source):
    """A file in real time, in a loop, or both. No frame is left out: a slow consumer sees the film more slowly.

    Timestamps are the file's own in the first round, and keep rising after that. At the seam a stream continues, as with a
    camera: so an action is recognised even in a clip little longer than the window. If the picture changes there as at a cut,
    the stream treats it like any other cut.

    Args:
        file: the file to play; closed with this.
        realtime: deliver each frame when it is due, not as soon as it is requested.
        loop: restart at the end. Only :meth:`close` ends it.
    """

    def __init__(self, file: Union[VideoFile, ImageFolder], *, realtime: bool = True, loop: bool = False) -> None:
        self.name = file.name
        self._file, self._realtime, self._loop = file, realtime, loop
        self._closing = threading.Event()
        self._newest = 0.0  # timestamp of the newest frame, wanted or not
        self._begun: Optional[float] = None  # time.monotonic() at timestamp 0

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        self._tell("opened", f"{self.name} is open.")
        shift = 0.0
        try:
            while True:
                for timestamp, image in self._file.frames(self._asking(wanted, shift)):
                    if self._closing.is_set():
                        break
                    yield TimedFrame(timestamp + shift, image)
                has_no_frame = self._newest < shift  # any more
                if not self._loop or self._closing.is_set() or has_no_frame:
                    break
                shift = self._newest + 1.0 / self._file.fps
        except Exception as error:
            if self._closing.is_set() and isinstance(error, SourceError):
                return  # closed from another thread, in the middle of a read
            self._tell("failed", f"{self.name} broke off: {error}")
            raise
        self._tell("ended", f"{self.name} has ended.")

    def stats(self) -> SourceStats:
        return self._file.stats()

    def close(self) -> None:
        self._closing.set()
        self._file.close()
        self._tell("ended", f"{self.name} is closed.")

    def _asking(self, wanted: Optional[Wanted], shift: float) -> Wanted:
        """The function that the file calls with each timestamp: here each frame waits until it is due."""

        def ask(timestamp: float) -> bool:
            self._newest = timestamp + shift
            if self._realtime:
                self._wait()
            return wanted is None or wanted(self._newest)

        return ask

    def _wait(self) -> None:
        now = time.monotonic()
        if self._begun is None or now - self._begun - self._newest > _MAX_BEHIND_SECONDS:
            self._begun = now - self._newest
        self._closing.wait(max(self._begun + self._newest - now, 0.0))
