"""Probabilities that mean what they say, and the score below which an action counts as none of the known ones.

A network's softmax is a ranking, not a frequency. One number, the temperature T, fitted on clips that the network was not trained
on, mends most of that: p becomes p^(1/T), normalised, which divides the logits by T (Guo et al. 2017, "On Calibration of Modern
Neural Networks", arXiv:1706.04599). The order of the classes stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
# A probability that a float32 softmax gives as 0 has no logarithm: it counts as this.
_FLOOR = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Calibration:
    """What a bundle says of its scores. The defaults leave probabilities as the network gives them, and accept each.

    Attributes:
        temperature: above 1 makes probabilities more modest, below 1 bolder; 0.05 to 20.
        unknown_threshold: the calibrated score, 0 to 1, that most clips of known actions reach; what stays below it is taken
            for none of them.

    Raises:
        OptionError: a value is out of range.
    """

    temperature: float = 1.0
    unknown_threshold: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("temperature", MIN_TEMPERATURE, MAX_TEMPERATURE),
            ("unknown_threshold", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise OptionError(f"{name}={value!r} was given; expected a number from {low:g} to {high:g}.")


def calibrated(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities at a temperature: p^(1/T), normalised.

    Args:
        probabilities: float32 ``[..., K]``, each row of sum 1.
        temperature: 0.05 to 20, as of :class:`Calibration`.

    Returns:
        float32 ``[..., K]``, each row of sum 1; at temperature 1 ``probabilities`` themselves.
    """
    if temperature == 1:
        return probabilities
    # In float64: of K classes the likeliest has 1/K or more, and no power of that, up to the 20th, comes near 0.
    powers = np.power(probabilities, 1.0 / temperature, dtype=np.float64)
    powers /= powers.sum(axis=-1, keepdims=True)
    result: NDArray[np.float32] = powers.astype(np.float32)
    return result


def log_probabilities(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural logarithms, all finite: 0 counts as the smallest normal float32."""
    logarithms: NDArray[np.float64] = np.log(np.maximum(probabilities, _FLOOR, dtype=np.float64))
    return logarithms
