"""The temperature and the threshold of a bundle's scores, fitted on the clips held out for validation.

Both are of few clips, and of those that chose the epoch too: the card says so.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..classifiers.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE, Calibration, calibrated, log_probabilities
from .metrics import Share

# Of fewer clips the threshold of 95 % is that of the worst clip, and one clip decides the temperature.
MIN_CLIPS = 20
ACCEPTED = 0.95
BINS = 15
# About 20 clips a bin
_ROUGH_BELOW = 20 * BINS
# By how much a score may differ between runtimes
_ROUNDING = 1e-5
# Halvings of the range of 1/T: to the last digit of a float64
_HALVINGS = 60


@dataclass(frozen=True)
class Quality:
    """How well probabilities say how often they are right.

    Attributes:
        nll: mean negative log-likelihood of the true classes, in nats.
        ece: expected calibration error, see :func:`expected_calibration_error`.
    """

    nll: float
    ece: float


@dataclass(frozen=True)
class FittedCalibration:
    """A calibration and what it was fitted on.

    Attributes:
        clips, groups: how many were there.
        note: what was not fitted, and why; else how far the figures can be trusted.
        known_accepted: those of the clips that reach the threshold; None where nothing was fitted, as are the next two.
        before, after: without and with the temperature, on these same clips.
    """

    calibration: Calibration
    clips: int
    groups: int
    note: str
    known_accepted: Optional[Share] = None
    before: Optional[Quality] = None
    after: Optional[Quality] = None

    def as_dict(self) -> dict[str, Any]:
        """What the card carries."""
        entry: dict[str, Any] = {
            "temperature": self.calibration.temperature,
            "unknown_threshold": self.calibration.unknown_threshold,
        }
        if self.known_accepted is not None and self.before is not None and self.after is not None:
            entry["known_accepted"] = self.known_accepted.as_dict()
            entry["fitted_on"] = {"split": "validation", "clips": self.clips, "groups": self.groups}
            for name in ("nll", "ece"):
                before, after = (round(getattr(quality, name), 4) for quality in (self.before, self.after))
                entry[name] = {"before": before, "after": after, **({"bins": BINS} if name == "ece" else {})}
        return {**entry, "note": self.note}

    def __str__(self) -> str:
        if self.before is None or self.after is None:
            return self.note
        return (
            f"temperature {self.calibration.temperature:g}, of {self.clips} validation clips: expected calibration error "
            f"{self.before.ece:.3f} before, {self.after.ece:.3f} after; a score below {self.calibration.unknown_threshold:g} "
            "counts as none of these actions"
        )


def fit_calibration(
    probabilities: NDArray[np.float32], classes: NDArray[np.int64], groups: Sequence[Hashable]
) -> FittedCalibration:
    """Fit temperature and threshold on held-out clips; neither, below 20 clips.

    Args:
        probabilities: of the network, float32 ``[N, K]``.
        classes: the true ones, ``[N]``.
        groups: a group for each clip, which are counted only.
    """
    num_clips, num_groups = len(classes), len(set(groups))
    if num_clips < MIN_CLIPS:
        note = (
            f"Not calibrated: {num_clips} validation clips are fewer than {MIN_CLIPS}. Scores are the network's own, and none "
            "counts as unknown."
        )
        return FittedCalibration(Calibration(), num_clips, num_groups, note)
    temperature = fit_temperature(probabilities, classes)
    note = (
        f"Fitted and measured on the same {num_clips} clips, which also chose the epoch: on other clips the figures are, as a "
        "rule, worse."
    )
    if num_clips < _ROUGH_BELOW:
        note += f" A calibration error of so few clips in {BINS} bins is rough, and too large."
    if temperature is None:
        note += " The temperature is 1: the true class of each clip is the most probable one, which says nothing of its errors."
    after = calibrated(probabilities, temperature or 1.0)
    scores = after.max(axis=1)
    threshold = acceptance_threshold(scores)
    return FittedCalibration(
        Calibration(temperature or 1.0, threshold), num_clips, num_groups, note,
        known_accepted=Share(int(np.sum(scores >= threshold)), num_clips),
        before=quality(probabilities, classes), after=quality(after, classes),
    )  # fmt: skip


def fit_temperature(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> Optional[float]:
    """The temperature in [0.05, 20] of the lowest negative log-likelihood, to 4 decimals.

    The likelihood is convex in 1/T, so the root of its derivative is looked for by halving.

    Returns:
        None where the lowest allowed temperature is still too high: of clips that are all right, ever bolder scores are
        ever more likely, and their maximum tells nothing.
    """
    logits = log_probabilities(probabilities)
    logits -= logits.max(axis=1, keepdims=True)
    of_truth = logits[np.arange(len(classes)), classes]

    def slope(inverse: float) -> float:
        """d NLL / d (1/T): by how much the logit expected exceeds the true one's."""
        weights = np.exp(logits * inverse)
        return float(np.mean((weights * logits).sum(axis=1) / weights.sum(axis=1) - of_truth))

    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    if slope(high) <= 0:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return round(1 / high, 4)


def acceptance_threshold(scores: NDArray[np.floating[Any]], accepted: float = ACCEPTED) -> float:
    """The score that known clips reach, but for 5 of 100.

    It is the k-th best of the N scores, k = ceil(0.95 (N + 1)), at most N: a new clip like these reaches it with a
    probability of at least 95 % (the split conformal quantile; Angelopoulos and Bates 2021, arXiv:2107.07511). It is lowered by
    what a runtime may round differently, and rounded down to 4 decimals, so that the clip it was taken from is accepted.
    """
    place = min(len(scores), math.ceil(round(accepted * (len(scores) + 1), 9)))
    reached = float(np.sort(scores)[-place]) - _ROUNDING
    return max(0.0, math.floor(reached * 1e4) / 1e4)


def quality(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> Quality:
    """How well probabilities ``[N, K]`` say how often they are right, N of 1 or more."""
    of_truth = log_probabilities(probabilities)[np.arange(len(classes)), classes]
    return Quality(float(-of_truth.mean()), expected_calibration_error(probabilities, classes))


def expected_calibration_error(
    probabilities: NDArray[np.float32], classes: NDArray[np.int64], bins: int = BINS
) -> float:
    """The mean gap between score and accuracy, over bins of the score of equal width, by their clips (Guo et al. 2017)."""
    scores, right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == classes
    of_bin = np.clip(np.ceil(scores * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(of_bin, weights=scores - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(classes))
