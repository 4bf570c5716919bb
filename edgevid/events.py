"""Probabilities over time -> "this action began", "this action ended"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union


@dataclass(frozen=True)
class Began:
    """An action began.

    Attributes:
        label: its class.
        timestamp: seconds on the stream's clock, when it counted as begun.
        score: its probability then, in [0, 1].
    """

    label: str
    timestamp: float
    score: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"event": "began", "label": self.label, "timestamp": self.timestamp, "score": self.score}


@dataclass(frozen=True)
class Ended:
    """An action ended.

    Attributes:
        label: its class.
        timestamp: seconds on the stream's clock, when it counted as ended.
        duration_seconds: from its :class:`Began` to this.
        peak_score: its highest probability between, in [0, 1].
    """

    label: str
    timestamp: float
    duration_seconds: float
    peak_score: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "event": "ended", "label": self.label, "timestamp": self.timestamp,
            "duration_seconds": self.duration_seconds, "peak_score": self.peak_score,
        }  # fmt: skip


Event = Union[Began, Ended]
