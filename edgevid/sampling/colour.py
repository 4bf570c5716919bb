"""Clips whose frames have another channel order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ..frames import BGR, Frame, RgbFrames, check_colour
from .clip import Clip, count_frames


def clip_in_rgb(clip: Clip, colour: str) -> Clip:
    """A clip with the channel order ``colour``, as RGB; a file is returned unchanged, since its order is known.

    Frames are converted when they are sampled.

    Raises:
        OptionError: another colour. FrameError: it is not a clip.
    """
    if check_colour(colour) != BGR or isinstance(clip, (str, Path)):
        return clip
    count_frames(clip)
    return RgbFrames(cast("Sequence[Frame]", clip))
