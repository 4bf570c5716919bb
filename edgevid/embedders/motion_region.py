"""The moving region through a convolutional network."""

from __future__ import annotations

from typing import Any, Optional

from ..sampling import Sample
from ..support.checks import check_int, check_number, check_type
from .base import Array
from .cnn import CnnEmbedder
from .frame_difference import difference_picture
from .motion import MotionEmbedder
from .region import cropped, resized

_MOST_BANDS = 256


class MotionRegion(MotionEmbedder):
    """Embeds the part of the newest frame where things move; or the difference of two frames there.

    The region follows from the frames so far, see :class:`~edgevid.embedders.region.RegionTracker`. In a difference, the
    camera's own motion is compensated: the older frame is cropped where the region was then.

    Args:
        cnn: the network's embedder; it is shared.
        seconds: time between the two frames for following motion, above 0.
        difference: embed 128 + gain * (newest - older) of the region, as :class:`FrameDifference` does for the whole frame.
        lag_seconds: time between the two frames of a difference; default: ``seconds``.
        gain: factor of a difference.
        bands: of the network's feature map, see :meth:`CnnEmbedder.embed_picture`.
    """

    kind = "motion-region"

    def __init__(
        self,
        cnn: CnnEmbedder,
        *,
        seconds: float = 0.1,
        difference: bool = False,
        lag_seconds: Optional[float] = None,
        gain: float = 2.0,
        bands: int = 3,
    ) -> None:
        super().__init__(seconds)
        self._cnn, self.difference = cnn, check_type("difference", difference, bool)
        self.lag_seconds = self.seconds
        if lag_seconds is not None:
            self.lag_seconds = check_number("lag_seconds", lag_seconds, 0, 10, above_low=True, unit="seconds")
        if difference and self.lag_seconds != self.seconds:
            self.frame_offsets = (-self.lag_seconds, *self.frame_offsets)
        self.gain = check_number("gain", gain, 0, 100, above_low=True)
        self.bands = check_int("bands", bands, 1, _MOST_BANDS)
        self.dim = cnn.dim * self.bands

    @property
    def identity(self) -> dict[str, Any]:
        network = {key: value for key, value in self._cnn.identity.items() if key != "kind"}
        return {
            "kind": self.kind,
            **network,
            "seconds": self.seconds,
            "difference": self.difference,
            "lag_seconds": self.lag_seconds,
            "gain": self.gain,
            "bands": self.bands,
        }

    def fresh(self) -> MotionRegion:
        return MotionRegion(
            self._cnn,
            seconds=self.seconds,
            difference=self.difference,
            lag_seconds=self.lag_seconds,
            gain=self.gain,
            bands=self.bands,
        )

    def embed(self, sample: Sample) -> Array:
        moved = self._seen.follow(sample)
        pictures = self._seen.pictures(sample)
        now = pictures[-1].colour
        part = cropped(now, moved.region)
        if self.difference:
            same_scene = moved.pace and sample.timestamps[0] >= self._seen.began
            before = pictures[0].colour if same_scene else now
            # assume that the camera keeps moving as it does now
            back = -self.lag_seconds / self.seconds
            shift = (back * moved.shift[0], back * moved.shift[1])
            part = difference_picture(cropped(before, moved.region, shift), part, self.gain)
        return self._cnn.embed_picture(resized(part, self._cnn.width, self._cnn.height), self.bands)

    def close(self) -> None:
        self._cnn.close()
