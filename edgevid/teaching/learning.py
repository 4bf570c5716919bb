"""Fits a classifier on examples, and measures it."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..classifiers.ridge import Fitted, fit_head
from .examples import NONE, Examples
from .held_out import HeldOut


class Learnt(NamedTuple):
    """The result of learning from examples.

    Attributes:
        held_out: results on held-out groups; None: there were too few groups, or nothing was measured.
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
    """Fit a classifier; choose the penalty, calibrate scores and measure on groups that are held out in turn.

    The clips of an action with only one group are held out one by one, or no classifier would know it. If that is so for all
    actions, nothing is held out.

    Raises:
        DatasetError: there are fewer than two classes, including ``none``.
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
