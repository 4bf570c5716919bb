"""Statistics of a window and a linear head: NumPy only, fitted in closed form in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import NDArray

from ..calibration import calibrated
from ..embedders.base import Array
from ..embedders.window import Window
from ..errors import FrameError, ModelError, OptionError
from ..support.arrays import read_arrays
from ..support.checks import MAX_SAMPLES, check_int, check_number, shown
from ..support.files import as_path, whole
from .base import Classifier, Rolling

FORMAT = 1
# Bands of the Fourier transform over a window, in hertz if the rate of the rows is known: the last ones show repetition.
BANDS_HZ = ((0.15, 0.6), (0.6, 1.2), (1.2, 2.4), (2.4, 6.3))
# and relative to the highest frequency if it is not
BANDS = ((0.0, 0.15), (0.15, 0.3), (0.3, 0.6), (0.6, 1.0))
# For matrix products with more multiplications OpenBLAS starts threads, which for slightly larger ones costs more than it saves:
# a thousand times as much when other programs run.
_MOST_PRODUCTS = 2**18


@dataclass(frozen=True)
class Statistics:
    """The statistics of one embedder's rows ``[n, dim]`` over time.

    Attributes:
        names: some of "mean"; "std"; "change", the mean absolute difference of neighbouring rows; "thirds", the means of the
            first, middle and last third; "bands", mean Fourier magnitudes in four bands.
        rows_per_second: rate of the rows, for "bands" in hertz; None: bands relative to the window.

    Raises:
        OptionError: an unknown name, or none.
    """

    names: tuple[str, ...] = ("mean", "change")
    rows_per_second: Optional[float] = None

    def __post_init__(self) -> None:
        names = self.names
        if not (
            isinstance(names, (tuple, list)) and names and all(isinstance(n, str) and n in _OF_ROWS for n in names)
        ):
            raise OptionError(f"The statistics {shown(names)} were given; expected some of: {', '.join(_OF_ROWS)}.")
        if self.rows_per_second is not None:
            check_number("rows_per_second", self.rows_per_second, 0, 1e6, above_low=True)

    def of(self, rows: Array) -> list[Array]:
        """Each statistic, float32 ``[k * dim]``, of rows ``[n, dim]``, n of 1 or more."""
        _check_rows(rows)
        return [_OF_ROWS[name](rows, self.rows_per_second).astype(np.float32).reshape(-1) for name in self.names]

    def size_of(self, dim: int) -> int:
        """Total size of the statistics of rows ``[n, dim]``."""
        return dim * sum({"thirds": 3, "bands": len(BANDS)}.get(name, 1) for name in self.names)


def features_of(window: Window, statistics: Sequence[Statistics]) -> list[Array]:
    """The statistics of a window, block by block, for all embedders.

    Raises:
        FrameError: the window has another number of embedders than there are statistics for.
    """
    check_embedders(window.rows, statistics)
    return [block for one, rows in zip(statistics, window.rows) for block in one.of(rows)]


def check_embedders(rows: Sequence[Array], statistics: Sequence[Statistics]) -> None:
    """Raises: FrameError: their number is not that of the statistics."""
    if len(rows) != len(statistics):
        raise FrameError(
            f"A window of {len(rows)} embedders was given; expected {len(statistics)}, one for each entry of statistics."
        )


@dataclass(frozen=True)
class LinearHead:
    """Features -> class probabilities: standardise, multiply, softmax.

    Attributes:
        mean, scale: float32 ``[F]``: features become (features - mean) * scale.
        weights, bias: float32 ``[F, K]``, ``[K]``.
        sharpness: factor of the scores before the softmax.
    """

    mean: Array
    scale: Array
    weights: Array
    bias: Array
    sharpness: float = 1.0

    def scores(self, features: Array) -> Array:
        """float32 ``[..., K]`` of features ``[..., F]``."""
        return np.asarray((features - self.mean) * self.scale @ self.weights + self.bias, np.float32)

    def probabilities(self, features: Array) -> Array:
        """float32 ``[..., K]``, each row of sum 1."""
        return softmax(self.scores(features).astype(np.float64) * self.sharpness)


def softmax(logits: NDArray[np.float64]) -> Array:
    """float32 ``[..., K]``, each row of sum 1, of logits ``[..., K]``."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Array = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return result


