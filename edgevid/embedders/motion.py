"""What moves in a stream: followed once for all embedders that look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..frames import Frame, Region
from ..sampling import Sample
from ..support.checks import check_number
from .base import Embedder
from .region import HEIGHT, WIDTH, Grey, RegionTracker, grey_picture

# The camera's shift is the median of a flow over so small a picture.
_SMALL = (WIDTH // 2, HEIGHT // 2)
# Two frames nearer than this, in seconds, are one.
_TOGETHER = 1e-3


class Moved(NamedTuple):
    """What happened between the two frames of a sample.

    Attributes:
        region: where things move.
        shift: how far the camera's own motion moved the picture, right and down, in parts of its width and height.
        pace: what a motion between the frames is multiplied by to be one of the nominal time between them; 0 where both are one.
    """

    region: Region
    shift: tuple[float, float]
    pace: float


class OpticalFlow:
    """OpenCV's DIS optical flow (Kroeger et al. 2016, arXiv:1603.03590), float32 ``[H, W, 2]`` in pixels.

    Between two grey pictures of one size, its fastest preset. One object keeps buffers of one size: a size that changes costs
    several times the flow itself.
    """

    def __init__(self) -> None:
        self._dis: Any = None

    def __call__(self, before: Grey, now: Grey) -> NDArray[np.float32]:
        if self._dis is None:
            import cv2

            self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        return np.asarray(self._dis.calc(before, now, None))


class Motion:
    """Follows one stream: the camera's shift and the moving region, causally, at constant cost.

    Args:
        seconds: nominal time between the two frames of a sample.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tracker = RegionTracker()
        self._flow = OpticalFlow()
        self._last: Optional[tuple[tuple[float, ...], Moved]] = None
        self._newest: Optional[tuple[float, Grey, Grey]] = None

    @property
    def region(self) -> Region:
        """Where things move now."""
        return self._tracker.region

    def follow(self, sample: Sample) -> Moved:
        """What happened between a sample's two frames. Embedders that ask for the same two get the same answer."""
        if self._last is None or self._last[0] != sample.timestamps:
            self._last = (sample.timestamps, self._followed(sample))
        return self._last[1]

    def _followed(self, sample: Sample) -> Moved:
        (before, now), (then, newest) = sample.frames, sample.timestamps
        # the newest frame of one sample is, as a rule, the older one of the next
        kept = self._newest
        old, small_old = kept[1:] if kept is not None and kept[0] == then else _pictures(before)
        new, small_new = _pictures(now)
        self._newest = (newest, new, small_new)
        shift = _median(self._flow(small_old, small_new))
        pixels = (shift[0] * WIDTH / _SMALL[0], shift[1] * HEIGHT / _SMALL[1])
        region = self._tracker.update(old, new, sample.timestamp, now.shape[1] / now.shape[0], pixels)
        apart = newest - then
        pace = self._seconds / apart if apart > _TOGETHER else 0.0
        return Moved(region, (shift[0] / _SMALL[0], shift[1] / _SMALL[1]), pace)


class MotionEmbedder(Embedder):
    """An embedder that looks at what moves between two frames; those of one stream share what they see.

    Args:
        seconds: between the two frames, above 0.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = check_number("seconds", seconds, 0, 10, above_low=True, unit="seconds")
        self.frame_offsets = (-self.seconds, 0.0)
        self._seen = Motion(self.seconds)

    def share(self, motion: Motion) -> None:
        """Look at this from now on."""
        self._seen = motion


def fresh_embedders(embedders: Sequence[Embedder]) -> list[Embedder]:
    """Embedders that have seen nothing yet, for one stream or clip; those that follow motion share what they see of it."""
    motions: dict[float, Motion] = {}
    fresh = [embedder.fresh() for embedder in embedders]
    for new, old in zip(fresh, embedders):
        if isinstance(new, MotionEmbedder) and new is not old:
            new.share(motions.setdefault(new.seconds, Motion(new.seconds)))
    return fresh


def _pictures(frame: Frame) -> tuple[Grey, Grey]:
    import cv2

    grey = grey_picture(frame)
    return grey, np.asarray(cv2.resize(grey, _SMALL, interpolation=cv2.INTER_AREA))


def _median(flow: NDArray[np.float32]) -> tuple[float, float]:
    """The median motion, pixels right and down; of every fourth pixel, for neighbours move alike."""
    parts = flow[::2, ::2].reshape(-1, 2).T
    middle = parts.shape[1] // 2
    x, y = np.partition(parts, middle, axis=1)[:, middle]
    return float(x), float(y)
