"""Counts repetitions of a motion in the embeddings of a stream."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from .base import Array, Embedder

# The constants were chosen on clips of the training part only; benchmarks/counting.py measures what they give.
# Length of the history
_SECONDS = 5.0
# A stroke counts if it rises above this fraction of the root mean square amplitude.
_PART = 0.35
# With this many strokes a period can be checked: two whole cycles.
_STROKES_TO_CHECK = 5
# Minimum cosine of rows a period apart, for a period to be found and to last: motion without one mostly stays below 0.2.
_ALIKE, _STILL_ALIKE = 0.25, 0.1
# If rows two periods apart are more alike by this, two periods count as one: the bounces of a jumping jack. Then half of it.
_DOUBLE = 0.15
# Power iterations that follow the principal direction, at the first row and at each further one
_FIRST_STEPS, _STEPS = 8, 2


class _Recent(NamedTuple):
    """The memory of a counter. Immutable."""

    rows: Array  # [n, dim], oldest first
    direction: NDArray[Any]  # of the strokes, [dim]
    signs: list[int]  # of the rows' strokes, [n]: 1 and -1, 0 between two
    sign: int  # of the last stroke that has left the rows; 0: none
    before: float  # cycles that have left the rows
    cycles: float  # in all
    strokes_a_cycle: int  # 2, or 4; 0: the motion has no period
    periodic: bool  # whether a period was found


class RepetitionCounter:
    """Counts how often a motion went and came back, causally and at constant cost.

    The rows of the last 5 s are projected on the direction in which they vary most. There a repetition is two strokes, one each
    way; strokes much smaller than the others do not count. If the rows hold two cycles or more, they must be alike from one
    period to the next, or nothing is counted. If they are more alike two periods apart, two of them are one repetition.

    An update changes nothing that a copy (``copy.copy``) shares.

    Args:
        samples_per_second: number of rows per second, above 0.
        of_motion: whether rows are velocities, whose sign changes with the direction, rather than appearances.

    Attributes:
        cycles: repetitions so far, in halves (quarters if two periods are one). An estimate that may fall a little as more
            is seen.
    """

    def __init__(self, samples_per_second: float, *, of_motion: bool) -> None:
        self._most = max(round(_SECONDS * samples_per_second), 3)
        self._of_motion = of_motion
        self.reset()

    @property
    def cycles(self) -> float:
        return 0.0 if self._recent is None else self._recent.cycles

    def reset(self) -> None:
        """A new scene begins: count from 0."""
        self._recent: Optional[_Recent] = None

    def update(self, rows: Array) -> float:
        """:attr:`cycles` after the next rows, float32 ``[n, dim]``, fewer than in 5 s."""
        if self._recent is None:
            self._recent = _Recent(rows[:0], np.zeros_like(rows[0]), [], 0, 0.0, 0.0, 2, False)
        old = self._recent
        while old.rows.size and len(old.rows) + len(rows) > self._most:
            old = self._leave(old)
        rows = np.concatenate([old.rows, rows])
        moved = rows if self._of_motion else rows - rows.mean(axis=0)
        direction = _principal(moved, old.direction)
        along = moved @ direction
        least = _PART * math.sqrt(float(along @ along) / len(along))
        signs = ((along > least).astype(np.int8) - (along < -least)).tolist()
        begins = _beginnings(signs, old.sign)
        # Appearances have a starting point: there the first stroke is the first change.
        strokes = len(begins) - (not self._of_motion and old.sign == 0 and len(begins) > 0)
        a_cycle, periodic = old.strokes_a_cycle or 2, old.periodic
        if len(begins) >= _STROKES_TO_CHECK:
            a_cycle = _strokes_a_cycle(moved, begins, a_cycle, _STILL_ALIKE if periodic else _ALIKE)
            periodic = a_cycle > 0
        cycles = old.before + (strokes / a_cycle if a_cycle else 0.0)
        self._recent = _Recent(rows, direction, signs, old.sign, old.before, cycles, a_cycle, periodic)
        return cycles

    def _leave(self, recent: _Recent) -> _Recent:
        """Drop the oldest row; its stroke stays counted."""
        sign, before = recent.signs[0], recent.before
        if sign and sign != recent.sign and recent.strokes_a_cycle and (self._of_motion or recent.sign):
            before += 1 / recent.strokes_a_cycle
        return recent._replace(rows=recent.rows[1:], signs=recent.signs[1:], sign=sign or recent.sign, before=before)


class EmbedderCounter:
    """Counts in the rows of one of several embedders: the densest, or the first of these.

    Args:
        embedders: the embedders.
        samples_per_second: rate of embedders without their own.
    """

    def __init__(self, embedders: Sequence[Embedder], samples_per_second: float) -> None:
        rates = [embedder.samples_per_second or samples_per_second for embedder in embedders]
        self._number = int(np.argmax(rates))
        self._motion = embedders[self._number].motion
        self._rate = rates[self._number]
        self._counter: Optional[RepetitionCounter] = None

    @property
    def cycles(self) -> float:
        """Repetitions since the scene began, see :class:`RepetitionCounter`."""
        return 0.0 if self._counter is None else self._counter.cycles

    def take(self, rows: Sequence[Array]) -> None:
        """Each embedder's next rows, float32 ``[n, dim]``."""
        own = rows[self._number]
        motion = self._motion(own)
        if self._counter is None:
            self._counter = RepetitionCounter(self._rate, of_motion=motion is not None)
        if len(own):
            self._counter.update(own if motion is None else motion)

    def __copy__(self) -> EmbedderCounter:
        new = object.__new__(EmbedderCounter)
        new.__dict__.update(self.__dict__, _counter=copy.copy(self._counter))
        return new

    def reset(self) -> None:
        self._counter = None


