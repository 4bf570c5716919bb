"""The moving region through a convolutional network."""

from __future__ import annotations

from typing import Any

from ..frames import Region
from ..sampling import Sample
from ..support.checks import check_number
from .base import Array, Embedder
from .cnn import CnnEmbedder
from .flow_histogram import OpticalFlow
from .frame_difference import difference_picture
from .region import RegionTracker, camera_shift, cropped, grey_picture


class MotionRegion(Embedder):
    """The part of the newest frame where things move, through a network; or the difference of two frames there.

    Where that is follows from the frames so far, see :class:`~edgevid.embedders.region.RegionTracker`.

    Args:
        cnn: the network's embedder; it is shared.
        seconds: between the two frames, above 0.
        difference: embed 128 + gain * (newest - older) of the region, as :class:`FrameDifference` does of the whole.
        gain: what a difference is multiplied by.
    """

    kind = "motion-region"

    def __init__(self, cnn: CnnEmbedder, *, seconds: float = 0.1, difference: bool = False, gain: float = 2.0) -> None:
        self._cnn, self.difference = cnn, difference
        self.seconds = check_number("seconds", seconds, 0, 10, above_low=True, unit="seconds")
        self.gain = check_number("gain", gain, 0, 100, above_low=True)
        self.dim = cnn.dim
        self.frame_offsets = (-self.seconds, 0.0)
        # Differences are alike before and after a cut; regions are not, and tell it as well as whole frames do.
        self.scene_cut_threshold = None if difference else cnn.scene_cut_threshold
        self._tracker = RegionTracker()
        self._flow = OpticalFlow()

    @property
    def identity(self) -> dict[str, Any]:
        network = {key: value for key, value in self._cnn.identity.items() if key != "kind"}
        return {"kind": self.kind, **network, "seconds": self.seconds, "difference": self.difference, "gain": self.gain}

    @property
    def region(self) -> Region:
        return self._tracker.region

    def fresh(self) -> MotionRegion:
        return MotionRegion(self._cnn, seconds=self.seconds, difference=self.difference, gain=self.gain)

    def embed(self, sample: Sample) -> Array:
        before, now = sample.frames
        old, new = grey_picture(before), grey_picture(now)
        shift = camera_shift(self._flow(old, new))
        region = self._tracker.update(old, new, sample.timestamp, now.shape[1] / now.shape[0], shift)
        part = cropped(now, region)
        if self.difference:
            part = difference_picture(cropped(before, region), part, self.gain)
        return self._cnn.embed_picture(part)

    def close(self) -> None:
        self._cnn.close()
