"""Options that are numbers: whether they are, and lie in their range."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Optional

from ..errors import OptionError


def check_int(name: str, value: Any, low: int, high: Optional[int] = None) -> int:
    """``value`` if it is an int from ``low`` to ``high`` (None: no limit). True and False are none.

    Raises:
        OptionError: it is not; the message begins with ``name=value``.
    """
    if isinstance(value, int) and not isinstance(value, bool) and low <= value and (high is None or value <= high):
        return value
    expected = f"an int of {low} or more" if high is None else f"an int from {low} to {high}"
    raise OptionError(f"{name}={value!r} was given; expected {expected}.")


def check_number(
    name: str, value: Any, low: float, high: float = math.inf, *, above_low: bool = False, unit: str = ""
) -> float:
    """``value`` as a float if it is a finite number, NumPy's too, from ``low`` to ``high``. True and False are none.

    Args:
        above_low: whether ``low`` itself is refused.
        unit: for the message, such as "seconds".

    Raises:
        OptionError: it is not; the message begins with ``name=value``.
    """
    number = _finite(value)
    if number is not None and (low < number if above_low else low <= number) and number <= high:
        return number
    what = f"a number of {unit}" if unit else "a number"
    least = f"above {low:g}" if above_low else f"from {low:g}"
    most = "" if high == math.inf else f" to {high:g}" if not above_low else f", at most {high:g}"
    raise OptionError(f"{name}={value!r} was given; expected {what} {least}{most}.")


def _finite(value: Any) -> Optional[float]:
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:  # an int may be larger than any float
        return None
    return number if math.isfinite(number) else None


def is_text(name: str) -> bool:
    """Whether it has an encoding. A file's name may be any bytes; OpenCV 5 crashes on those that are no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
