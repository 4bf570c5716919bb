"""Window of embeddings -> class probabilities: recurrent and other networks, statistics with a linear head, mixtures."""

from __future__ import annotations

from .base import Classifier, Rolling, RollingWindow
from .estimator import WindowEstimator
from .mixture import MixtureClassifier
from .network import RecurrentClassifier, WindowClassifier, open_network
from .ridge import fit_head, fit_statistics
from .statistics import Statistics, StatisticsClassifier

__all__ = [
    "Classifier",
    "MixtureClassifier",
    "RecurrentClassifier",
    "Rolling",
    "RollingWindow",
    "Statistics",
    "StatisticsClassifier",
    "WindowClassifier",
    "WindowEstimator",
    "fit_head",
    "fit_statistics",
    "open_network",
]
