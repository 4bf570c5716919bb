"""Statistics of a window and a linear head: NumPy only, fitted in closed form in milliseconds."""

from __future__ import annotations

import json
import zipfile
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
from ..support.files import whole
from .base import Classifier

FORMAT = 1
# Bands of the Fourier transform over a window, in hertz where the rate of the rows is known: in the last ones repetition shows.
BANDS_HZ = ((0.15, 0.6), (0.6, 1.2), (1.2, 2.4), (2.4, 6.3))
# and in parts of the highest frequency where it is not
BANDS = ((0.0, 0.15), (0.15, 0.3), (0.3, 0.6), (0.6, 1.0))


@dataclass(frozen=True)
class Statistics:
    """Which statistics are taken of one embedder's rows ``[n, dim]``, over time.

    Attributes:
        names: of "mean"; "std"; "change", the mean absolute difference of neighbouring rows; "thirds", the means of the first,
            middle and last third; "bands", mean Fourier magnitudes in four bands.
        rows_per_second: for "bands" in hertz, with the rows of a window this far apart; None: bands in parts of the window.

    Raises:
        OptionError: an unknown name, or none.
    """

    names: tuple[str, ...] = ("mean", "change")
    rows_per_second: Optional[float] = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in _OF_ROWS]
        if unknown or not self.names:
            raise OptionError(f"The statistics {self.names!r} were given; expected some of: {', '.join(_OF_ROWS)}.")

    def of(self, rows: Array) -> list[Array]:
        """Each statistic, float32 ``[k * dim]``, of rows ``[n, dim]``, n of 1 or more."""
        return [_OF_ROWS[name](rows, self.rows_per_second).astype(np.float32).reshape(-1) for name in self.names]


def features_of(window: Window, statistics: Sequence[Statistics]) -> list[Array]:
    """The statistics of a window, block by block, for all embedders.

    Raises:
        FrameError: the window has another number of embedders than there are statistics for.
    """
    if len(window.rows) != len(statistics):
        raise FrameError(
            f"A window of {len(window.rows)} embedders was given; expected {len(statistics)}, one for each entry of statistics."
        )
    return [block for one, rows in zip(statistics, window.rows) for block in one.of(rows)]


@dataclass(frozen=True)
class LinearHead:
    """Features -> class probabilities: standardise, multiply, softmax.

    Attributes:
        mean, scale: float32 ``[F]``: features become (features - mean) * scale.
        weights, bias: float32 ``[F, K]``, ``[K]``.
        sharpness: what the scores are multiplied by before the softmax.
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
        logits = self.scores(features).astype(np.float64) * self.sharpness
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        result: Array = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
        return result


class StatisticsClassifier(Classifier):
    """A linear head on statistics of a window. Safe to use from several threads.

    Args:
        head: see :func:`edgevid.classifiers.ridge.fit_head`.
        statistics: for each embedder.
        num_samples: of a full window.
        temperature: what the probabilities are calibrated with.
    """

    def __init__(
        self, head: LinearHead, statistics: Sequence[Statistics], num_samples: int, temperature: float = 1.0
    ) -> None:
        self.head, self.statistics = head, tuple(statistics)
        self.num_samples, self.temperature = num_samples, temperature
        self.num_classes = len(head.bias)

    def predict(self, window: Window) -> Array:
        """Class probabilities, float32 ``[num_classes]``, of a window of any number of samples.

        Raises:
            FrameError: the window's embeddings are not those that it was fitted on.
        """
        features = np.concatenate(features_of(window, self.statistics))
        if features.shape != self.head.mean.shape:
            raise FrameError(
                f"A window of {[list(rows.shape) for rows in window.rows]} gives {features.size} statistics; this classifier was "
                f"fitted on {self.head.mean.size}. Use the embedders that it was fitted with."
            )
        if not np.isfinite(features.sum()):
            raise ModelError("The embeddings of the window are not finite numbers.")
        return calibrated(self.head.probabilities(features), self.temperature)

    def save(self, path: Union[str, Path]) -> None:
        """Write an ``.npz`` file of plain arrays, whole or not at all."""
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
        """Read what :meth:`save` wrote.

        Raises:
            ModelError: not there, damaged, or of another format.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                about: dict[str, Any] = json.loads(str(file["about"]))
                arrays = {name: np.ascontiguousarray(file[name], np.float32) for name in _ARRAYS}
            if about["format"] != FORMAT:
                raise ModelError(
                    f"{path} has format {about['format']!r}; this edgevid reads {FORMAT}. Upgrade edgevid."
                )
            statistics = [Statistics(tuple(one["names"]), one["rows_per_second"]) for one in about["statistics"]]
            head = LinearHead(**arrays, sharpness=float(about["sharpness"]))
            num_samples = int(about["num_samples"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"{path} is no classifier of statistics: {error}. Copy it again, or fit it again."
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
    cosines, sines, of_band = _fourier(len(rows), rate)
    centred = rows - rows.mean(axis=0)
    # As a product of matrices: for a few dozen rows faster than a fast transform.
    return np.asarray(of_band @ np.hypot(cosines @ centred, sines @ centred))


@lru_cache(maxsize=64)
def _fourier(count: int, rate: Optional[float]) -> tuple[Array, Array, Array]:
    """A Fourier transform of ``count`` rows: cosines and sines ``[F, count]``; and the means over bands ``[4, F]``."""
    angles = 2 * np.pi * np.outer(np.arange(count // 2 + 1), np.arange(count)) / count
    frequencies = np.fft.rfftfreq(count, 0.5 if rate is None else 1.0 / rate)
    bands = BANDS if rate is None else BANDS_HZ
    inside = np.array([(frequencies > low) & (frequencies <= high) for low, high in bands], np.float64)
    of_band = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    cosines, sines, means = (
        array.astype(np.float32) for array in (np.cos(angles) / count, np.sin(angles) / count, of_band)
    )
    return cosines, sines, means


_OF_ROWS = {"mean": _mean, "std": _std, "change": _change, "thirds": _thirds, "bands": _bands}
