"""Checks that predictions over time have the same labels, and timestamps in order."""

from __future__ import annotations

import math
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, TimestampError
from ..prediction import Prediction
from ..support.checks import is_number, shown


class PredictionOrder:
    """Checks the predictions of one stream.

    Attributes:
        last: the timestamp of the last one, in seconds; None before the first.
    """

    def __init__(self) -> None:
        self.last: Optional[float] = None
        self._labels: Optional[tuple[str, ...]] = None

    def advance(self, prediction: Prediction) -> tuple[float, NDArray[np.float64]]:
        """The prediction's timestamp and its probabilities, float64 ``[K]``, a copy.

        Raises:
            TimestampError: it has no timestamp, or one before the last. OptionError: other labels than before, or not a
                finite probability for each and for none of them. Nothing is changed.
        """
        timestamp, labels = self.check_time(prediction.timestamp), prediction.labels
        probabilities = np.array(prediction.probabilities, dtype=np.float64)
        if probabilities.shape != (len(labels),) or not np.isfinite(probabilities).all():
            raise OptionError(
                f"Probabilities {probabilities} were given for {len(labels)} labels; expected a finite number for each."
            )
        if not is_number(prediction.none, -1e9, 1e9):
            raise OptionError(f"none={shown(prediction.none)} was given; expected a probability from 0 to 1.")
        if self._labels not in (None, labels):
            raise OptionError(
                f"A prediction with the labels {_names(labels)} came after one with {_names(self._labels or ())}; use one "
                "object for each stream, or call reset()."
            )
        self.last, self._labels = timestamp, labels
        return timestamp, probabilities

    def check_time(self, timestamp: Any) -> float:
        """Return ``timestamp`` if it may come next.

        Raises:
            TimestampError: it is None, not finite, or before the last one.
        """
        if timestamp is None:
            raise TimestampError(
                "A prediction without a timestamp was given; events and smoothing need one. Use predictions of "
                "a stream, or set it: dataclasses.replace(prediction, timestamp=seconds)."
            )
        value = float(timestamp) if isinstance(timestamp, (int, float, np.number)) else math.nan
        if not math.isfinite(value):
            raise TimestampError(f"The timestamp {timestamp!r} was given; expected a finite number of seconds.")
        if self.last is not None and value < self.last:
            raise TimestampError(
                f"The timestamp {value:.6f} s is before the last one, {self.last:.6f} s; give predictions in time order, or "
                "call reset() before another stream."
            )
        return value


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(labels[:5]) + (", ..." if len(labels) > 5 else "")
