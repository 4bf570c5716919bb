"""Sampling times: uniform over a clip, and by a clock in a stream.

Both divide a time span into equal parts with one sample each: a clip's duration, or a stream's ``window_seconds``. So
a window of a stream looks to the classifier like a clip of that duration.
"""

from __future__ import annotations

import math
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, TimestampError
from ..support.checks import shown
from .spec import SAMPLES_PER_CLIP

# A timestamp less than this fraction of an interval before its tick counts as on it: k / fps is not exact in floating point, and
# containers round to milliseconds. Without it, a camera at the clock's own rate would have every other frame taken twice.
TOLERANCE = 0.02
# No clock shows more seconds, and a float of this size has no thousandths.
_LATEST = 1e12


def uniform_indices(num_frames: int, num_samples: int = SAMPLES_PER_CLIP) -> NDArray[np.int64]:
    """Indices of ``num_samples`` frames uniformly distributed over a clip of ``num_frames``.

    The clip is divided into ``num_samples`` equal parts, and the middle frame of each is taken. If it has fewer
    frames than that, frames repeat.

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


class SampleClock:
    """Ticks every ``interval_seconds`` from the first frame of a stream on.

    The first frame at or after a tick is used. If frames come too slowly and several ticks have passed since the last one,
    the newest frame is used for all of them: nothing queues up, and a window still spans its time.

    Timestamps are seconds on any clock that does not run backwards.

    Args:
        interval_seconds: time between two ticks.
        most: maximum number of ticks for one frame: more would fill the window with it several times.
    """

    def __init__(self, interval_seconds: float, most: int) -> None:
        if not interval_seconds >= 1e-9:
            raise OptionError(f"Samples {interval_seconds!r} s apart were requested; expected a longer window.")
        self.interval_seconds = interval_seconds
        self.tolerance = TOLERANCE * interval_seconds
        self._most = most
        self.start: Optional[float] = None
        self._done = 0

    def due(self, timestamp: float) -> int:
        """Number of ticks that a frame taken at ``timestamp`` would be used for, 0 (not used) or more. Changes nothing."""
        return 1 if self.start is None else min(max(self.passed(timestamp) - self._done, 0), self._most)

    def advance(self, timestamp: float) -> None:
        """Move to the ``timestamp`` of a frame, used or not."""
        if self.start is None:
            self.start, self._done = timestamp, 1
        else:
            self._done = max(self._done, self.passed(timestamp))

    def passed(self, timestamp: float) -> int:
        """Number of ticks up to ``timestamp``; the first is at the start."""
        start = timestamp if self.start is None else self.start
        return math.floor((timestamp - start) / self.interval_seconds + TOLERANCE) + 1

    def reset(self) -> None:
        """Restart the clock at the next frame."""
        self.start, self._done = None, 0


def check_timestamp(timestamp: Any, last: Optional[float]) -> float:
    """Return ``timestamp`` as a float, if it may follow the ``last`` one of a stream.

    Raises:
        TimestampError: not a finite number, or before the last one.
    """
    try:
        value = float(timestamp)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not abs(value) <= _LATEST:
        raise TimestampError(
            f"The timestamp {shown(timestamp)} was given; expected a finite number of seconds, {_LATEST:g} at most."
        )
    if last is not None and value < last:
        raise TimestampError(
            f"The timestamp {value:.6f} s is before the last one, {last:.6f} s; push frames in time order "
            "(time.monotonic() is a good clock), or call reset() to start a new scene."
        )
    return value
