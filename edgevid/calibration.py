"""Calibrated probabilities, and the threshold below which an action counts as unknown.

The softmax output of a network ranks the classes, but is not a frequency. Temperature scaling corrects most of that: p becomes
p^(1/T), normalised, which divides the logits by T (Guo et al. 2017, "On Calibration of Modern Neural Networks",
arXiv:1706.04599). T is fitted on clips that the network was not trained on. The order of the classes stays.
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
# A probability that a float32 softmax gives as 0 has no logarithm: this value replaces it.
_FLOOR = float(np.finfo(np.float32).tiny)
# The sums of networks with low-bit weights, and of mixtures, differ from 1 by up to this
_SUM_TOLERANCE = 0.01
# The fraction of known clips that a threshold should accept
ACCEPTED = 0.95
# How much a score may differ between runtimes
_ROUNDING = 1e-5
# Bisection steps over the range of 1/T: to the last digit of a float64
_HALVINGS = 60


@dataclass(frozen=True)
class Calibration:
    """A bundle's calibration of its scores. The defaults leave probabilities unchanged and accept all of them.

    Attributes:
        temperature: above 1 makes probabilities less extreme, below 1 more extreme; 0.05 to 20.
        unknown_threshold: threshold on :func:`known_scores`, 0 to 1: most clips of known actions reach it; a clip below it
            counts as none of them.

    Raises:
        OptionError: a value is out of range.
    """

    temperature: float = 1.0
    unknown_threshold: float = 0.0

    def __post_init__(self) -> None:
        check_number("temperature", self.temperature, MIN_TEMPERATURE, MAX_TEMPERATURE)
        check_number("unknown_threshold", self.unknown_threshold, 0, 1)


def calibrated(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Apply a temperature to probabilities: p^(1/T), normalised.

    Args:
        probabilities: float32 ``[..., K]``, each row of sum 1.
        temperature: 0.05 to 20, as of :class:`Calibration`.

    Returns:
        float32 ``[..., K]``, each row of sum 1; at temperature 1 ``probabilities`` themselves.

    Raises:
        ModelError: they are not probabilities.
    """
    if probabilities.size and not _are_probabilities(probabilities):
        raise ModelError(
            f"A classifier gives {np.array2string(probabilities, threshold=8)}; expected probabilities with sum 1, as of a "
            "softmax. Its weights may be damaged: train or export it again."
        )
    if temperature == 1:
        return probabilities
    # In float64: the most probable of K classes has at least 1/K, and no power of that, up to the 20th, comes near 0.
    powers = np.power(probabilities, 1.0 / temperature, dtype=np.float64)
    powers /= powers.sum(axis=-1, keepdims=True)
    result: NDArray[np.float32] = powers.astype(np.float32)
    return result


def _are_probabilities(values: NDArray[np.float32]) -> bool:
    if not (values.min() >= 0 and values.max() <= 1 + _SUM_TOLERANCE):  # keeps the sum within the range of a float32
        return False
    sums = values.sum(axis=-1)
    return float(abs(sums - 1) if values.ndim == 1 else np.abs(sums - 1).max()) <= _SUM_TOLERANCE


def log_probabilities(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural logarithms, all finite: 0 is replaced by the smallest normal float32."""
    logarithms: NDArray[np.float64] = np.log(np.maximum(probabilities, _FLOOR, dtype=np.float64))
    return logarithms


def fit_temperature(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> Optional[float]:
    """The temperature in [0.05, 20] with the lowest negative log-likelihood, to 4 decimals.

    The likelihood is convex in 1/T, so bisection finds the root of its derivative.

    Returns:
        None if even the lowest allowed temperature is too high: when all clips are classified correctly, the likelihood
        grows without a maximum as T falls, so there is no fit.
    """
    logits = log_probabilities(probabilities)
    logits -= logits.max(axis=1, keepdims=True)
    of_truth = logits[np.arange(len(classes)), classes]

    def slope(inverse: float) -> float:
        """d NLL / d (1/T): the expected logit less the logit of the true class."""
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
    """The confidence that each clip shows one of the actions, float32 ``[N]`` in [0, 1], to compare with a threshold.

    Args:
        probabilities: probabilities of the actions, float32 ``[N, K]``.
        none: whether the classifier has a class for none of these: the result is then their sum, which is 1 - none. Else it is
            the largest (Hendrycks and Gimpel 2017, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in
            Neural Networks", arXiv:1610.02136).
    """
    scores: NDArray[np.float32] = np.minimum(probabilities.sum(axis=1), 1) if none else probabilities.max(axis=1)
    return scores


def acceptance_threshold(scores: NDArray[np.floating[Any]]) -> float:
    """The score that 95 of 100 known clips reach.

    It is the k-th best of the N scores, k = ceil(0.95 (N + 1)), at most N: a new clip like these reaches it with a
    probability of at least 95 % (the split conformal quantile; Angelopoulos and Bates 2021, arXiv:2107.07511). It is lowered by
    the possible difference between runtimes and rounded down to 4 decimals, so that the clip it comes from is accepted.
    """
    place = min(len(scores), math.ceil(round(ACCEPTED * (len(scores) + 1), 9)))
    reached = float(np.sort(scores)[-place]) - _ROUNDING
    return max(0.0, math.floor(reached * 1e4) / 1e4)
