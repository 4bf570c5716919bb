"""A bundle's classifier, opened."""

from __future__ import annotations

from typing import Optional

from ..bundles import Bundle
from ..errors import BundleError
from .base import Classifier
from .network import RecurrentClassifier, open_network
from .statistics import StatisticsClassifier

RECURRENT, WINDOWS, STATISTICS = "recurrent", "windows", "statistics"
KINDS = (RECURRENT, WINDOWS, STATISTICS)


def open_classifier(bundle: Bundle, *, num_threads: Optional[int] = None, runtime: Optional[str] = None) -> Classifier:
    """The classifier that a bundle's card describes; ``classifier.kind`` chooses.

    Raises:
        BundleError: a kind that edgevid does not know, or another than the file's. ModelError: the file is damaged.
    """
    entry, temperature = bundle.classifier, bundle.calibration.temperature
    if entry.kind not in KINDS:
        raise BundleError(
            f"The bundle {bundle.folder} has a classifier of kind {entry.kind!r}; this edgevid knows {', '.join(KINDS)}. Upgrade "
            "edgevid, or give one of your own: edgevid.load(bundle, classifier=...)."
        )
    if entry.kind == STATISTICS:
        return StatisticsClassifier.load(entry.path, temperature)
    classifier = open_network(
        entry.path, num_samples=bundle.num_samples, temperature=temperature, num_threads=num_threads, runtime=runtime
    )
    if isinstance(classifier, RecurrentClassifier) != (entry.kind == RECURRENT):
        classifier.close()
        raise BundleError(
            f"{entry.path} is not the {entry.kind!r} network that the card of {bundle.folder} says; restore the card that "
            "belongs to it."
        )
    return classifier