class StatisticsClassifier(Classifier):
    """A linear head on statistics of a window. Thread-safe.

    Args:
        head: see :func:`edgevid.classifiers.ridge.fit_head`.
        statistics: for each embedder.
        num_samples: number of samples in a full window.
        temperature: calibrates the probabilities.
    """

    def __init__(
        self, head: LinearHead, statistics: Sequence[Statistics], num_samples: int, temperature: float = 1.0
    ) -> None:
        self.head, self.statistics = head, tuple(statistics)
        self.num_samples, self.temperature = num_samples, temperature
        self.num_classes = len(head.bias)
        self._dims: Optional[tuple[int, ...]] = None  # of embedders that were checked
        self._weights = np.ascontiguousarray((head.weights * head.scale[:, np.newaxis]).T)

    def predict(self, window: Window) -> Array:
        """Class probabilities, float32 ``[num_classes]``, of a window of any number of samples.

        Raises:
            FrameError: the window's embeddings are not those that it was fitted on.
        """
        self.check(window.rows)
        return self.predict_features(np.concatenate(features_of(window, self.statistics)))

    def predict_features(self, features: Array) -> Array:
        """Class probabilities, float32 ``[num_classes]``, of a window's statistics, float32 ``[F]``.

        Raises:
            ModelError: they are not finite numbers.
        """
        if not np.isfinite(features.sum()):
            raise ModelError("The embeddings of the window are not finite numbers.")
        # Not a matrix product: for this size some libraries start threads, which costs more than it saves.
        scores = np.einsum("f,kf->k", features - self.head.mean, self._weights) + self.head.bias
        return calibrated(softmax(scores.astype(np.float64) * self.head.sharpness), self.temperature)

    def check(self, rows: Sequence[Array]) -> None:
        """Check by their rows ``[n, dim]`` that the embedders are those that it was fitted on.

        Raises:
            FrameError: they are not.
        """
        dims = tuple(part.shape[1] for part in rows)
        if dims == self._dims:
            return
        check_embedders(rows, self.statistics)
        size = sum(one.size_of(dim) for one, dim in zip(self.statistics, dims))
        if size != self.head.mean.size:
            raise FrameError(
                f"Embeddings {[list(part.shape) for part in rows]} give {size} statistics; this classifier was "
                f"fitted on {self.head.mean.size}. Use the embedders that it was fitted with."
            )
        self._dims = dims

    def rolling(self, hop: int = 1, min_filled: float = 1.0) -> Rolling:
        from .rolling_statistics import RollingStatistics

        return RollingStatistics(self, hop, min_filled)

    def save(self, path: Union[str, Path]) -> None:
        """Write an ``.npz`` file of plain arrays, completely or not at all."""
        about = {
            "format": FORMAT,
            "num_samples": self.num_samples,
            "statistics": [asdict(one) for one in self.statistics],
            "sharpness": self.head.sharpness,
        }
        arrays = {name: np.asarray(getattr(self.head, name), np.float32) for name in _ARRAYS}
        with whole(Path(path)) as partial, partial.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Union[str, Path], temperature: float = 1.0) -> StatisticsClassifier:
        """Read a file of :meth:`save`.

        Raises:
            ModelError: not there, damaged, or of another format.
        """
        path = as_path("path", path)
        try:
            read = read_arrays(path, ("about", *_ARRAYS))
            about: dict[str, Any] = json.loads(str(read.pop("about")))
            arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in read.items()}
            if about["format"] != FORMAT:
                raise ModelError(
                    f"{path} has format {about['format']!r}; this edgevid reads {FORMAT}. Upgrade edgevid."
                )
            statistics = [Statistics(tuple(one["names"]), one["rows_per_second"]) for one in about["statistics"]]
            head = LinearHead(**arrays, sharpness=check_number("sharpness", about["sharpness"], 0, 1e6))
            num_samples = check_int("num_samples", about["num_samples"], 1, MAX_SAMPLES)
            if not all(np.isfinite(array).all() for array in arrays.values()):
                raise ValueError("its arrays contain NaN or infinite values")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"{path} is not a statistics classifier: {error}. Copy it again, or fit it again."
            ) from error
        size, classes = head.weights.shape if head.weights.ndim == 2 else (0, 0)
        if not size or head.mean.shape != (size,) or head.scale.shape != (size,) or head.bias.shape != (classes,):
            raise ModelError(f"{path} is damaged: its arrays do not fit together. Copy it again, or fit it again.")
        return cls(head, statistics, num_samples, temperature)


