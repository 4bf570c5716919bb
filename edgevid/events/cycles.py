"""Repetitions since the scene began -> repetitions of one action."""

from __future__ import annotations

import math
from collections import deque
from typing import Optional

import numpy as np

from ..prediction import Prediction

# Cycles come in halves and quarters: one that is short of a whole by this much counts.
_NEARLY = 0.25


class CycleHistory:
    """The number of repetitions in the predictions of one scene, as far back as their window."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, float]] = deque()  # seconds, cycles by then
        self._window_began = 0.0

    def add(self, prediction: Prediction, now: float) -> None:
        """Add the next prediction, made at ``now`` seconds. Predictions without cycles are ignored."""
        if prediction.cycles is None:
            self._past.clear()
            return
        begin = now if prediction.start_timestamp is None else float(prediction.start_timestamp)
        if not self._past:
            self._past.append((begin, 0.0))
        self._past.append((now, float(prediction.cycles)))
        self._window_began = begin
        while self._past[1][0] <= begin and len(self._past) > 2:
            self._past.popleft()

    @property
    def newest(self) -> float:
        """Cycles of the newest prediction; 0 if none had any."""
        return self._past[-1][1] if self._past else 0.0

    @property
    def before_window(self) -> float:
        """Cycles when the newest prediction's window began; 0 if unknown."""
        if not self._past:
            return 0.0
        return float(
            np.interp(self._window_began, [time for time, _ in self._past], [cycles for _, cycles in self._past])
        )

    def count(self, begin: float) -> Optional[int]:
        """Repetitions of an action that began at ``begin`` cycles; None if the predictions have no cycles."""
        return max(math.floor(self.newest - begin + _NEARLY), 0) if self._past else None
