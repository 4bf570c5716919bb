"""Kernel ridge regression on statistics of windows: a classifier fitted in closed form.

One target per class, 1 for its windows and 0 for the others. Each feature is standardised, and each block of features (a
statistic of an embedder) divided by the root of its size, so that a large block does not drown a small one. With more features
than windows the dual form is smaller: N windows, an N x N kernel (Hastie, Tibshirani and Friedman 2009, "The Elements of
Statistical Learning", 3.4.1 and 18.3.5). One eigendecomposition of it serves every penalty, and the predictions for a group by a
head fitted without it follow from the whole (exercise 7.3 there, for groups: with A the regularised kernel, y the
targets and M what is left of A^-1 when the bias is fitted too, the scores of a group g are y_g - M_gg^-1 (M y)_g). Features are
divided by their spread over all windows, including held-out ones; nothing else of these is used.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..calibration import MAX_TEMPERATURE, fit_temperature
from ..embedders.base import Array
from ..embedders.window import Window
from ..errors import OptionError
from ..support.checks import check_int, check_number, shown
from .statistics import LinearHead, Statistics, StatisticsClassifier, features_of, softmax

PENALTIES = tuple(float(p) for p in np.logspace(-3, 2, 11))
_FOLDS = 8  # so that each of a few people or places is held out alone
_TINY = 1e-6
_MOST_CLASSES = 100_000
# Scores are about 1 for a window's class and 0 for the others.
_USUAL_SHARPNESS = 10.0


class Fitted(NamedTuple):
    """A head, and its results in cross-validation over groups.

    Attributes:
        penalty: the chosen one, for the training set's windows.
        accuracy: on held-out windows, each once; None if there were too few groups to hold out any.
        probabilities: of each window by a head not fitted on its group, float32 ``[N, K]``; None as ``accuracy``.
        by_halves: the same by two heads, each fitted on half of the other groups, float32 ``[2, N, K]``; None as ``accuracy``,
            or if a half would lack a class.
        kernel: the kernel of the windows, to fit on more of them.
    """

    head: LinearHead
    penalty: float
    accuracy: Optional[float]
    probabilities: Optional[Array]
    by_halves: Optional[Array]
    kernel: Kernel


class Kernel(NamedTuple):
    """Windows, and their similarities.

    Attributes:
        mean, scale: float32 ``[F]``: features become (features - mean) * scale.
        rows: the windows' standardised features, float32 ``[N, F]``.
        products: inner product of each two of them, float32 ``[N, N]``.
    """

    mean: Array
    scale: Array
    rows: Array
    products: Array

    @classmethod
    def of(cls, features: Array, sizes: Sequence[int]) -> Kernel:
        """From features ``[N, F]`` in blocks of these sizes."""
        mean, scale = _standardisation(features, sizes)
        rows = (features - mean) * scale
        return cls(mean, scale, rows, rows @ rows.T)

    def extended(self, features: Array) -> Kernel:
        """Add windows, ``[M, F]``; mean and scale do not change."""
        new = (features - self.mean) * self.scale
        across = new @ self.rows.T
        products = np.block([[self.products, across.T], [across, new @ new.T]])
        return Kernel(self.mean, self.scale, np.concatenate([self.rows, new]), products)

    def fit(self, targets: NDArray[np.float64], penalty: float, sharpness: float) -> Fitted:
        """Fit a head for targets ``[N, K]``, without choosing or holding out anything."""
        dual, bias = _solve(self.products, targets, penalty)
        weights = self.rows.T @ dual.astype(np.float32)
        head = LinearHead(self.mean, self.scale, weights, bias.astype(np.float32), sharpness)
        return Fitted(head, penalty, None, None, None, self)


def fit_statistics(
    windows: Sequence[Window],
    classes: Sequence[int],
    statistics: Sequence[Statistics],
    *,
    num_classes: Optional[int] = None,
    groups: Optional[Sequence[Hashable]] = None,
    penalties: Sequence[float] = PENALTIES,
) -> StatisticsClassifier:
    """Fit a statistics classifier on windows of embeddings.

    Args:
        windows: windows of the training clips.
        classes: the class of each, from 0.
        statistics: for each embedder.
        num_classes: default: the largest class plus one.
        groups: windows of one group resemble each other (a person, a place) and are held out together; default: each window
            by itself.

    Returns:
        A classifier with the ``num_samples`` of the windows.
    """
    if not windows:
        raise OptionError("No window was given; expected one or more of each class.")
    blocks = [features_of(window, statistics) for window in windows]
    sizes = [len(block) for block in blocks[0]]
    features = np.stack([np.concatenate(parts) for parts in blocks])
    fitted = fit_head(features, classes, sizes, num_classes=num_classes, groups=groups, penalties=penalties)
    return StatisticsClassifier(fitted.head, statistics, max(len(window) for window in windows))


def _numbers(name: str, values: Any, kinds: str) -> NDArray[Any]:
    """``values`` as an array ``[N]``. Raises: OptionError: they are not a list of numbers."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0, object)
    if array.ndim != 1 or not array.size or array.dtype.kind not in kinds:
        raise OptionError(f"{name}={shown(values)} was given; expected a list of numbers.")
    return array


