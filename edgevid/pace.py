"""Warnings about implausible timestamps: predictions do not show that a caller's timestamps are wrong."""

from __future__ import annotations

import sys
import time
import warnings
from types import FrameType
from typing import Optional

from .errors import EdgevidWarning

# Cameras give fewer frames a second. After a pause of the caller, a driver or a network may deliver this many at once.
_FASTEST = 400.0
_MOST_AT_ONCE = 200
# This many consecutive pauses, each longer than the window, are no accident.
_MOST_PAUSES = 5


class ArrivalClock:
    """Timestamps for frames that come without one: ``time.monotonic()`` on arrival.

    Warns once if frames arrive faster than from any camera, such as those of a file that is read in a loop.
    """

    def __init__(self) -> None:
        self._ahead = 0.0  # frames that arrived, less those that the fastest camera would have given since
        self._last: Optional[float] = None
        self._warned = False

    def now(self) -> float:
        """The timestamp of the frame that arrives now, in seconds."""
        now = time.monotonic()
        since = 0.0 if self._last is None else now - self._last
        self._ahead = max(self._ahead - since * _FASTEST, 0.0) + 1
        self._last = now
        if self._ahead > _MOST_AT_ONCE and not self._warned:
            self._warned = True
            warn(
                "Frames without timestamps arrive faster than any camera gives them. They get their arrival time, so a window "
                "spans much more of a film than it should. For a file, give each frame its own time in seconds, as "
                "push(frame, timestamp) or as pairs (timestamp, frame), or give the file itself as the source."
            )
        return now


class PauseWatch:
    """Warns once if consecutive frames are further apart than the window is long.

    Args:
        window_seconds: length of the window.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._warned = False
        self.reset()

    def reset(self) -> None:
        """Another scene begins."""
        self._last: Optional[float] = None
        self._pauses = 0

    def take(self, timestamp: float) -> None:
        """The next frame was taken at ``timestamp``, in seconds."""
        pause = 0.0 if self._last is None else timestamp - self._last
        self._last = timestamp
        self._pauses = self._pauses + 1 if pause > self._window_seconds else 0
        if self._pauses == _MOST_PAUSES and not self._warned:
            self._warned = True
            warn(
                f"The last {_MOST_PAUSES + 1} frames lie {pause:g} s apart, but a window spans {self._window_seconds:g} s: each "
                "prediction sees one frame only. Timestamps are in seconds: divide milliseconds by 1000."
            )


def warn(message: str) -> None:
    """Issue an :class:`~edgevid.EdgevidWarning` that points to the caller's line."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, EdgevidWarning, stacklevel=level)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "edgevid"
