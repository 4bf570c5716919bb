"""When a stream ends though its source goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..errors import OptionError


@dataclass(frozen=True)
class Limits:
    """After so many seconds of video, or predictions; None: no limit.

    Raises:
        OptionError: a limit that leaves nothing.
    """

    max_seconds: Optional[float] = None
    max_predictions: Optional[int] = None

    def __post_init__(self) -> None:
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise OptionError(f"max_seconds={self.max_seconds!r} was given; expected a number of seconds above 0.")
        if self.max_predictions is not None and self.max_predictions < 1:
            raise OptionError(f"max_predictions={self.max_predictions!r} was given; expected an int of 1 or more.")

    def reached(self, seconds: float, predictions: int) -> bool:
        """Whether a stream that has come so far is to end."""
        return (self.max_seconds is not None and seconds >= self.max_seconds) or (
            self.max_predictions is not None and predictions >= self.max_predictions
        )
