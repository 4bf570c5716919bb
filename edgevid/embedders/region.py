"""Finds the moving region: a square around the motion of the last seconds, on small grey pictures."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..frames import WHOLE, Frame, Region

Grey = NDArray[np.uint8]

# Size of the grey pictures; the aspect ratio is not kept, as in the networks' pictures.
WIDTH, HEIGHT = 160, 120
# Pictures with sides of this many pixels are enough: benchmarks/large_frames.py measures the effect of halving to that.
ENOUGH = 256
# Differences up to the first are noise; larger than the second count as the second: a white shirt moves no more than a grey one.
_NOISE, _MOST = 12, 40
# Weight of a difference after a second
_KEPT_A_SECOND = 0.7
# The box holds the middle part of the motion in each direction, plus a margin
_MIDDLE = 0.94
_MARGIN = 1.3
_LEAST_HEIGHT = 0.25
# Less motion than this many grey levels per pixel is ignored
_STILL = 0.02
# A camera shift below this many pixels is ignored
_LEAST_SHIFT = 0.25
# A still picture keeps its region for this long
_HOLD_SECONDS = 3.0


def _cv2() -> Any:
    """OpenCV, whose annotations do not allow numbers beside pictures."""
    import cv2

    return cv2


class Picture(NamedTuple):
    """A frame, in the forms used to find motion.

    Attributes:
        colour: uint8 ``[H, W, 3]`` RGB: the frame, halved while it is large.
        grey: the same in grey, uint8 ``[H, W]``: flow is computed in parts of it.
        small: uint8 ``[120, 160]``: the region is found in it.
    """

    colour: Frame
    grey: Grey
    small: Grey

    @classmethod
    def of(cls, frame: Frame) -> Picture:
        frame = reduced(frame, ENOUGH)
        grey = np.asarray(_cv2().cvtColor(frame, _cv2().COLOR_RGB2GRAY))
        return cls(frame, grey, resized(grey, WIDTH, HEIGHT))


class RegionTracker:
    """Follows the motion of one stream, causally: the region at t depends on frames up to t only, at constant cost.

    Differences of successive grey pictures, with the camera's own motion and noise removed, are added to older ones, which
    fade. The region is the box of the middle 94 % of this energy in x and in y, enlarged 1.3 times, square in pixels, at least
    a quarter of the height. When nothing moves any more it stays for three seconds; then the whole picture counts.
    """

    def __init__(self) -> None:
        self._energy: NDArray[np.float32] = np.zeros((HEIGHT, WIDTH), np.float32)
        self._last: Optional[float] = None
        self._moved = -np.inf
        self.region = WHOLE
        self.still = True  # nothing has moved for three seconds, or so far

    def update(
        self, before: Grey, now: Grey, timestamp: float, aspect: float, shift: tuple[float, float] = (0.0, 0.0)
    ) -> Region:
        """The region after one more pair of pictures.

        Args:
            before, now: see :attr:`Picture.small`.
            timestamp: seconds, of ``now``.
            aspect: the frame's width divided by its height.
            shift: shift of the picture by the camera's own motion, in pixels, right and down.
        """
        cv2 = _cv2()
        if max(abs(shift[0]), abs(shift[1])) > _LEAST_SHIFT:
            before = shifted(before, shift)
        difference = _difference(before, now)
        if max(abs(shift[0]), abs(shift[1])) > _LEAST_SHIFT:  # new pixels at the edges are no motion
            x, y = (min(math.ceil(abs(part)) + 1, 40) for part in shift)
            difference[:y], difference[HEIGHT - y :], difference[:, :x], difference[:, WIDTH - x :] = 0, 0, 0, 0
        kept = 0.0 if self._last is None else _KEPT_A_SECOND ** max(timestamp - self._last, 0.0)
        self._last = timestamp
        self._energy *= np.float32(kept)
        cv2.accumulate(difference, self._energy)
        if _is_much(difference):
            self._moved, self.still = timestamp, False
            self.region = _box(self._energy, aspect)
        elif timestamp - self._moved > _HOLD_SECONDS:
            self._energy[:] = 0
            self.region, self.still = WHOLE, True
        return self.region


def is_motion(before: Grey, now: Grey) -> bool:
    """Whether something moved from one small grey picture to another."""
    return _is_much(_difference(before, now))


def _difference(before: Grey, now: Grey) -> Grey:
    """How much pixels changed beyond noise."""
    cv2 = _cv2()
    return np.asarray(cv2.subtract(cv2.threshold(cv2.absdiff(before, now), _MOST, 0, cv2.THRESH_TRUNC)[1], _NOISE))


def _is_much(difference: Grey) -> bool:
    return bool(_cv2().sumElems(difference)[0] / difference.size >= _STILL)


def shifted(picture: Grey, shift: tuple[float, float]) -> Grey:
    """A grey picture shifted by so many pixels, right and down; the edge pixels are repeated."""
    moved = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    return np.asarray(_cv2().warpAffine(picture, moved, (WIDTH, HEIGHT), borderMode=_cv2().BORDER_REPLICATE))


def _box(energy: NDArray[np.float32], aspect: float) -> Region:
    columns, rows = (_cv2().reduce(energy, axis, _cv2().REDUCE_SUM).ravel() for axis in (0, 1))
    (left, right), (top, bottom) = _middle(columns), _middle(rows)
    # relative to the height, so that a square is square in pixels
    width, height = (right - left) * aspect, bottom - top
    side = min(max(_MARGIN * max(width, height), _LEAST_HEIGHT), max(1.0, aspect))
    (x0, x1), (y0, y1) = _span((left + right) / 2, min(side / aspect, 1.0)), _span((top + bottom) / 2, min(side, 1.0))
    return Region(x0, y0, x1, y1)


def _middle(profile: NDArray[np.float32]) -> tuple[float, float]:
    """Start and end of the middle part of a profile, as fractions of its length."""
    sums = profile.cumsum(dtype=np.float64)
    sums /= sums[-1]
    rest = (1 - _MIDDLE) / 2
    begin, end = sums.searchsorted((rest, 1 - rest)).tolist()
    return begin / len(profile), (end + 1) / len(profile)


def _span(centre: float, length: float) -> tuple[float, float]:
    """A span of this length around the centre, moved into 0 to 1."""
    begin = min(max(centre - length / 2, 0.0), 1.0 - length)
    return begin, begin + length


def resized(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize a picture, uint8 ``[H, W]`` or ``[H, W, 3]``: halve it while it is more than twice as large, then bilinear.

    Area averaging takes up to ten times as long; bilinear alone would skip pixels.
    """
    import cv2

    while picture.shape[1] >= 2 * width and picture.shape[0] >= 2 * height:
        picture = _halved(picture)
    if picture.shape[:2] == (height, width):
        return np.ascontiguousarray(picture)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR))


