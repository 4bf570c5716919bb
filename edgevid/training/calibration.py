"""The temperature and the threshold of a bundle's scores, fitted on the clips held out for validation.

Both use few clips, which also chose the epoch: the card says so.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..calibration import (
    Calibration,
    acceptance_threshold,
    calibrated,
    fit_temperature,
    known_scores,
    log_probabilities,
)
from ..support.shares import Share

# With fewer clips, the threshold of 95 % is the score of the worst clip, and one clip decides the temperature.
MIN_CLIPS = 20
BINS = 15


class Quality(NamedTuple):
    """How well probabilities predict how often they are right.

    Attributes:
        nll: mean negative log-likelihood of the true classes, in nats.
        ece: expected calibration error, see :func:`expected_calibration_error`.
    """

    nll: float
    ece: float


class FittedCalibration(NamedTuple):
    """A calibration; its entry in the card, as JSON; and a sentence about it."""

    calibration: Calibration
    entry: dict[str, Any]
    text: str


def fit_calibration(
    probabilities: NDArray[np.float32], classes: NDArray[np.int64], groups: Sequence[Hashable]
) -> FittedCalibration:
    """Fit temperature and threshold on held-out clips; neither, below 20 clips.

    Args:
        probabilities: the network's, float32 ``[N, K]``.
        classes: the true ones, ``[N]``.
        groups: the group of each clip; only counted.
    """
    clips = len(classes)
    if clips < MIN_CLIPS:
        note = (
            f"Not calibrated: {clips} validation clips are fewer than {MIN_CLIPS}. Scores are the network's own, and none counts "
            "as unknown."
        )
        return FittedCalibration(Calibration(), {"temperature": 1.0, "unknown_threshold": 0.0, "note": note}, note)
    fitted = fit_temperature(probabilities, classes)
    note = (
        f"Fitted and measured on the same {clips} clips, which also chose the epoch: on others the figures are worse."
    )
    if fitted is None:
        note += " The temperature is 1: the true class of each clip is the most probable one, which says nothing of its errors."
    temperature = fitted or 1.0
    scaled = calibrated(probabilities, temperature)
    scores = known_scores(scaled, none=False)
    threshold = acceptance_threshold(scores)
    before, after = quality(probabilities, classes), quality(scaled, classes)
    entry = {
        "temperature": temperature,
        "unknown_threshold": threshold,
        "known_accepted": Share.of(scores >= threshold).as_dict(),
        "fitted_on": {"split": "validation", "clips": clips, "groups": len(set(groups))},
        "nll": {"before": round(before.nll, 4), "after": round(after.nll, 4)},
        "ece": {"before": round(before.ece, 4), "after": round(after.ece, 4), "bins": BINS},
        "note": note,
    }
    text = (
        f"temperature {temperature:g}, of {clips} validation clips: expected calibration error {before.ece:.3f} before, "
        f"{after.ece:.3f} after; 95 % of them score {threshold:g} or more"
    )
    return FittedCalibration(Calibration(temperature, threshold), entry, text)


def quality(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> Quality:
    """How well probabilities ``[N, K]`` predict how often they are right, N of 1 or more."""
    of_truth = log_probabilities(probabilities)[np.arange(len(classes)), classes]
    return Quality(float(-of_truth.mean()), expected_calibration_error(probabilities, classes))


def expected_calibration_error(
    probabilities: NDArray[np.float32], classes: NDArray[np.int64], bins: int = BINS
) -> float:
    """The mean gap between score and accuracy, over score bins of equal width, weighted by their clips (Guo et al. 2017)."""
    scores, right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == classes
    of_bin = np.clip(np.ceil(scores * bins).astype(np.intp) - 1, 0, bins - 1)
    gaps = np.bincount(of_bin, weights=scores - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(classes))
