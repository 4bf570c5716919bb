"""A statistics classifier with scikit-learn's interface; it does not need scikit-learn."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..embedders.base import Array
from ..embedders.window import Window
from ..errors import OptionError
from .ridge import fit_statistics
from .statistics import Statistics, StatisticsClassifier


class WindowEstimator:
    """Fits a linear head on statistics of windows. Has the methods of scikit-learn's classifiers, also for cross-validation.

    >>> estimator = WindowEstimator().fit(windows, ["wave", "clap", ...], groups=people)  # doctest: +SKIP
    >>> estimator.classes_, estimator.predict(windows[:1])                                 # doctest: +SKIP
    >>> cross_val_score(WindowEstimator(), windows, labels, groups=people, cv=LeaveOneGroupOut())  # doctest: +SKIP

    Args:
        statistics: for each embedder; default: mean, spread and change over time.

    Attributes:
        classes_: the labels, sorted; once fitted. classifier_: classifies windows, also for :class:`edgevid.Recognizer`.
    """

    _estimator_type = "classifier"  # for scikit-learn before 1.6

    def __init__(self, statistics: Optional[Sequence[Statistics]] = None) -> None:
        self.statistics = statistics

    def fit(
        self, windows: Sequence[Window], labels: Sequence[str], groups: Optional[Sequence[Hashable]] = None
    ) -> WindowEstimator:
        """Fit on windows and their labels; the penalty is chosen by cross-validation over groups, see :func:`fit_statistics`.

        Raises:
            OptionError: no window, lists of different lengths, or fewer than two labels.
        """
        if not len(windows) or len(windows) != len(labels):
            raise OptionError(
                f"{len(windows)} windows and {len(labels)} labels were given; expected the same number of both, 1 or more."
            )
        self.classes_, classes = np.unique(np.asarray(labels), return_inverse=True)
        usual = [Statistics(("mean", "std", "change"))] * len(windows[0].rows)
        chosen = usual if self.statistics is None else self.statistics
        self.classifier_: StatisticsClassifier = fit_statistics(list(windows), classes.tolist(), chosen, groups=groups)
        return self

    def predict_proba(self, windows: Sequence[Window]) -> Array:
        """Probabilities, float32 ``[N, K]``, in the order of ``classes_``."""
        return np.stack([self.classifier_.predict(window) for window in windows])

    def predict(self, windows: Sequence[Window]) -> NDArray[Any]:
        """The most probable label of each window, ``[N]``."""
        best: NDArray[Any] = self.classes_[self.predict_proba(windows).argmax(axis=1)]
        return best

    def score(self, windows: Sequence[Window], labels: Sequence[str]) -> float:
        """The accuracy."""
        return float(np.mean(self.predict(windows) == np.asarray(labels)))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments."""
        return {"statistics": self.statistics}

    def set_params(self, **params: Any) -> WindowEstimator:
        """Set arguments."""
        self.statistics = params.get("statistics", self.statistics)
        return self

    def __sklearn_tags__(self) -> Any:
        """For scikit-learn 1.6 and later."""
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags("classifier", TargetTags(required=True), classifier_tags=ClassifierTags())
