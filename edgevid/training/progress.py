"""What a training tells the one who waits for it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Protocol

from .fit import Epoch, best_epoch


class Reporter(Protocol):
    """Where progress goes."""

    def say(self, text: str) -> None:
        """A thing worth a line that stays."""

    def tick(self, text: str) -> None:
        """What is going on at the moment: shown in one place, or not at all."""

    def step(self, text: str) -> None:
        """A step of something long: shown in one place, or as a line where there is no such place."""


def epoch_line(epochs: Sequence[Epoch], patience: int) -> str:
    """An epoch in one line: its figures, and how long it may go on without a lower validation loss."""
    last, best = epochs[-1], best_epoch(epochs)
    left = max(patience - (last.epoch - best), 0) * statistics.fmean(epoch.seconds for epoch in epochs[-5:])
    return (
        f"epoch {last.epoch}: loss {last.loss:.4f}, accuracy {100 * last.accuracy:.1f} %; validation loss {last.val_loss:.4f}, "
        f"accuracy {100 * last.val_accuracy:.1f} %; best {best}; {_span(left)} left to improve"
    )


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