_ARRAYS = ("mean", "scale", "weights", "bias")


def _mean(rows: Array, rate: Optional[float]) -> NDArray[Any]:
    return np.asarray(rows.mean(axis=0))


def _std(rows: Array, rate: Optional[float]) -> NDArray[Any]:
    return np.asarray(rows.std(axis=0))


def _change(rows: Array, rate: Optional[float]) -> NDArray[Any]:
    return np.asarray(np.abs(np.diff(rows, axis=0)).mean(axis=0)) if len(rows) > 1 else np.zeros_like(rows[0])


def _thirds(rows: Array, rate: Optional[float]) -> NDArray[Any]:
    ends = np.round(np.linspace(0, len(rows), 4)).astype(int)
    return np.stack([rows[min(a, len(rows) - 1) : max(b, a + 1)].mean(axis=0) for a, b in zip(ends, ends[1:])])


def _bands(rows: Array, rate: Optional[float]) -> NDArray[Any]:
    return band_means(waves_of(rows, rate), fourier(len(rows), rate)[1])


def _check_rows(rows: Array) -> None:
    if not len(rows):
        raise ModelError("A window has no embedding of one of the embedders; its rate is too low for the window.")


def waves_of(rows: Array, rate: Optional[float]) -> Array:
    """The Fourier transform of rows ``[n, dim]``: float32 ``[2 * F, dim]``, cosines above sines; see :func:`fourier`."""
    _check_rows(rows)
    turns, _ = fourier(len(rows), rate)
    centred = rows - rows.mean(axis=0)
    # As matrix products: for a few dozen rows faster than an FFT.
    width = max(_MOST_PRODUCTS // max(turns.size, 1), 1)
    parts = [turns @ centred[:, first : first + width] for first in range(0, rows.shape[1], width)]
    return np.concatenate(parts, axis=1)


def band_means(waves: Array, of_band: Array) -> Array:
    """Mean magnitudes in bands, float32 ``[4, dim]``, of waves ``[2 * F, dim]``, cosines above sines; see :func:`fourier`."""
    squares = waves * waves
    half = len(waves) // 2
    result: Array = of_band @ np.sqrt(squares[:half] + squares[half:])
    return result


@lru_cache(maxsize=64)
def fourier(count: int, rate: Optional[float]) -> tuple[Array, Array]:
    """A Fourier transform of ``count`` rows: cosines above sines ``[2 * F, count]``; and the means over bands ``[4, F]``.

    Of the F frequencies that lie in a band.
    """
    frequencies = np.fft.rfftfreq(count, 0.5 if rate is None else 1.0 / rate)
    bands = BANDS if rate is None else BANDS_HZ
    inside = np.array([(frequencies > low) & (frequencies <= high) for low, high in bands])
    (used,) = np.nonzero(inside.any(axis=0))
    angles = 2 * np.pi * np.outer(used, np.arange(count)) / count
    turns = np.concatenate([np.cos(angles), np.sin(angles)]) / count
    of_band = inside[:, used] / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    return turns.astype(np.float32), of_band.astype(np.float32)


_OF_ROWS = {"mean": _mean, "std": _std, "change": _change, "thirds": _thirds, "bands": _bands}
