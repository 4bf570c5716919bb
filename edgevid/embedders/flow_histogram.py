"""Histograms of optical flow: amount, direction and place of motion, and how it changes in space."""

from __future__ import annotations

import functools
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..frames import WHOLE, Region
from ..sampling import Sample
from ..support.checks import check_int, check_number, shown
from .base import Array
from .motion import MotionEmbedder, OpticalFlow
from .region import cropped, resized

# Flow is sampled on a grid with this many points in each direction.
_GRID = 32
_MOST_PIXELS, _COARSEST = 1024, 8
_BINS = 8
# Cells of the finest grid of histograms in each direction; coarser cells are sums of them
_CELLS = 4
_GRIDS = (1, 2, 4)
_FIELDS = 3  # flow, gradient of its x component, gradient of its y component
DIM = 2 + _FIELDS * _BINS * sum(n * n for n in _GRIDS)


class FlowHistogram(MotionEmbedder):
    """HOF and MBH of DIS optical flow between two frames.

    The region where things move is resized to a grey square, so that distance does not matter, and flow is computed
    there; the camera's own motion is subtracted. Histograms of direction weighted by magnitude, 8 bins, over 1x1, 2x2
    and 4x4 cells, of the flow (HOF, Laptev et al. 2008) and of the gradients of its two components (MBH, Dalal et al. 2006),
    as square roots; and the camera's motion itself. Magnitudes are relative to the region, at the nominal time between frames.

    Args:
        where: "region": the moving region, see :class:`~edgevid.embedders.region.RegionTracker`; "whole": the whole frame.
        seconds: time between the two frames.
        samples_per_second: its rate.
        pixels: side of the square, 32 to 1024.
        finest_scale: see :class:`~edgevid.embedders.motion.OpticalFlow`.
    """

    kind = "flow-histogram"

    def __init__(
        self,
        where: str = "region",
        *,
        seconds: float = 0.1,
        samples_per_second: float = 10.0,
        pixels: int = 128,
        finest_scale: int = 2,
    ) -> None:
        if not isinstance(where, str) or where not in ("whole", "region"):
            raise OptionError(f"where={shown(where)} was given; expected 'whole' or 'region'.")
        super().__init__(seconds)
        self.where = where
        self.samples_per_second: float = check_number("samples_per_second", samples_per_second, 0, 1000, above_low=True)
        self.pixels = check_int("pixels", pixels, _GRID, _MOST_PIXELS)
        self.dim = DIM
        self.finest_scale = check_int("finest_scale", finest_scale, 0, _COARSEST)
        self._flow = OpticalFlow(self.finest_scale)

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "where": self.where,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
            "pixels": self.pixels,
            "finest_scale": self.finest_scale,
        }

    @property
    def region(self) -> Optional[Region]:
        return None if self.where == "whole" else super().region

    def fresh(self) -> FlowHistogram:
        return FlowHistogram(
            self.where,
            seconds=self.seconds,
            samples_per_second=self.samples_per_second,
            pixels=self.pixels,
            finest_scale=self.finest_scale,
        )

    def embed(self, sample: Sample) -> Array:
        moved = self._seen.follow(sample)
        region = moved.region if self.where == "region" else WHOLE
        before, now = (
            resized(cropped(picture.grey, region), self.pixels, self.pixels) for picture in self._seen.pictures(sample)
        )
        scale = self.pixels * moved.pace
        x, y = moved.shift
        shift = np.array(
            [x * scale / (region.right - region.left), y * scale / (region.bottom - region.top)], np.float32
        )
        return flow_features(self._flow(before, now) * np.float32(moved.pace), shift)

    def motion(self, rows: Array) -> Array:
        """The flow in each of the finest cells along each of the 4 axes: one direction less the opposite one."""
        cells = sum(n * n for n in _GRIDS)
        flow = np.square(rows[:, 2 : 2 + cells * _BINS].reshape(len(rows), cells, _BINS)[:, -_CELLS * _CELLS :])
        opposite = np.subtract(flow[..., : _BINS // 2], flow[..., _BINS // 2 :])
        return opposite.reshape(len(rows), _CELLS * _CELLS * _BINS // 2)


def flow_features(flow: NDArray[np.float32], shift: NDArray[np.float32]) -> Array:
    """float32 ``[506]`` from a flow field, float32 ``[N, N, 2]`` in pixels, and the camera's part of it, float32 ``[2]``."""
    import cv2

    coarse = cv2.resize(flow, (_GRID, _GRID), interpolation=cv2.INTER_AREA)
    x, y = np.empty((2, _FIELDS, _GRID, _GRID), np.float32)
    np.subtract(coarse[..., 0], shift[0], out=x[0])
    np.subtract(coarse[..., 1], shift[1], out=y[0])
    kernel = np.array([[-0.5, 0, 0.5]], np.float32)
    for field, component in ((1, x[0]), (2, y[0])):
        cv2.filter2D(component, -1, kernel, dst=x[field])
        cv2.filter2D(component, -1, kernel.T, dst=y[field])
    return np.concatenate([np.sign(shift) * np.sqrt(np.abs(shift)), _histograms(x, y)]).astype(np.float32)


def _histograms(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[Any]:
    """Concatenated histograms of direction of vector fields, whose components are float32 ``[fields, h, w]``."""
    import cv2

    fields, height, width = x.shape
    magnitude, angle = cv2.cartToPolar(x.reshape(-1, width), y.reshape(-1, width))
    # Soft assignment to two neighbouring bins. Directions near a full turn fall into two extra bins, added to the first two.
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
    """The first bin of each pixel's cell, for all fields, pixel by pixel."""
    rows, columns = np.arange(height) * _CELLS // height, np.arange(width) * _CELLS // width
    cells = rows[:, np.newaxis] * _CELLS + columns
    begin = (np.arange(fields)[:, np.newaxis, np.newaxis] * _CELLS**2 + cells) * (_BINS + 2)
    begin.setflags(write=False)
    return np.asarray(begin.ravel())


def _grid_means() -> NDArray[np.float64]:
    """The matrix that computes the cells of all grids from the finest one, ``[cells of all, cells of the finest]``."""
    place = np.arange(_CELLS**2)
    rows, columns = place // _CELLS, place % _CELLS
    inside = [
        (rows * n // _CELLS == row) & (columns * n // _CELLS == column)
        for n in _GRIDS for row in range(n) for column in range(n)
    ]  # fmt: skip
    return np.array([cells / cells.sum() for cells in inside])


_GRID_MEANS = _grid_means()
