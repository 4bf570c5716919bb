"""The font of all drawings."""

from __future__ import annotations

from functools import lru_cache
from typing import Union

from PIL import ImageFont


@lru_cache(maxsize=64)
def font(size: float) -> Union[ImageFont.FreeTypeFont, ImageFont.ImageFont]:
    """Pillow's own, so that no font file need be found; ``size`` in pixels.

    Pillow before 10.1, as Debian 12 has it for 32-bit ARM, has only one small font: DejaVu is taken where it is installed, which
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
