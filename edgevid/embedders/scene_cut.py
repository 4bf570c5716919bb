"""Detects cuts between two sampled frames from existing data: their embeddings, or the flow between them."""

from __future__ import annotations

import math
from collections import deque
from functools import lru_cache
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import FrameError
from ..support.checks import check_number

# Fast motion explains part of a distance: half of what the last few were.
_RECENT = 5
_EXPLAINED = 0.5

# For pictures with flow between them: there is a cut if motion fails to explain this much more of the picture, relative to its
# contrast, than for any of this many pictures before. Chosen on three films of training clips of UCF101 and of other actions, ten
# pictures a second; in one of these, of 24 minutes, a stream finds 237 of the 248 cuts, and 0.29 false ones a minute.
_UNEXPLAINED = 0.4
_BEFORE = 3
# Grey levels added to the contrast, because little is visible in the dark
_NOISE = 10.0


class SceneCutDetector:
    """Detects for each sampled frame of a stream whether there was a cut just before it.

    The cosine distance of successive embeddings is compared with earlier ones: if it exceeds half of their median
    (of the last five of the scene) by more than ``threshold``, there is a cut.

    The best threshold depends on the network and on the time between samples: it is stored on the network's card, with its
    measured results (``benchmarks/scene_cut.py``).

    Args:
        threshold: above 0, at most 2. A lower one finds more cuts and takes more fast motion for cuts.

    Raises:
        OptionError: ``threshold`` is not in that range.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = check_number("threshold", threshold, 0, 2, above_low=True)
        self.reset()

    def reset(self) -> None:
        """Forget the previous frame: the next one starts a new scene, without a cut."""
        self._last: Optional[NDArray[np.float64]] = None
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def update(self, embedding: NDArray[Any]) -> bool:
        """Whether a cut lies between this frame and the one before. After a cut a new scene begins with this frame.

        Args:
            embedding: of the newest sampled frame, float ``[D]``. It is copied.

        Raises:
            FrameError: not that, not finite, or another D than before. The detector is unchanged.
        """
        direction = _direction(embedding)
        if self._last is None:
            self._last = direction
            return False
        if direction.shape != self._last.shape:
            raise FrameError(
                f"An embedding of {direction.size} numbers was given after those of {self._last.size}; use one detector a "
                "stream, or call reset()."
            )
        # For unit vectors: half the squared difference is 1 - cosine, and exactly 0 if nothing changed.
        distance = float(np.sum((direction - self._last) ** 2)) / 2
        self._last = direction
        cut = distance - _EXPLAINED * _median(self._recent) > self.threshold
        if cut:
            self._recent.clear()
        else:
            self._recent.append(distance)
        return cut


class FlowCutDetector:
    """Detects for each grey picture of a stream whether there was a cut just before it.

    If things or the camera move, the previous picture can be made from the new one and the flow between them. The remainder,
    relative to the contrast, is compared with the largest of the last three: fast motion leaves much each time, a cut once.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_BEFORE)

    def update(
        self, before: NDArray[np.uint8], now: NDArray[np.uint8], flow: Optional[NDArray[np.float32]] = None
    ) -> bool:
        """Whether a cut lies between two pictures, uint8 ``[H, W]``.

        Args:
            flow: from one to the other, float32 ``[H, W, 2]`` in pixels; None: too little changed to compute it.
        """
        left = 0.0 if flow is None else _left_over(before, now, flow)
        cut = left - max(self._recent, default=0.0) > _UNEXPLAINED
        if cut:
            self._recent.clear()
        else:
            self._recent.append(left)
        return cut


def _left_over(before: NDArray[np.uint8], now: NDArray[np.uint8], flow: NDArray[np.float32]) -> float:
    import cv2

    x, y = _places(before.shape)
    made = cv2.remap(now, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    contrast = min(float(cv2.meanStdDev(picture)[1].item()) for picture in (before, now))
    return float(cv2.mean(cv2.absdiff(before, made))[0]) / (contrast + _NOISE)


@lru_cache(maxsize=1)
def _places(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x and y of each pixel, float32 ``[H, W]``."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return x, y


def _direction(embedding: Any) -> NDArray[np.float64]:
    """The embedding as a unit vector; zeros stay zeros."""
    if not isinstance(embedding, np.ndarray) or embedding.ndim != 1 or not np.issubdtype(embedding.dtype, np.floating):
        given = f"{embedding.dtype} {list(embedding.shape)}" if isinstance(embedding, np.ndarray) else repr(embedding)
        raise FrameError(f"{given} was given as an embedding; expected float32 [D], as an embedder gives it.")
    vector = embedding.astype(np.float64)
    norm = float(np.sqrt(vector @ vector))
    if not math.isfinite(norm):
        raise FrameError("An embedding with infinite or undefined numbers was given; expected finite ones.")
    return vector / norm if norm > 0 else vector


def _median(values: deque[float]) -> float:
    """The median; 0 if there are none."""
    return float(np.median(values)) if values else 0.0
