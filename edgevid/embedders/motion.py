"""Motion in a stream: followed once for all embedders that use it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..frames import WHOLE, Frame, Region
from ..sampling import Sample
from ..support.checks import check_number
from .base import Embedder
from .region import ENOUGH, HEIGHT, WIDTH, Grey, Picture, RegionTracker, shifted
from .scene_cut import FlowCutDetector

# The camera counts as still unless more than this fraction of the pixels changed by more than this many grey levels, and
# shifting the picture back leaves less than this fraction of the change. Flow alone is not enough: it fills bare walls with the
# motion of people in front of them.
_MUCH, _CHANGED, _LEFT = 0.15, 8, 0.8
# Frames closer than this, in seconds, are the same.
_TOGETHER = 1e-3
_PICTURES = 4
_NO_FRAME: Frame = np.zeros((0, 0, 3), np.uint8)


class Moved(NamedTuple):
    """The motion between the two frames of a sample.

    Attributes:
        region: where things move.
        shift: the camera's own motion: shift of the picture, right and down, as fractions of its width and height.
        pace: factor that scales a motion between the frames to the nominal time between them; 0 if both are the same frame,
            or of different scenes: then the newest is used for both.
        cut: whether there was a cut since the previous sample.
    """

    region: Region
    shift: tuple[float, float]
    pace: float
    cut: bool = False


class OpticalFlow:
    """OpenCV's DIS optical flow (Kroeger et al. 2016, arXiv:1603.03590), float32 ``[H, W, 2]`` in pixels.

    Between two grey pictures of the same size, with its fastest preset. Use one object per size, because it keeps buffers:
    changing the size costs several times the flow itself.

    Args:
        finest_scale: the finest level of the pyramid at which flow is computed: 0 is the picture itself, each further one is
            half as large. One less takes about four times as long.
    """

    def __init__(self, finest_scale: int = 2) -> None:
        self.finest_scale = finest_scale
        self._dis: Any = None

    def __call__(self, before: Grey, now: Grey) -> NDArray[np.float32]:
        if self._dis is None:
            import cv2

            self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
            self._dis.setFinestScale(self.finest_scale)
        return np.asarray(self._dis.calc(before, now, None))


class Motion:
    """Follows one stream: the camera's shift and the moving region, causally, at constant cost.

    Args:
        seconds: nominal time between the two frames of a sample.
        cuts: whether to detect cuts, and start anew after each.

    Attributes:
        began: time of the scene's first sample, after the last cut; minus infinity if there was none.
    """

    def __init__(self, seconds: float, cuts: bool = False) -> None:
        self._seconds = seconds
        self.began = -math.inf
        self._tracker = RegionTracker()
        self._flow = OpticalFlow()
        self._cuts = FlowCutDetector() if cuts else None
        self._last: Optional[tuple[tuple[float, ...], Moved]] = None
        self._pictures: dict[float, Picture] = {}  # the last frames, by time
        self._newest: Optional[Grey] = None

    @property
    def region(self) -> Region:
        """Where things move now."""
        return self._tracker.region

    @property
    def still(self) -> bool:
        """Whether nothing has moved for three seconds, or so far."""
        return self._tracker.still

    @property
    def cut(self) -> bool:
        """Whether the scene was cut just before the newest sample."""
        return self._last is not None and self._last[1].cut

    def follow(self, sample: Sample) -> Moved:
        """The motion between a sample's last two frames. Embedders with the same two frames get the same result."""
        times = sample.timestamps[-2:]
        if self._last is None or self._last[0] != times:
            self._last = (times, self._followed(Sample(sample.timestamp, sample.frames[-2:], times)))
        return self._last[1]

    def pictures(self, sample: Sample) -> list[Picture]:
        """The frames of a sample. Their colours are usually the caller's memory: do not keep them."""
        return [self._picture(frame, time) for frame, time in zip(sample.frames, sample.timestamps)]

    def _picture(self, frame: Frame, time: float) -> Picture:
        # the newest frame of one sample is usually an older one of the next
        known = self._pictures.get(time)
        if known is None:
            known = Picture.of(frame)
            while len(self._pictures) >= _PICTURES:
                del self._pictures[next(iter(self._pictures))]
            # a caller may reuse the frame's memory
            self._pictures[time] = known if known.colour is not frame else known._replace(colour=_NO_FRAME)
        return known if known.colour is not _NO_FRAME else known._replace(colour=frame)

    def _followed(self, sample: Sample) -> Moved:
        then, newest = sample.timestamps
        kept = self._newest
        old, new = (picture.small for picture in self.pictures(sample))
        self._newest = new
        aspect = sample.frames[-1].shape[1] / sample.frames[-1].shape[0]
        flow = self._flow_where_much_changed(old, new)
        if self._cuts is not None:
            # motion between the samples counts too, if they are further apart than their frames
            last = old if kept is None else kept
            since = flow if last is old else self._flow_where_much_changed(last, new)
            if self._cuts.update(last, new, since):
                self._tracker, self.began = RegionTracker(), newest
                return Moved(
                    self._tracker.update(new, new, sample.timestamp, aspect, (0.0, 0.0)), (0.0, 0.0), 0.0, True
                )
        shift = (0.0, 0.0) if flow is None else _camera_shift(old, new, flow)
        region = self._tracker.update(old, new, sample.timestamp, aspect, shift)
        apart = newest - then
        pace = self._seconds / apart if apart > _TOGETHER else 0.0
        return Moved(region, (shift[0] / WIDTH, shift[1] / HEIGHT), pace)

    def _flow_where_much_changed(self, before: Grey, now: Grey) -> Optional[NDArray[np.float32]]:
        import cv2

        much = np.count_nonzero(cv2.absdiff(before, now) > _CHANGED) >= _MUCH * now.size
        return self._flow(before, now) if much else None


