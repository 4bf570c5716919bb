"""What people read of a moment in a stream."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..prediction import NOTHING, Prediction
from .detector import ActiveAction


class Answer(NamedTuple):
    """The action that goes on, or that nothing is recognised, with the best guess.

    Attributes:
        label: of the action that goes on, else the best guess.
        score: its probability now, in [0, 1].
        recognised: whether it goes on; see :class:`~edgevid.EventOptions`.
    """

    label: str
    score: float
    recognised: bool

    @classmethod
    def of(cls, prediction: Prediction, action: Optional[ActiveAction]) -> Answer:
        """Of a stream's newest prediction, and the action that goes on with it."""
        label = prediction.label if action is None else action.label
        return cls(label, prediction.probability(label) or 0.0, action is not None)

    @property
    def verdict(self) -> str:
        """The label, or "nothing recognised"."""
        return self.label if self.recognised else NOTHING

    def words(self, guess: Optional[str] = None) -> str:
        """The label, or the same after "nothing recognised", as in ``nothing recognised (run)``.

        Args:
            guess: the label in other words, with its score for example; default: the label.
        """
        guess = self.label if guess is None else guess
        return guess if self.recognised else f"{NOTHING} ({guess})"
