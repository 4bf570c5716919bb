"""Histograms of optical flow: how much moves which way, where, and how the motion changes in space."""

from __future__ import annotations

import functools
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..frames import WHOLE, Region
from ..sampling import Sample
from ..support.checks import check_number
from .base import Array, Embedder
from .region import HEIGHT, WIDTH, Grey, RegionTracker, camera_shift, grey_picture

_BINS = 8
# Cells of the finest grid in each direction; the coarser ones are sums of it
_CELLS = 4
_GRIDS = (1, 2, 4)
# Flow is looked at on every other pixel: neighbours say the same
_W, _H = WIDTH // 2, HEIGHT // 2
# Two frames nearer than this, in seconds, are one.
_TOGETHER = 1e-3
_FIELDS = 3  # flow, gradient of its x component, gradient of its y component
DIM = 2 + _FIELDS * _BINS * sum(n * n for n in _GRIDS)


class FlowHistogram(Embedder):
    """HOF and MBH of DIS optical flow between two frames.

    Grey pictures of 160x120, OpenCV's dense inverse search (Kroeger et al. 2016, arXiv:1603.03590), minus its median: the
    camera's own motion. Histograms of direction weighted by magnitude, 8 bins, over 1x1, 2x2 and 4x4 cells, of the flow (HOF,
    Laptev et al. 2008) and of the gradients of its two components (MBH, Dalal et al. 2006), square roots; and the median itself.

    Args:
        where: "whole": the cells divide the picture; "region": they divide the moving region.
        seconds: between the two frames.
        samples_per_second: its rate.
    """

    kind = "flow-histogram"

    def __init__(self, where: str = "region", *, seconds: float = 0.08, samples_per_second: float = 12.5) -> None:
        if where not in ("whole", "region"):
            raise OptionError(f"where={where!r} was given; expected 'whole' or 'region'.")
        self.where = where
        self.seconds = check_number("seconds", seconds, 0, 10, above_low=True, unit="seconds")
        self.samples_per_second = check_number("samples_per_second", samples_per_second, 0, 1000, above_low=True)
        self.frame_offsets = (-self.seconds, 0.0)
        self.dim = DIM
        self._tracker = RegionTracker()
        self._last: tuple[Any, Any] = (None, None)
        self._flow = OpticalFlow()

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "where": self.where,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
        }

    @property
    def region(self) -> Optional[Region]:
        return self._tracker.region if self.where == "region" else None

    def fresh(self) -> FlowHistogram:
        return FlowHistogram(
            self.where, seconds=self.seconds, samples_per_second=float(self.samples_per_second or 12.5)
        )

    def embed(self, sample: Sample) -> Array:
        before, now = sample.frames
        # the newest frame of one sample is, as a rule, the older one of the next
        old = self._last[1] if self._last[0] is before else grey_picture(before)
        new = grey_picture(now)
        self._last = (now, new)
        flow = self._flow(old, new)
        region = WHOLE
        if self.where == "region":
            aspect = now.shape[1] / now.shape[0]
            region = self._tracker.update(old, new, sample.timestamp, aspect, camera_shift(flow))
        apart = sample.timestamps[1] - sample.timestamps[0]
        return flow_features(flow * np.float32(self.seconds / apart if apart > _TOGETHER else 0.0), region)

    def motion(self, rows: Array) -> Array:
        """The flow in each of the finest cells along each of the 4 axes: what goes one way less what goes the other."""
        cells = sum(n * n for n in _GRIDS)
        flow = np.square(rows[:, 2 : 2 + cells * _BINS].reshape(len(rows), cells, _BINS)[:, -_CELLS * _CELLS :])
        return np.subtract(flow[..., : _BINS // 2], flow[..., _BINS // 2 :]).reshape(len(rows), -1)


class OpticalFlow:
    """OpenCV's DIS optical flow, float32 ``[H, W, 2]`` in pixels, between two grey pictures; made when first asked for."""

    def __init__(self) -> None:
        self._dis: Any = None

    def __call__(self, before: Grey, now: Grey) -> NDArray[np.float32]:
        if self._dis is None:
            import cv2

            self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        return np.asarray(self._dis.calc(before, now, None))


def flow_features(flow: NDArray[np.float32], region: Region = WHOLE) -> Array:
    """float32 ``[506]`` of a flow field, float32 ``[120, 160, 2]`` in pixels."""
    import cv2

    small = cv2.resize(flow, (_W, _H), interpolation=cv2.INTER_AREA)
    median = np.median(small.reshape(-1, 2)[::4], axis=0).astype(np.float32)
    small -= median
    u, v = small[..., 0], small[..., 1]
    if region != WHOLE:
        box = (round(region.left * _W), round(region.top * _H), round(region.right * _W), round(region.bottom * _H))
        x0, y0 = min(box[0], _W - 4), min(box[1], _H - 4)
        x1, y1 = max(box[2], x0 + 4), max(box[3], y0 + 4)
    else:
        x0, y0, x1, y1 = 0, 0, _W, _H
    kernel = np.array([[-0.5, 0, 0.5]], np.float32)
    fields: list[tuple[Any, Any]] = [
        (u, v),
        (cv2.filter2D(u, -1, kernel), cv2.filter2D(u, -1, kernel.T)),
        (cv2.filter2D(v, -1, kernel), cv2.filter2D(v, -1, kernel.T)),
    ]
    x, y = (np.stack([field[axis][y0:y1, x0:x1] for field in fields]) for axis in (0, 1))
    return np.concatenate([np.sign(median) * np.sqrt(np.abs(median)), _histograms(x, y)]).astype(np.float32)


def _histograms(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[Any]:
    """Histograms of direction of vector fields, whose components are float32 ``[fields, h, w]``, one after the other."""
    import cv2

    fields, height, width = x.shape
    magnitude, angle = cv2.cartToPolar(x.reshape(-1, width), y.reshape(-1, width))
    # Soft assignment to two neighbouring bins. Directions near a full turn fall into two bins more, which are the first two.
    position = angle.ravel() * np.float32(_BINS / (2 * np.pi))
    lower = position.astype(np.intp)
    upper_share = magnitude.ravel() * (position - lower)
    lower += _bins_begin(fields, height, width)
    size = fields * _CELLS * _CELLS * (_BINS + 2)
    total = np.bincount(lower, magnitude.ravel() - upper_share, size)
    total[1:] += np.bincount(lower, upper_share, size)[:-1]
    total = total.reshape(fields, _CELLS * _CELLS, _BINS + 2)
    total[..., :2] += total[..., _BINS:]
    cells = _GRID_MEANS @ total[..., :_BINS]
    return np.asarray(np.sqrt(cells / (height * width / _CELLS**2)).ravel())


@functools.lru_cache(maxsize=64)
def _bins_begin(fields: int, height: int, width: int) -> NDArray[np.intp]:
    """Where the bins of each pixel's cell begin, of all fields, one pixel after the other."""
    rows, columns = np.arange(height) * _CELLS // height, np.arange(width) * _CELLS // width
    cells = rows[:, np.newaxis] * _CELLS + columns
    begin = (np.arange(fields)[:, np.newaxis, np.newaxis] * _CELLS**2 + cells) * (_BINS + 2)
    begin.setflags(write=False)
    return np.asarray(begin.ravel())


def _grid_means() -> NDArray[np.float64]:
    """What makes the cells of all grids of those of the finest one, ``[cells of all, cells of the finest]``."""
    place = np.arange(_CELLS**2)
    rows, columns = place // _CELLS, place % _CELLS
    inside = [
        (rows * n // _CELLS == row) & (columns * n // _CELLS == column)
        for n in _GRIDS for row in range(n) for column in range(n)
    ]  # fmt: skip
    return np.array([cells / cells.sum() for cells in inside])


_GRID_MEANS = _grid_means()
