"""Smoothing of predictions: less flicker, a little more delay."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections import deque
from typing import Optional, Protocol, Union

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..prediction import Prediction
from ..support.checks import check_int, check_number, check_type, shown
from ..support.text import brief
from .order import PredictionOrder


class Smoothing(Protocol):
    """Follows the predictions of one stream and returns a smoothed one for each."""

    def update(self, prediction: Prediction) -> Prediction:
        """Smooth the next prediction: a new one with other probabilities and ``none``, everything else unchanged.

        Raises:
            TimestampError: it has no timestamp, or one before the last. OptionError: other labels than before.
        """

    def reset(self) -> None:
        """Forget earlier predictions: the next one belongs to another scene."""


_MOST = 100_000  # predictions: hours of them


class ExponentialSmoothing(Smoothing):
    """Exponential moving average: the weight of a prediction falls by a factor of ``e`` every ``seconds``.

    It uses the predictions' timestamps, so the result does not depend on their rate. The first prediction is
    unchanged.

    Args:
        seconds: time constant, above 0: the time after which the smoothed probabilities have made 63 % of a change.

    Raises:
        OptionError: not a number of seconds above 0.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = check_number("seconds", seconds, 0, above_low=True, unit="seconds")
        self.reset()

    def __repr__(self) -> str:
        return brief(self, f"{self.seconds:g}")

    def reset(self) -> None:
        self._order = PredictionOrder()
        self._smoothed: Optional[NDArray[np.float64]] = None

    def update(self, prediction: Prediction) -> Prediction:
        last = self._order.last
        timestamp, probabilities = self._order.advance(prediction)
        values = np.append(probabilities, prediction.none)
        if self._smoothed is None or last is None:
            self._smoothed = values
        else:
            self._smoothed += -math.expm1((last - timestamp) / self.seconds) * (values - self._smoothed)
        return _replaced(prediction, self._smoothed)


class MeanSmoothing(Smoothing):
    """Moving average: the mean of the last ``count`` predictions' probabilities; of fewer at the start.

    Args:
        count: number of predictions, 1 or more; 1 changes nothing.

    Raises:
        OptionError: not an int of 1 or more.
    """

    def __init__(self, count: int) -> None:
        self.count = check_int("count", count, 1, _MOST)
        self.reset()

    def __repr__(self) -> str:
        return brief(self, str(self.count))

    def reset(self) -> None:
        self._order = PredictionOrder()
        self._latest: deque[NDArray[np.float64]] = deque(maxlen=self.count)

    def update(self, prediction: Prediction) -> Prediction:
        _, probabilities = self._order.advance(prediction)
        self._latest.append(np.append(probabilities, prediction.none))
        # Summed anew each time: a running sum would accumulate rounding errors over the life of the stream.
        return _replaced(prediction, np.mean(self._latest, axis=0))


def open_smoothing(text: str) -> Optional[Smoothing]:
    """Parse ``"none"``, ``"exponential:SECONDS"`` or ``"mean:COUNT"``.

    >>> open_smoothing("exponential:1.5").seconds
    1.5
    >>> open_smoothing("mean:5").count
    5
    >>> open_smoothing("none") is None
    True

    Raises:
        OptionError: none of these.
    """
    check_type("smoothing", text, str, "text such as mean:5")
    kind, _, value = text.strip().lower().partition(":")
    try:
        if kind == "exponential":
            return ExponentialSmoothing(float(value))
        if kind == "mean":
            return MeanSmoothing(int(value))
    except ValueError:  # OptionError is one: the original text is clearer than the parsed value
        pass
    if (kind, value) == ("none", ""):
        return None
    raise OptionError(
        f"The smoothing {shown(text)} was given; expected none, exponential:SECONDS (above 0, such as exponential:1.5) "
        "or mean:COUNT (1 or more predictions, such as mean:5)."
    )


def fresh_smoothing(smoothing: Optional[Union[str, Smoothing]]) -> Optional[Smoothing]:
    """A new smoothing without history: an object is copied, because several streams may get the same one."""
    if smoothing is None or isinstance(smoothing, str):
        return open_smoothing("none" if smoothing is None else smoothing)
    if not callable(getattr(smoothing, "update", None)) or not callable(getattr(smoothing, "reset", None)):
        raise OptionError(f"smoothing={shown(smoothing)} was given; expected text such as mean:5, or a Smoothing.")
    fresh = copy.deepcopy(smoothing)
    fresh.reset()
    return fresh


def _replaced(prediction: Prediction, values: NDArray[np.float64]) -> Prediction:
    """The prediction with other probabilities, float64 ``[K + 1]``: those of the labels, and of none of them."""
    return dataclasses.replace(prediction, probabilities=values[:-1].astype(np.float32), none=float(values[-1]))
