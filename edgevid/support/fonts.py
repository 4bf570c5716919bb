"""The font of all drawings."""

from __future__ import annotations

from functools import lru_cache
from typing import Union

from PIL import ImageFont


@lru_cache(maxsize=64)
def font(size: float) -> Union[ImageFont.FreeTypeFont, ImageFont.ImageFont]:
    """Pillow's own font, so that no font file is needed; ``size`` in pixels.

    Pillow before 10.1, as in Debian 12 for 32-bit ARM, has only one small font: DejaVu is used if it is installed, which
    both Debian and Raspberry Pi OS do for their desktops.
    """
    try:
        return ImageFont.load_default(size=size)
    except TypeError:
        pass
    try:
        return ImageFont.truetype("DejaVuSans.ttf", round(size))
    except OSError:
        return ImageFont.load_default()