def _principal(rows: Array, before: NDArray[Any]) -> NDArray[Any]:
    """The direction in which rows vary most, of length 1, with the orientation of ``before``. Zeros if nothing varies."""
    direction, steps = before, _STEPS
    if not before.any():
        direction, steps = rows[int(np.argmax((rows * rows).sum(axis=1)))], _FIRST_STEPS
    for _ in range(steps):
        direction = rows.T @ (rows @ direction)
        length = math.sqrt(float(direction @ direction))
        if length == 0.0:
            return np.zeros_like(before)
        direction = direction / length
    return direction


def _beginnings(signs: Sequence[int], before: int) -> list[int]:
    """Where strokes begin that are not the one ``before`` (0: none)."""
    begins = []
    for place, sign in enumerate(signs):
        if sign and sign != before:
            begins.append(place)
            before = sign
    return begins


def _strokes_a_cycle(rows: Array, begins: Sequence[int], before: int, least: float) -> int:
    """Number of strokes in a repetition, 2 or 4; 0: the cosine of rows a period apart is below ``least``."""
    # the first stroke may be cut off
    period = 2 * (begins[-1] - begins[1]) / (len(begins) - 2)
    sums = [0.0, *np.cumsum(np.einsum("ij,ij->i", rows, rows), dtype=np.float64).tolist()]
    alike = _likeness(rows, sums, period)
    if 2 * period > 0.6 * len(rows):  # too few rows to compare
        return 0 if alike < least else before
    alike_two = _likeness(rows, sums, 2 * period)
    if max(alike, alike_two) < least:
        return 0
    return 4 if alike_two > alike + _DOUBLE * (0.5 if before == 4 else 1.0) else 2


def _likeness(rows: Array, sums: Sequence[float], apart: float) -> float:
    """The cosine of the rows and those about ``apart`` rows later, the best of the nearest whole numbers.

    Args:
        sums: cumulative sums of the rows' squares.
    """
    best = -1.0
    for k in range(max(int(apart) - 1, 1), min(int(apart) + 3, len(rows))):
        size = math.sqrt((sums[-1] - sums[k]) * sums[-1 - k])
        if size > 0:
            best = max(best, float(np.vdot(rows[k:], rows[:-k])) / size)
    return best
