"""Probabilities that mean what they say, and the score below which an action counts as none of the known ones.

A network's softmax is a ranking, not a frequency. One number, the temperature T, fitted on clips that the network was not trained
on, mends most of that: p becomes p^(1/T), normalised, which divides the logits by T (Guo et al. 2017, "On Calibration of Modern
Neural Networks", arXiv:1706.04599). The order of the classes stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError
from .support.checks import check_number

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
# A probability that a float32 softmax gives as 0 has no logarithm: it counts as this.
_FLOOR = float(np.finfo(np.float32).tiny)
# Networks whose weights have few bits, and mixtures, are as near to a sum of 1
_SUM_TOLERANCE = 0.01
# The part of known clips that a threshold is to accept
ACCEPTED = 0.95
# By how much a score may differ between runtimes
_ROUNDING = 1e-5
# Halvings of the range of 1/T: to the last digit of a float64
_HALVINGS = 60


@dataclass(frozen=True)
class Calibration:
    """What a bundle says of its scores. The defaults leave probabilities as the network gives them, and accept each.

    Attributes:
        temperature: above 1 makes probabilities more modest, below 1 bolder; 0.05 to 20.
        unknown_threshold: of :func:`known_scores`, 0 to 1: most clips of known actions reach it; what stays below it is taken for
            none of them.

    Raises:
        OptionError: a value is out of range.
    """

    temperature: float = 1.0
    unknown_threshold: float = 0.0

    def __post_init__(self) -> None:
        check_number("temperature", self.temperature, MIN_TEMPERATURE, MAX_TEMPERATURE)
        check_number("unknown_threshold", self.unknown_threshold, 0, 1)


def calibrated(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities at a temperature: p^(1/T), normalised.

    Args:
        probabilities: float32 ``[..., K]``, each row of sum 1.
        temperature: 0.05 to 20, as of :class:`Calibration`.

    Returns:
        float32 ``[..., K]``, each row of sum 1; at temperature 1 ``probabilities`` themselves.

    Raises:
        ModelError: they are no probabilities.
    """
    if probabilities.size and not _are_probabilities(probabilities):
        raise ModelError(
            f"A classifier gives {np.array2string(probabilities, threshold=8)}; expected probabilities of sum 1, as of a "
            "softmax. Its weights may be damaged: train or export it again."
        )
    if temperature == 1:
        return probabilities
    # In float64: of K classes the likeliest has 1/K or more, and no power of that, up to the 20th, comes near 0.
    powers = np.power(probabilities, 1.0 / temperature, dtype=np.float64)
    powers /= powers.sum(axis=-1, keepdims=True)
    result: NDArray[np.float32] = powers.astype(np.float32)
    return result


def _are_probabilities(values: NDArray[np.float32]) -> bool:
    if not (values.min() >= 0 and values.max() <= 1 + _SUM_TOLERANCE):  # so that no sum is too large for a float32
        return False
    sums = values.sum(axis=-1)
    return float(abs(sums - 1) if values.ndim == 1 else np.abs(sums - 1).max()) <= _SUM_TOLERANCE


def log_probabilities(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural logarithms, all finite: 0 counts as the smallest normal float32."""
    logarithms: NDArray[np.float64] = np.log(np.maximum(probabilities, _FLOOR, dtype=np.float64))
    return logarithms


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


def known_scores(probabilities: NDArray[np.float32], none: bool) -> NDArray[np.float32]:
    """How sure a classifier is that clips show one of its actions, float32 ``[N]`` in [0, 1]: what a threshold is for.

    Args:
        probabilities: of the actions, float32 ``[N, K]``.
        none: whether it tells none of these: then their sum, which is 1 - none. Else the largest (Hendrycks and Gimpel 2017, "A
            Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks", arXiv:1610.02136).
    """
    scores: NDArray[np.float32] = np.minimum(probabilities.sum(axis=1), 1) if none else probabilities.max(axis=1)
    return scores


def acceptance_threshold(scores: NDArray[np.floating[Any]]) -> float:
    """The score that known clips reach, but for 5 of 100.

    It is the k-th best of the N scores, k = ceil(0.95 (N + 1)), at most N: a new clip like these reaches it with a
    probability of at least 95 % (the split conformal quantile; Angelopoulos and Bates 2021, arXiv:2107.07511). It is lowered by
    what a runtime may round differently, and rounded down to 4 decimals, so that the clip it was taken from is accepted.
    """
    place = min(len(scores), math.ceil(round(ACCEPTED * (len(scores) + 1), 9)))
    reached = float(np.sort(scores)[-place]) - _ROUNDING
    return max(0.0, math.floor(reached * 1e4) / 1e4)
