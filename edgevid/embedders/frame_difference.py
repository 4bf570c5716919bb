"""The difference of two frames through a convolutional network: shows motion and its direction."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frames import Frame
from ..sampling import Sample
from ..support.checks import check_number
from .base import Array, Embedder
from .cnn import CnnEmbedder

_GREY = 128


class FrameDifference(Embedder):
    """The picture 128 + gain * (frame at t - frame at t - seconds), clipped to uint8, through a network.

    An image network never trained on such pictures still sees motion in them: edges in its direction, dark on
    one side and bright on the other. Simonyan and Zisserman's temporal stream (2014, arXiv:1406.2199) gets optical flow
    instead; the difference costs next to nothing.

    Args:
        cnn: the network's embedder; others may share it. It is closed with this one.
        seconds: time between the two frames, above 0.
        gain: factor of the difference.
    """

    kind = "frame-difference"

    def __init__(self, cnn: CnnEmbedder, *, seconds: float = 0.1, gain: float = 2.0) -> None:
        self._cnn = cnn
        self.seconds = check_number("seconds", seconds, 0, 10, above_low=True, unit="seconds")
        self.gain = check_number("gain", gain, 0, 100, above_low=True)
        self.dim = cnn.dim
        self.frame_offsets = (-self.seconds, 0.0)

    @property
    def identity(self) -> dict[str, Any]:
        network = {key: value for key, value in self._cnn.identity.items() if key != "kind"}
        return {"kind": self.kind, **network, "seconds": self.seconds, "gain": self.gain}

    def embed(self, sample: Sample) -> Array:
        before, now = sample.frames
        return self._cnn.embed_picture(difference_picture(before, now, self.gain))

    def close(self) -> None:
        self._cnn.close()


def difference_picture(before: Frame, now: Frame, gain: float = 2.0) -> Frame:
    """128 + gain * (now - before), rounded, clipped: uint8 ``[H, W, 3]``. Grey if the frames differ in size."""
    import cv2

    if before.shape != now.shape:
        return np.full_like(now, _GREY)
    return np.asarray(cv2.addWeighted(now, gain, before, -gain, _GREY), dtype=np.uint8)