def _hashable(values: Iterable[Any]) -> bool:
    return all(isinstance(value, Hashable) for value in values)


def fit_head(
    features: Array,
    classes: Sequence[int],
    block_sizes: Sequence[int] = (),
    *,
    num_classes: Optional[int] = None,
    groups: Optional[Sequence[Hashable]] = None,
    weights: Optional[Array] = None,
    penalties: Sequence[float] = PENALTIES,
) -> Fitted:
    """Fit a linear head; its penalty and the sharpness of its probabilities are chosen by cross-validation over groups.

    Args:
        features: float32 ``[N, F]``.
        classes: ``[N]``, from 0.
        block_sizes: sizes of the blocks of features, in order; default: one block.
        groups: ``[N]``; see :func:`fit_statistics`.
        weights: ``[N]``, weight of each window in the choice of the penalty: so that clips count alike, however many
            windows were cut from them. Default: all alike.
        penalties: candidates.

    Raises:
        OptionError: the sizes do not fit, or there are fewer than two classes.
    """
    truth = _numbers("classes", classes, "iu").astype(np.int64)
    count = (
        int(truth.max(initial=0)) + 1
        if num_classes is None
        else check_int("num_classes", num_classes, 2, _MOST_CLASSES)
    )
    penalties = [
        check_number("penalties", one, 0, above_low=True) for one in _numbers("penalties", penalties, "iuf").tolist()
    ]
    sizes = list(block_sizes) or [features.shape[1]]
    if (
        features.ndim != 2
        or len(truth) != len(features)
        or sum(sizes) != features.shape[1]
        or not 2 <= count <= _MOST_CLASSES
        or not 0 <= truth.min() <= truth.max() < count
    ):
        raise OptionError(
            f"Features {list(features.shape)} in blocks of {sizes}, {len(truth)} classes of {count} were given; expected [N, F], "
            "N classes of 2 or more, and blocks that make up F."
        )
    features = np.ascontiguousarray(features, np.float32)
    targets = np.eye(count)[truth]
    chosen_groups = list(range(len(truth))) if groups is None else groups
    if not isinstance(chosen_groups, Sequence) or len(chosen_groups) != len(truth) or not _hashable(chosen_groups):
        raise OptionError(f"groups={shown(groups)} was given; expected a name for each of the {len(truth)} windows.")
    folds = folds_of(chosen_groups, truth, _FOLDS)
    kernel = Kernel.of(features, sizes)
    if len(folds) < 2:
        return kernel.fit(targets, float(np.median(penalties)), _USUAL_SHARPNESS)
    best, scores = _choose(kernel.products, targets, folds, weights, sorted(penalties))
    sharpness = _sharpness(scores, truth)
    halves = _by_halves(kernel.products, targets, folds, chosen_groups, best)
    return kernel.fit(targets, best, sharpness)._replace(
        accuracy=float((scores.argmax(axis=1) == truth).mean()),
        probabilities=softmax(scores * sharpness),
        by_halves=None if halves is None else softmax(halves * sharpness),
    )


def _standardisation(features: Array, sizes: Sequence[int]) -> tuple[Array, Array]:
    mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    # A constant feature has no information: it counts as 0, even if it changes later.
    scale = np.where(spread > _TINY * (1 + np.abs(mean)), 1 / np.maximum(spread, 1e-30), 0.0)
    return mean.astype(np.float32), (scale / np.sqrt(np.repeat(sizes, sizes))).astype(np.float32)


