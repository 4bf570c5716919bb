"""Clips whose frames are in another order of channels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ..frames import BGR, Frame, RgbFrames, check_colour
from .clip import Clip, count_frames


def clip_in_rgb(clip: Clip, colour: str) -> Clip:
    """A clip whose frames' channels are in the order ``colour``, as RGB; of a file, whose order is known, itself.

    Frames are converted when they are sampled.

    Raises:
        OptionError: another colour. FrameError: it is no clip.
    """
    if check_colour(colour) != BGR or isinstance(clip, (str, Path)):
        return clip
    count_frames(clip)
    return RgbFrames(cast("Sequence[Frame]", clip))