def reduced(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Halve a picture as long as its sides stay at least ``side`` pixels; the picture itself if that is never.

    For quartering, every other row is enough: half of the memory need not be read.
    """
    while min(picture.shape[:2]) >= 4 * side:
        picture = _quartered(picture)
    while min(picture.shape[:2]) >= 2 * side:
        picture = _halved(picture)
    return picture


def _halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    half = (picture.shape[1] // 2, picture.shape[0] // 2)
    return np.asarray(cv2.resize(picture[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA))


def _quartered(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    height, width = picture.shape[0] // 4, picture.shape[1] // 4
    rows = cv2.resize(picture[: 4 * height : 2, : 4 * width], (2 * width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(rows, (width, height), interpolation=cv2.INTER_LINEAR))


def cropped(frame: Frame, region: Region, shift: tuple[float, float] = (0.0, 0.0)) -> Frame:
    """The region's part of a frame, uint8 ``[h, w, 3]``, at least one pixel.

    Args:
        shift: offset from the region, as fractions of the frame's width and height; limited by the frame's edges.
    """
    height, width = frame.shape[:2]
    left, right = _pixels(region.left, region.right, shift[0], width)
    top, bottom = _pixels(region.top, region.bottom, shift[1], height)
    return frame[top:bottom, left:right]


def _pixels(begin: float, end: float, shift: float, size: int) -> tuple[int, int]:
    """Start and end of a span in pixels; its length does not depend on the shift."""
    first = min(int(begin * size), size - 1)
    last = max(round(end * size), first + 1)
    moved = min(max(round(shift * size), -first), size - last)
    return first + moved, last + moved