def _solve(
    products: Array, targets: NDArray[np.float64], penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dual weights ``[N, K]``, and the bias ``[K]``, which is not penalised, so that the features' mean does not matter.
    The penalty is relative to the mean diagonal of the kernel.
    """
    regularised = products.astype(np.float64)
    regularised.flat[:: len(products) + 1] += penalty * _level(products)
    dual = np.linalg.solve(regularised, np.column_stack([targets, np.ones(len(targets))])).astype(
        np.float64, copy=False
    )
    bias = dual[:, :-1].sum(axis=0) / dual[:, -1].sum()
    return dual[:, :-1] - np.outer(dual[:, -1], bias), bias


def _level(products: Array) -> float:
    return max(float(np.trace(products)) / len(products), 1e-12)


def _choose(
    products: Array,
    targets: NDArray[np.float64],
    folds: Sequence[NDArray[np.int64]],
    weights: Optional[Array],
    penalties: Sequence[float],
) -> tuple[float, NDArray[np.float64]]:
    """The penalty with the highest likelihood of the held-out windows, at its best sharpness; and their scores ``[N, K]``.

    On gestures of held-out people this is up to 2 points more accurate than the penalty of the least squared error.
    In practice the likelihood has one maximum: it is climbed from the middle penalty on.
    """
    truth = targets.argmax(axis=1)
    values, vectors = np.linalg.eigh(products)
    turned, level = vectors.T @ np.column_stack([targets, np.ones(len(targets))]), _level(products)
    known: dict[int, tuple[float, NDArray[np.float64]]] = {}

    def error(number: int) -> float:
        if number not in known:
            inverse = 1 / (np.maximum(values, 0) + penalties[number] * level)
            dual = (vectors * inverse) @ turned
            ones, total = dual[:, -1:], dual[:, -1].sum()
            dual, scores = dual[:, :-1] - ones * (dual[:, :-1].sum(axis=0) / total), targets.copy()
            for fold in folds:
                left = (vectors[fold] * inverse) @ vectors[fold].T - ones[fold] * (ones[fold].T / total)
                scores[fold] -= np.linalg.solve(left, dual[fold])
            likely = softmax(scores * _sharpness(scores, truth))[np.arange(len(truth)), truth]
            known[number] = (float(np.average(-np.log(np.maximum(likely, _TINY)), weights=weights)), scores)
        return known[number][0]

    best = len(penalties) // 2
    for step in (1, -1):
        while 0 <= best + step < len(penalties) and error(best + step) < error(best):
            best += step
    error(best)
    return float(penalties[best]), known[best][1]


def _by_halves(
    products: Array,
    targets: NDArray[np.float64],
    folds: Sequence[NDArray[np.int64]],
    groups: Sequence[Hashable],
    penalty: float,
) -> Optional[NDArray[np.float64]]:
    """Scores ``[2, N, K]`` of the held-out windows, by heads fitted on half of the other groups each."""
    classes, scores = targets.argmax(axis=1), np.zeros((2, *targets.shape))
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(targets)), fold)
        halves = folds_of([groups[k] for k in rest], classes[rest], 2)
        if any(len(np.unique(classes[rest[half]])) < len(np.unique(classes)) for half in halves) or len(halves) < 2:
            return None
        for number, half in enumerate(halves):
            known = rest[half]
            dual, bias = _solve(products[np.ix_(known, known)], targets[known], penalty)
            scores[number, fold] = products[np.ix_(fold, known)] @ dual + bias
    return scores


def folds_of(groups: Sequence[Hashable], classes: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Windows to hold out together, as whole groups, largest first, each added to the fold with the fewest of its classes."""
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    folds: list[list[int]] = [[] for _ in range(min(count, len(members)))]
    held = np.zeros((len(folds), int(classes.max()) + 1))
    for indices in sorted(members.values(), key=len, reverse=True):
        # bincount does not accept int64 on a 32-bit machine
        of_class = np.bincount(classes[indices].astype(np.intp), minlength=held.shape[1])
        # the fold with the fewest of these classes, then the fewest windows
        best = min(range(len(folds)), key=lambda f: (float(held[f] @ of_class), len(folds[f])))
        folds[best] += indices
        held[best] += of_class
    return [np.sort(np.array(fold, np.int64)) for fold in folds if fold]


def _sharpness(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The factor of the scores that maximises the likelihood of their softmax: an inverse temperature.

    If each held-out window is right, the likelihood grows with ever larger factors, and if scores are uninformative, with ever
    smaller ones: then a usual value, or the smallest, is used.
    """
    for start in (_USUAL_SHARPNESS, 1.0):
        temperature = fit_temperature(softmax(scores * start), truth)
        if temperature is None:
            return _USUAL_SHARPNESS
        if temperature < MAX_TEMPERATURE:
            return start / temperature
    return 1.0 / MAX_TEMPERATURE
