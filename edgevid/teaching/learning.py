"""Examples -> a classifier, and what is known of how good it is."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..classifiers.ridge import Fitted, fit_head
from .examples import NONE, Examples
from .held_out import HeldOut


class Learnt(NamedTuple):
    """What was learned of examples.

    Attributes:
        held_out: what was measured on clips whose group was held out; None: there were too few groups, or nothing was measured.
        threshold: the score below which an action counts as none of these.
    """

    examples: Examples
    fitted: Fitted
    held_out: Optional[HeldOut]
    threshold: float

    @property
    def labels(self) -> tuple[str, ...]:
        """The actions."""
        return tuple(label for label in self.examples.outputs if label != NONE)


def learn(examples: Examples) -> Learnt:
    """Fit a head; choose the penalty, make scores likely and measure on groups that are held out in turn.

    The clips of an action that has one group only are held out one by one, or nobody could know it. Where that is so of all of
    them nothing is held out.

    Raises:
        DatasetError: of fewer than two classes, ``none`` among them.
    """
    examples.check()
    fitted = fit_head(
        examples.features,
        examples.classes.tolist(),
        examples.sizes,
        num_classes=len(examples.outputs),
        groups=examples.groups,
        weights=examples.weights,
    )
    held_out = None if fitted.probabilities is None else HeldOut.of(examples, fitted.probabilities, fitted.by_halves)
    return Learnt(examples, fitted, held_out, 0.0 if held_out is None else held_out.threshold)
