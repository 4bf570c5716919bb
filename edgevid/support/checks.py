"""Checks of numeric options: type and range."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Optional, TypeVar, Union

import numpy as np

from ..errors import OptionError
from .text import shorten

T = TypeVar("T")
# The limit if none is given. Larger numbers overflow somewhere: in a library, a clock, or a thread's wait.
MOST_INT, MOST_NUMBER = 2**31 - 1, 1e9
# Of a window: the most that a camera and memory can give
MAX_SAMPLES = 10_000
MIN_WINDOW_SECONDS, MAX_WINDOW_SECONDS = 1e-3, 86_400.0
_MOST_SHOWN = 60  # characters of a value in a message


def check_type(name: str, value: Any, kind: Union[type[T], tuple[type[T], ...]], expected: str = "") -> T:
    """Return ``value`` if it is of type ``kind``. Raises: OptionError: it is not; the message begins with ``name=value``."""
    if isinstance(value, kind):
        return value
    raise OptionError(
        f"{name}={shown(value)} was given; expected {expected or 'a ' + getattr(kind, '__name__', 'value')}."
    )


def shown(value: Any) -> str:
    """A value for a message: short, and safe for any value. (Python prints no int of more than 4,300 digits.)"""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    return shorten(text, _MOST_SHOWN)


def check_int(name: str, value: Any, low: int, high: Optional[int] = None) -> int:
    """Return ``value`` as an int if it is one (or NumPy's) from ``low`` to ``high`` (None: 2**31 - 1). Not True or False.

    Raises:
        OptionError: it is not; the message begins with ``name=value``.
    """
    number = None if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) else int(value)
    if number is not None and low <= number <= (MOST_INT if high is None else high):
        return number
    if number is not None and number > MOST_INT:
        high = MOST_INT if high is None else high
    expected = f"an int of {low} or more" if high is None else f"an int from {low} to {high}"
    raise OptionError(f"{name}={shown(value)} was given; expected {expected}.")


def check_number(
    name: str, value: Any, low: float, high: Optional[float] = None, *, above_low: bool = False, unit: str = ""
) -> float:
    """Return ``value`` as a float if it is a number (or NumPy's) from ``low`` to ``high`` (None: 1e9). Not True or False.

    Args:
        above_low: whether ``low`` itself is excluded.
        unit: for the message, such as "seconds".

    Raises:
        OptionError: it is not; the message begins with ``name=value``.
    """
    number = _finite(value)
    most_allowed = MOST_NUMBER if high is None else high
    if number is not None and (low < number if above_low else low <= number) and number <= most_allowed:
        return number
    if number is not None and number > most_allowed:
        high = most_allowed
    what = f"a number of {unit}" if unit else "a number"
    least = f"above {low:g}" if above_low else f"from {low:g}"
    most = "" if high is None else f" to {high:g}" if not above_low else f", at most {high:g}"
    raise OptionError(f"{name}={shown(value)} was given; expected {what} {least}{most}.")


def is_number(value: Any, low: float, high: float) -> bool:
    """Whether it is a number from ``low`` to ``high``, as for :func:`check_number`."""
    number = _finite(value)
    return number is not None and low <= number <= high


def _finite(value: Any) -> Optional[float]:
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:  # an int may be larger than any float
        return None
    return number if math.isfinite(number) else None


def is_text(name: str) -> bool:
    """Whether it can be encoded. A file's name may be any bytes; OpenCV 5 crashes on those that are not text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
