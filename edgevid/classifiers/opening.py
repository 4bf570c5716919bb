"""Opening a bundle's classifier, and checking that it fits the other parts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Optional

from ..bundles import MIXTURE, Bundle, ClassifierEntry
from ..embedders import Embedder
from ..errors import BundleError, OptionError
from .base import Classifier
from .mixture import MixtureClassifier
from .network import RecurrentClassifier, open_network
from .statistics import StatisticsClassifier

RECURRENT, WINDOWS, STATISTICS = "recurrent", "windows", "statistics"
KINDS = (RECURRENT, WINDOWS, STATISTICS, MIXTURE)


def open_classifier(bundle: Bundle, *, num_threads: Optional[int] = None, runtime: Optional[str] = None) -> Classifier:
    """Open the classifier that a bundle's card describes, by ``classifier.kind``.

    Raises:
        BundleError: an unknown kind, or not the file's. ModelError: the file is damaged.
    """
    entry, temperature = bundle.classifier, bundle.calibration.temperature
    if entry.kind != MIXTURE:
        return _open(bundle, entry, temperature, num_threads, runtime)
    with ExitStack() as opened:
        parts = []
        for part in entry.parts:
            parts.append(_open(bundle, part, 1.0, num_threads, runtime))
            opened.callback(parts[-1].close)
        try:
            mixture = MixtureClassifier(parts, [part.weight for part in entry.parts], temperature)
        except OptionError as error:
            raise BundleError(
                f"The parts of the classifier of {bundle.folder} do not fit together: {error} Restore its own card."
            ) from error
        opened.pop_all()
        return mixture


def check_fit(
    embedders: Sequence[Embedder], classifier: Classifier, labels: Sequence[str], bundle: Optional[Bundle]
) -> None:
    """Check that the parts of a recogniser fit together. ``bundle``: their bundle; None: they are the caller's own.

    Raises:
        BundleError: they do not. OptionError: there are no embedders.
    """
    name = "The recogniser" if bundle is None else f"The bundle {bundle.folder}"
    if not embedders:
        raise OptionError("A recogniser without embedders was requested; give one or more.")
    none = bundle is not None and bundle.none
    if classifier.num_classes != len(labels) + none:
        raise BundleError(
            f"{name} names {len(labels)} labels{' and none' if none else ''}, but its classifier has "
            f"{classifier.num_classes} outputs; restore the card that belongs to it."
        )
    dim, wanted = sum(embedder.dim for embedder in embedders), classifier.dim
    samples = classifier.num_samples if bundle is None else bundle.num_samples
    if (wanted is not None and wanted != dim) or samples != classifier.num_samples:
        raise BundleError(
            f"{name} has a classifier for [{classifier.num_samples}, {wanted}] embeddings; its card and its embedders "
            f"give [{samples}, {dim}]. Train it again with these embedders."
        )


def _open(
    bundle: Bundle, entry: ClassifierEntry, temperature: float, num_threads: Optional[int], runtime: Optional[str]
) -> Classifier:
    if entry.kind not in (RECURRENT, WINDOWS, STATISTICS):
        raise BundleError(
            f"The bundle {bundle.folder} has a classifier of kind {entry.kind!r}; this edgevid knows {', '.join(KINDS)}. Upgrade "
            "edgevid, or give one of your own: edgevid.load(bundle, classifier=...)."
        )
    (path,) = entry.files
    if entry.kind == STATISTICS:
        return StatisticsClassifier.load(path, temperature)
    classifier = open_network(
        path,
        num_samples=bundle.num_samples,
        min_samples=entry.min_samples,
        temperature=temperature,
        num_threads=num_threads,
        runtime=runtime,
    )
    if isinstance(classifier, RecurrentClassifier) != (entry.kind == RECURRENT):
        classifier.close()
        raise BundleError(
            f"{path} is not the {entry.kind!r} network that the card of {bundle.folder} describes; restore the card that "
            "belongs to it."
        )
    return classifier
