"""Progress reports of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Protocol

from .fit import Epoch, best_epoch


class Reporter(Protocol):
    """Receives progress reports."""

    def say(self, text: str) -> None:
        """Report something that is worth a permanent line."""

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Report several such things, in columns."""

    def tick(self, text: str) -> None:
        """Report the current activity: shown in one place, or not at all."""

    def step(self, text: str) -> None:
        """Report a step of something long: shown in one place, or as a line if there is no such place."""


def epoch_line(epochs: Sequence[Epoch], of: Optional[int] = None) -> str:
    """The newest epoch in one line; ``of``: total number of epochs, if nothing is held out to validate with."""
    last = epochs[-1]
    if of is not None:
        return f"epoch {last.epoch} of {of}: loss {last.loss:.4f}, accuracy {100 * last.accuracy:.1f} %"
    return (
        f"epoch {last.epoch}: loss {last.loss:.4f}, accuracy {100 * last.accuracy:.1f} %; validation loss {last.val_loss:.4f}, "
        f"accuracy {100 * last.val_accuracy:.1f} %; best epoch {best_epoch(epochs)}"
    )
