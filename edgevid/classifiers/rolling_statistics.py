"""Statistics of a rolling window, updated by the rows that enter and leave it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..embedders.base import Array
from ..embedders.window import Embedding, Window
from ..errors import ModelError
from .base import Now, RollingWindow
from .statistics import Statistics, StatisticsClassifier, band_means, fourier, waves_of

# After this many samples everything is recomputed from the window's rows, so that rounding errors do not add up.
_ANEW = 500


class _Sums(NamedTuple):
    """Sums over one embedder's rows in the window. Immutable.

    Attributes:
        length: number of rows.
        totals, squares, changes: the rows, their squares and the absolute differences of neighbours, summed; float64 ``[dim]``.
        waves: the Fourier transform of the rows, float32 ``[2 * F, dim]``; None: unknown for this many rows. If a new row
            replaces one that leaves, the transform is that of the rows in another order: only phases differ.
        oldest: the oldest row's position in that order.
    """

    length: int
    totals: NDArray[np.float64]
    squares: NDArray[np.float64]
    changes: NDArray[np.float64]
    waves: Optional[Array] = None
    oldest: int = 0


class _Carried(NamedTuple):
    """The sums of each embedder; and the number of samples since they were computed from all rows."""

    sums: tuple[_Sums, ...]
    age: int


class RollingStatistics(RollingWindow):
    """Predicts each window of a stream at the cost of the rows that enter and leave it, not of the whole window.

    The result equals that of the whole window, to float rounding.
    """

    def __init__(self, classifier: StatisticsClassifier, hop: int, min_filled: float) -> None:
        self._statistics = classifier
        super().__init__(classifier, hop, min_filled)

    def classify(self, now: Now, embeddings: tuple[Embedding, ...], due: int) -> tuple[Optional[Array], Any]:
        probabilities, steps, carried = None, now.steps, now.carried
        for number, embedding in enumerate(embeddings, start=1):
            before, steps = steps, self.after(steps, (embedding,))
            carried = self._moved(carried, before, steps)
            if number == due:
                probabilities, carried = self._predicted(carried, steps)
        return probabilities, carried

    def _moved(
        self, carried: Optional[_Carried], before: tuple[Embedding, ...], steps: tuple[Embedding, ...]
    ) -> _Carried:
        """The state after a sample, from the state before it."""
        self._statistics.check(steps[-1].rows)
        if carried is None or carried.age >= _ANEW:
            after = _Carried(tuple(map(_sums_of, Window(steps).rows)), 0)
        else:
            parts = zip(carried.sums, self._statistics.statistics)
            after = _Carried(
                tuple(_slid(sums, one, k, before, steps) for k, (sums, one) in enumerate(parts)), carried.age + 1
            )
        if not all(np.isfinite(sums.totals.sum()) for sums in after.sums):
            raise ModelError("The embeddings of the sample are not finite numbers.")
        return after

    def _predicted(self, carried: _Carried, steps: tuple[Embedding, ...]) -> tuple[Array, _Carried]:
        """The prediction; and the state, including waves if they had to be computed."""
        blocks: list[NDArray[Any]] = []
        known = []
        for k, (sums, statistics) in enumerate(zip(carried.sums, self._statistics.statistics)):
            if "bands" in statistics.names and sums.waves is None:
                sums = sums._replace(waves=waves_of(_rows(steps, k), statistics.rows_per_second))
            known.append(sums)
            blocks += [_block(name, statistics, sums, steps, k) for name in statistics.names]
        features = np.concatenate(blocks, dtype=np.float32, casting="same_kind")
        return self._statistics.predict_features(features), carried._replace(sums=tuple(known))


def _sums_of(rows: Array) -> _Sums:
    return _Sums(len(rows), _total(rows), _total(rows, rows), _total(np.abs(rows[1:] - rows[:-1])))


def _slid(
    sums: _Sums, statistics: Statistics, k: int, before: tuple[Embedding, ...], steps: tuple[Embedding, ...]
) -> _Sums:
    """The sums of embedder ``k`` after a sample has entered the window ``before``; if that was full, one has left."""
    new = steps[-1].rows[k]
    old = before[0].rows[k] if len(steps) == len(before) else new[:0]
    if sums.length <= len(old):  # all earlier rows leave
        return _sums_of(_rows(steps, k))
    totals, squares, changes, waves, oldest = sums[1:]
    totals = totals + (_total(new) - _total(old))
    if "std" in statistics.names:
        squares = squares + (_total(new, new) - _total(old, old))
    if "change" in statistics.names:
        entering = np.concatenate([_first(step.rows[k][::-1] for step in reversed(before)), new])
        leaving = np.concatenate([old, _first(step.rows[k] for step in steps)])
        changes = changes + (_total(np.abs(entering[1:] - entering[:-1])) - _total(np.abs(leaving[1:] - leaving[:-1])))
    if waves is None or len(new) != len(old):
        waves, oldest = None, 0
    else:
        places = [(oldest + n) % sums.length for n in range(len(old))]
        turns, _ = fourier(sums.length, statistics.rows_per_second)
        waves, oldest = waves + turns[:, places] @ (new - old), (oldest + len(old)) % sums.length
    return _Sums(sums.length + len(new) - len(old), totals, squares, changes, waves, oldest)


def _total(rows: Array, other: Optional[Array] = None) -> NDArray[np.float64]:
    """The sum of the rows, or of their products with others; float64 ``[dim]``."""
    exact = rows.astype(np.float64)
    if other is not None:
        exact *= other
    return exact[0] if len(exact) == 1 else np.asarray(exact.sum(axis=0))


def _first(parts: Iterable[Array]) -> Array:
    """The first row ``[1, dim]`` of all."""
    return next(part[:1] for part in parts if len(part))


def _rows(steps: tuple[Embedding, ...], k: int) -> Array:
    return np.concatenate([step.rows[k] for step in steps])


def _block(name: str, statistics: Statistics, sums: _Sums, steps: tuple[Embedding, ...], k: int) -> NDArray[Any]:
    """One statistic of embedder ``k``; computed from the window's rows if the sums are not enough."""
    if name == "mean":
        return sums.totals / sums.length
    if name == "std":
        mean = sums.totals / sums.length
        return np.sqrt(np.maximum(sums.squares / sums.length - mean * mean, 0.0))
    if name == "change":
        return sums.changes / max(sums.length - 1, 1)
    if name == "bands" and sums.waves is not None:
        _, of_band = fourier(sums.length, statistics.rows_per_second)
        return band_means(sums.waves, of_band).reshape(-1)
    (block,) = Statistics((name,), statistics.rows_per_second).of(_rows(steps, k))
    return block
