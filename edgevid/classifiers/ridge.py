"""Kernel ridge regression on statistics of windows: a classifier fitted in closed form.

One target a class, 1 for its windows and 0 for the others. Each feature is standardised, each block of features (a statistic of
an embedder) divided by the root of its size, so that a large block does not drown a small one. With more features than
windows the dual form is the small one: N windows, an N x N kernel (Hastie, Tibshirani and Friedman 2009, "The Elements of
Statistical Learning", 3.4.1 and 18.3.5).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..calibration import MAX_TEMPERATURE, fit_temperature
from ..embedders.base import Array
from ..embedders.window import Window
from ..errors import OptionError
from .statistics import LinearHead, Statistics, StatisticsClassifier, features_of, softmax

PENALTIES = tuple(float(p) for p in np.logspace(-3, 2, 11))
_FOLDS = 6
_TINY = 1e-6
# Scores are about 1 for a window's class and 0 for the others.
_USUAL_SHARPNESS = 10.0


class Fitted(NamedTuple):
    """A head, and what cross-validation over groups said of it.

    Attributes:
        penalty: the one that was chosen, of the training set's windows.
        accuracy: of windows that were held out, each once; None where there were too few groups to hold out any.
        probabilities: of each window by a head that was not fitted on its group, float32 ``[N, K]``; None as ``accuracy``.
    """

    head: LinearHead
    penalty: float
    accuracy: Optional[float]
    probabilities: Optional[Array]


def fit_statistics(
    windows: Sequence[Window],
    classes: Sequence[int],
    statistics: Sequence[Statistics],
    *,
    num_classes: Optional[int] = None,
    groups: Optional[Sequence[Hashable]] = None,
    penalties: Sequence[float] = PENALTIES,
) -> StatisticsClassifier:
    """Fit a classifier of statistics on windows of embeddings.

    Args:
        windows: of the training clips.
        classes: of each, from 0.
        statistics: for each embedder.
        num_classes: default: the largest class and one.
        groups: windows with the same one resemble each other (a person, a place) and are held out together; default: each window
            by itself.

    Returns:
        A classifier whose ``num_samples`` are those of the windows.
    """
    if not windows:
        raise OptionError("No window was given; expected one or more of each class.")
    blocks = [features_of(window, statistics) for window in windows]
    sizes = [len(block) for block in blocks[0]]
    features = np.stack([np.concatenate(parts) for parts in blocks])
    fitted = fit_head(features, classes, sizes, num_classes=num_classes, groups=groups, penalties=penalties)
    return StatisticsClassifier(fitted.head, statistics, max(len(window) for window in windows))


def fit_head(
    features: Array,
    classes: Sequence[int],
    block_sizes: Sequence[int] = (),
    *,
    num_classes: Optional[int] = None,
    groups: Optional[Sequence[Hashable]] = None,
    weights: Optional[Array] = None,
    penalties: Sequence[float] = PENALTIES,
    num_folds: int = _FOLDS,
) -> Fitted:
    """Fit a linear head; the penalty, and how sharp its probabilities are, are chosen on groups that were held out.

    Args:
        features: float32 ``[N, F]``.
        classes: ``[N]``, from 0.
        block_sizes: of the blocks of features, in their order; default: all are one.
        groups: ``[N]``; see :func:`fit_statistics`.
        weights: ``[N]``, how much each window counts in the choice of the penalty: so that clips count alike, however many
            windows were cut out of them. Default: all alike.
        penalties: to choose from.

    Raises:
        OptionError: sizes that do not fit, or fewer than two classes.
    """
    truth = np.asarray(classes, np.int64)
    count = int(truth.max()) + 1 if num_classes is None else num_classes
    sizes = list(block_sizes) or [features.shape[1]]
    if features.ndim != 2 or len(truth) != len(features) or sum(sizes) != features.shape[1] or count < 2:
        raise OptionError(
            f"Features {list(features.shape)} in blocks of {sizes}, {len(truth)} classes of {count} were given; expected [N, F], "
            "N classes of 2 or more, and blocks that make up F."
        )
    features = np.ascontiguousarray(features, np.float32)
    targets = np.eye(count)[truth]
    folds = folds_of(list(range(len(truth))) if groups is None else groups, truth, num_folds)
    chosen = _choose(_held_out(features, sizes, targets, folds), targets, weights, sorted(penalties))
    if chosen is None:
        best, accuracy, probabilities, sharpness = float(np.median(penalties)), None, None, _USUAL_SHARPNESS
    else:
        best, scores = chosen
        accuracy = float((scores.argmax(axis=1) == truth).mean())
        sharpness = _sharpness(scores, truth)
        probabilities = softmax(scores * sharpness)
    mean, scale = _standardisation(features, sizes)
    scaled = (features - mean) * scale
    dual, bias = _solve((scaled @ scaled.T).astype(np.float64), targets, best)
    head = LinearHead(mean, scale, scaled.T @ dual.astype(np.float32), bias.astype(np.float32), sharpness)
    return Fitted(head, best, accuracy, probabilities)


def _standardisation(features: Array, sizes: Sequence[int]) -> tuple[Array, Array]:
    mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    # A feature that never changes says nothing: it counts as 0, also where it will change one day.
    scale = np.where(spread > _TINY * (1 + np.abs(mean)), 1 / np.maximum(spread, 1e-30), 0.0)
    return mean.astype(np.float32), (scale / np.sqrt(np.repeat(sizes, sizes))).astype(np.float32)


def _solve(
    kernel: NDArray[np.float64], targets: NDArray[np.float64], penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dual weights ``[N, K]``, and the bias ``[K]``. The penalty is in parts of the kernel's mean diagonal."""
    middle = targets.mean(axis=0)
    level = max(float(np.trace(kernel)) / len(kernel), 1e-12)
    regularised = kernel.copy()
    regularised.flat[:: len(kernel) + 1] += penalty * level
    return np.linalg.solve(regularised, targets - middle), middle


