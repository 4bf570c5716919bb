"""Which frames are used: a fixed number, uniformly over a clip; by their timestamps in a stream.

Both divide a span of time into equal parts, one sample each: a clip's whole duration, or a stream's ``window_seconds``. So
a window of a stream is to the classifier what a clip of that duration is.
"""

from __future__ import annotations

import math
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from .errors import OptionError, TimestampError

FRAMES_PER_CLIP = 25

# A timestamp this small part of an interval before its tick counts as on it: k / fps is not exact in floating point, and
# containers round to milliseconds. Else a camera at the clock's own rate would have every other frame taken twice.
_TOLERANCE = 0.02


def uniform_indices(num_frames: int, num_samples: int = FRAMES_PER_CLIP) -> NDArray[np.int64]:
    """Indices of ``num_samples`` frames uniformly distributed over a clip of ``num_frames``.

    The clip is divided into ``num_samples`` equal parts and the frame in the middle of each is taken. A clip with fewer
    frames than that repeats frames.

    Returns:
        int64 ``[num_samples]``, non-decreasing, each in ``[0, num_frames)``.

    >>> uniform_indices(10, 5)
    array([1, 3, 5, 7, 9])
    >>> uniform_indices(2, 5)
    array([0, 0, 1, 1, 1])
    """
    if num_frames < 1 or num_samples < 1:
        raise OptionError(f"num_frames={num_frames}, num_samples={num_samples} were given; expected 1 or more of both.")
    # Integers only: (i + 1/2) * n / m, rounded down.
    return (2 * np.arange(num_samples, dtype=np.int64) + 1) * num_frames // (2 * num_samples)


class StreamSampler:
    """Decides by timestamps which frames of a stream are used, so that ``num_samples`` of them span ``window_seconds``.

    A clock ticks every ``window_seconds / num_samples`` seconds from the first frame on. The first frame at or after a
    tick is used. When frames come too slowly, so that several ticks passed since the last one, the newest frame stands
    for all of them: nothing queues up and the window still spans ``window_seconds``.

    Timestamps are seconds on any clock that does not run backwards.
    """

    def __init__(self, window_seconds: float, num_samples: int = FRAMES_PER_CLIP) -> None:
        self.window_seconds = check_window_seconds(window_seconds)
        self.num_samples = num_samples
        self.interval_seconds = self.window_seconds / num_samples
        self.reset()

    def reset(self) -> None:
        """Forget the clock: the next frame starts it anew."""
        self._start: Optional[float] = None
        self._ticks_done = 0
        self._last: Optional[float] = None

    def ticks_due(self, timestamp: float) -> int:
        """How many samples a frame taken at ``timestamp`` would stand for: 0 (not used) to ``num_samples``.

        Changes nothing.

        Raises:
            TimestampError: not a finite number, or before the frame last taken by :meth:`advance`.
        """
        timestamp = self._check(timestamp)
        if self._start is None:
            return 1
        return min(max(self._ticks_passed(timestamp) - self._ticks_done, 0), self.num_samples)

    def advance(self, timestamp: float) -> int:
        """As :meth:`ticks_due`, and moves the clock to ``timestamp``."""
        due = self.ticks_due(timestamp)
        timestamp = float(timestamp)
        if self._start is None:
            self._start = timestamp
        self._last = timestamp
        if due:
            self._ticks_done = self._ticks_passed(timestamp)
        return due

    def _ticks_passed(self, timestamp: float) -> int:
        """Ticks of the clock up to ``timestamp``; the first is at its start."""
        start = timestamp if self._start is None else self._start
        return math.floor((timestamp - start) / self.interval_seconds + _TOLERANCE) + 1

    def _check(self, timestamp: float) -> float:
        try:
            value = float(timestamp)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value) or (self._start is not None and not math.isfinite(value - self._start)):
            raise TimestampError(f"The timestamp {timestamp!r} was given; expected a finite number of seconds.")
        if self._last is not None and value < self._last:
            raise TimestampError(
                f"The timestamp {value:.6f} s is before the last one, {self._last:.6f} s; push frames in time order "
                "(time.monotonic() is a good clock), or call reset() to start a new scene."
            )
        return value


def check_window_seconds(window_seconds: float) -> float:
    try:
        value = float(window_seconds)
    except (TypeError, ValueError):
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise OptionError(f"window_seconds={window_seconds!r} was given; expected a number of seconds above 0.")
    return value
