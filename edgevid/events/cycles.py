"""Repetitions since a scene began -> repetitions of one action."""

from __future__ import annotations

import math
from collections import deque
from typing import Optional

import numpy as np

from ..prediction import Prediction

# Cycles come in halves and quarters: this much less than a whole one counts as one.
_NEARLY = 0.25


class CycleHistory:
    """The repetitions that the predictions of one scene told, as far back as their window goes."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, float]] = deque()  # seconds, cycles by then
        self._window_began = 0.0

    def add(self, prediction: Prediction, now: float) -> None:
        """The next prediction, made ``now``, in seconds. One that does not say how often is none."""
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
        """Cycles by the newest prediction; 0 where none told."""
        return self._past[-1][1] if self._past else 0.0

    @property
    def before_window(self) -> float:
        """Cycles by the time when the newest prediction's window began; 0 where none told."""
        if not self._past:
            return 0.0
        return float(
            np.interp(self._window_began, [time for time, _ in self._past], [cycles for _, cycles in self._past])
        )

    def count(self, begin: float) -> Optional[int]:
        """How often an action was repeated that began at ``begin`` cycles; None where the predictions do not say."""
        return max(math.floor(self.newest - begin + _NEARLY), 0) if self._past else None