def _camera_shift(before: Grey, now: Grey, flow: NDArray[np.float32]) -> tuple[float, float]:
    """The shift of the picture by the camera's motion, pixels right and down."""
    import cv2

    # the median over every fourth pixel, because neighbours move alike
    parts = (np.sort(flow[::4, ::4, axis], axis=None) for axis in (0, 1))
    x, y = (float(part[len(part) // 2]) for part in parts)
    back, change = cv2.absdiff(shifted(before, (x, y)), now), cv2.absdiff(before, now)
    return (x, y) if cv2.mean(back)[0] < _LEFT * cv2.mean(change)[0] else (0.0, 0.0)


class MotionEmbedder(Embedder):
    """An embedder that uses the motion between two frames; those of one stream share it.

    Args:
        seconds: time between the two frames, above 0.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = check_number("seconds", seconds, 0, 10, above_low=True, unit="seconds")
        self.frame_offsets = (-self.seconds, 0.0)
        self.enough_pixels = ENOUGH
        self._seen = Motion(self.seconds)

    @property
    def seen(self) -> Motion:
        """The motion, shared with other embedders."""
        return self._seen

    @property
    def region(self) -> Optional[Region]:
        region = self._seen.region
        return None if region == WHOLE else region

    @property
    def cut(self) -> Optional[bool]:
        return self._seen.cut

    @property
    def still(self) -> Optional[bool]:
        return self._seen.still

    def share(self, motion: Motion) -> None:
        """Share this motion from now on."""
        self._seen = motion


def fresh_embedders(embedders: Sequence[Embedder], cuts: bool = False) -> list[Embedder]:
    """New embedders without history, for one stream or clip; those that use motion share it.

    Args:
        cuts: whether those that use motion detect cuts, and start anew after each.
    """
    motions: dict[float, Motion] = {}
    fresh = [embedder.fresh() for embedder in embedders]
    for new, old in zip(fresh, embedders):
        if isinstance(new, MotionEmbedder) and new is not old:
            new.share(motions.setdefault(new.seconds, Motion(new.seconds, cuts)))
    return fresh