class _HeldOut(NamedTuple):
    """A fold, and the kernels of a head that is fitted on the rest: among its windows, and from the fold to them."""

    fold: NDArray[np.int64]
    rest: NDArray[np.int64]
    kernel: NDArray[np.float64]
    across: NDArray[np.float64]


def _held_out(
    features: Array, sizes: Sequence[int], targets: NDArray[np.float64], folds: Sequence[NDArray[np.int64]]
) -> list[_HeldOut]:
    """Each fold; none where there are too few to hold one out."""
    parts = []
    for fold in folds if len(folds) > 1 else ():
        rest = np.setdiff1d(np.arange(len(features)), fold)
        mean, scale = _standardisation(features[rest], sizes)
        known, unknown = ((features[part] - mean) * scale for part in (rest, fold))
        kernel, across = ((part @ known.T).astype(np.float64) for part in (known, unknown))
        parts.append(_HeldOut(fold, rest, kernel, across))
    return parts


def _choose(
    parts: Sequence[_HeldOut], targets: NDArray[np.float64], weights: Optional[Array], penalties: Sequence[float]
) -> Optional[tuple[float, NDArray[np.float64]]]:
    """The penalty of the least squared error of what is held out, and the scores ``[N, K]`` with it; None: nothing is.

    The error has one valley, in practice: from the middle penalty on it is followed down.
    """
    if not parts:
        return None
    known: dict[int, tuple[float, NDArray[np.float64]]] = {}

    def error(number: int) -> float:
        if number not in known:
            scores = np.zeros(targets.shape)
            for part in parts:
                dual, bias = _solve(part.kernel, targets[part.rest], penalties[number])
                scores[part.fold] = part.across @ dual + bias
            known[number] = (float(np.average(((scores - targets) ** 2).mean(axis=1), weights=weights)), scores)
        return known[number][0]

    best = len(penalties) // 2
    for step in (1, -1):
        while 0 <= best + step < len(penalties) and error(best + step) < error(best):
            best += step
    error(best)
    return float(penalties[best]), known[best][1]


def folds_of(groups: Sequence[Hashable], classes: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Windows to hold out together, whole groups: the largest are dealt first, each to the fold that has least of its classes."""
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    folds: list[list[int]] = [[] for _ in range(min(count, len(members)))]
    held = np.zeros((len(folds), int(classes.max()) + 1))
    for indices in sorted(members.values(), key=len, reverse=True):
        of_class = np.bincount(classes[indices], minlength=held.shape[1])
        # the fold that has least of these classes, then least of all
        best = min(range(len(folds)), key=lambda f: (float(held[f] @ of_class), len(folds[f])))
        folds[best] += indices
        held[best] += of_class
    return [np.sort(np.array(fold, np.int64)) for fold in folds if fold]


def _sharpness(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """What scores are multiplied by, so that their softmax is likeliest: a temperature of logits.

    Where each held-out window is right, ever sharper scores are ever likelier, and where they say nothing, ever duller ones: then
    a usual value, and the dullest.
    """
    for start in (_USUAL_SHARPNESS, 1.0):
        temperature = fit_temperature(softmax(scores * start), truth)
        if temperature is None:
            return _USUAL_SHARPNESS
        if temperature < MAX_TEMPERATURE:
            return start / temperature
    return 1.0 / MAX_TEMPERATURE
