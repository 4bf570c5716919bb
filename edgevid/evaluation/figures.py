"""The figures of predictions, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..support.shares import Share
from .predictions import Predictions
from .significance import (
    AVERAGED,
    DEFAULT_BOOTSTRAP,
    Bootstrap,
    Interval,
    class_scores,
    macro_average,
    weighted_average,
)

# A class's own interval from fewer groups says little: if drawn from one group, all resamples are the same.
_MIN_GROUPS_OF_CLASS = 5
METHOD = "percentile, whole groups drawn with replacement"


class Figure(NamedTuple):
    """A figure, its bootstrap interval, and, if it is a share of clips, that."""

    value: float
    interval: Interval
    share: Optional[Share] = None

    @classmethod
    def of(cls, share: Share, interval: Interval) -> Figure:
        return cls(share.value, interval, share)

    def as_dict(self) -> dict[str, Any]:
        value = {"value": round(self.value, 4)} if self.share is None else self.share.as_dict()
        return {**value, "bootstrap_95": rounded(self.interval)}


class ClassFigures(NamedTuple):
    """The figures of one class. ``clips``: its clips; ``predicted``: clips classified as it."""

    clips: int
    predicted: int
    precision: Figure
    recall: Figure
    f1: Figure

    def as_dict(self) -> dict[str, Any]:
        scores = {name: getattr(self, name).as_dict() for name in AVERAGED}
        return {"clips": self.clips, "predicted": self.predicted, **scores}


@dataclass(frozen=True)
class Figures:
    """The figures of predictions.

    Attributes:
        k, top_k: the k of the top-k accuracy, and its value.
        macro, weighted: "precision", "recall" and "f1", averaged over the classes with clips; weighted: by their clips.
        classes: by label.
        confusion: int64 ``[K, K]``: clips of the row's class that were classified as the column's.
        bootstrap, groups: options of the bootstrap, and the number of groups.
    """

    accuracy: Figure
    k: int
    top_k: Figure
    macro: Mapping[str, Figure]
    weighted: Mapping[str, Figure]
    classes: Mapping[str, ClassFigures]
    confusion: NDArray[np.int64]
    bootstrap: Bootstrap
    groups: int

    @property
    def method(self) -> str:
        """How the intervals were computed, in words."""
        return METHOD + ("" if self.bootstrap.groups_span_classes else ", of each class")

    def as_dict(self) -> dict[str, Any]:
        """In the form of ``metrics.json``."""
        return {
            "accuracy": self.accuracy.as_dict(),
            "k": self.k,
            "top_k": self.top_k.as_dict(),
            "macro": {name: figure.as_dict() for name, figure in self.macro.items()},
            "weighted": {name: figure.as_dict() for name, figure in self.weighted.items()},
            "classes": {label: figures.as_dict() for label, figures in self.classes.items()},
            "confusion": self.confusion.tolist(),
            "bootstrap": {"method": self.method, **self.bootstrap._asdict(), "groups": self.groups},
        }


def measure_predictions(predictions: Predictions, k: int, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP) -> Figures:
    """The figures of predictions. ``k``: of the top-k accuracy."""
    draws = predictions.resamples(bootstrap)
    truth, predicted, labels = predictions.truth, predictions.predicted, predictions.labels
    scores, clips = class_scores(truth, predicted, len(labels))
    drawn, drawn_clips = class_scores(truth, predicted, len(labels), draws)

    def share(hits: NDArray[np.bool_]) -> Figure:
        return Figure.of(Share.of(hits), draws.interval(draws.means(hits)))

    def averages(average: Callable[..., NDArray[np.float64]]) -> dict[str, Figure]:
        return {
            name: Figure(float(average(scores[name], clips)), draws.interval(average(drawn[name], drawn_clips)))
            for name in AVERAGED
        }

    classes = {}
    for i, label in enumerate(labels):
        enough = draws.groups_among(truth == i) >= _MIN_GROUPS_OF_CLASS
        found = {}
        for name in AVERAGED:
            # undefined in resamples without a clip of the class
            values = np.where(drawn_clips[:, i] > 0, drawn[name][:, i], np.nan)
            found[name] = Figure(float(scores[name][i]), draws.interval(values) if enough else None)
        found["recall"] = Figure.of(Share.of(predictions.correct[truth == i]), found["recall"].interval)
        classes[label] = ClassFigures(int(clips[i]), int(np.sum(predicted == i)), **found)
    return Figures(
        accuracy=share(predictions.correct),
        k=k,
        top_k=share(predictions.ranks <= k),
        macro=averages(macro_average),
        weighted=averages(weighted_average),
        classes=classes,
        confusion=predictions.confusion,
        bootstrap=bootstrap,
        groups=draws.num_groups,
    )


def rounded(interval: Interval) -> Optional[list[float]]:
    """Round to 4 digits, for JSON."""
    return None if interval is None else [round(bound, 4) for bound in interval]


def number(value: Optional[float]) -> str:
    """A figure as shown in tables; "" for NaN."""
    return "-" if value is None or np.isnan(value) else f"{value:.4f}"


def bounds(interval: Optional[Sequence[float]], form: str = ".3f") -> str:
    """An interval as shown in tables."""
    return "-" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"
