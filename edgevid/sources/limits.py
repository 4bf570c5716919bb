"""A limit on the size of frames: a small file can hold one that fills the memory."""

from __future__ import annotations

import os

from ..errors import OptionError, SourceError

# More than an 8K camera has (33 million)
MAX_PIXELS = 40_000_000
MAX_PIXELS_VARIABLE = "EDGEVID_MAX_PIXELS"


def check_size(what: str, width: int, height: int) -> None:
    """Refuse frames with more pixels than the variable EDGEVID_MAX_PIXELS allows (default: 40 million), before decoding one.

    Args:
        what: the frames' source, for the message.

    Raises:
        SourceError: they are too large. OptionError: the variable is not a number of pixels.
    """
    text = os.environ.get(MAX_PIXELS_VARIABLE, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 20):
        raise OptionError(
            f"The variable {MAX_PIXELS_VARIABLE} is {text!r}; expected a number of pixels, such as {MAX_PIXELS}."
        )
    most = int(text) if text else MAX_PIXELS
    if width * height > most:
        raise SourceError(
            f"{what} has frames of {width}x{height} pixels; at most {most:,} pixels are decoded, because each takes 3 bytes, "
            f"several times over. Make it smaller, or set the variable {MAX_PIXELS_VARIABLE} higher."
        )
