"""Labelled clips -> a bundle with a classifier of statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from ..bundles.writing import check_output, copy_networks, new_bundle, write_card
from ..calibration import acceptance_threshold
from ..classifiers import Statistics, StatisticsClassifier
from ..classifiers.ridge import fit_head
from ..datasets.clips import Clip, DatasetError, check_classes
from ..embedders.opening import entries_for
from ..extraction import EmbeddedClips, EmbeddingConfig, embed_clips, local_executor
from ..recognizer import load
from ..support.hardware import usable_cpus
from ..support.shares import confusion_matrix
from .card import accuracy_entry, make_card, measure_clips, outside_entry
from .examples import Examples
from .mixing import add_network
from .options import TeachOptions

# Starting worker processes takes a second or two.
_WORTH_WORKERS = 20


@dataclass(frozen=True)
class Taught:
    """A bundle that was written.

    Attributes:
        labels: its classes.
        confusion: ``[K, K]`` of clips whose group was held out, each once: row = true class. All 0 if there were too few groups.
        skipped: clips that could not be read, and why.
    """

    folder: Path
    labels: list[str]
    clips: int
    groups: int
    confusion: NDArray[np.int64]
    skipped: list[tuple[Clip, str]]

    @property
    def accuracy(self) -> Optional[float]:
        """Of these clips; None of none."""
        return float(self.confusion.trace() / self.confusion.sum()) if self.confusion.any() else None


def teach(
    clips: Sequence[Clip],
    output: Path,
    options: Optional[TeachOptions] = None,
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Taught:
    """Embed clips, fit a classifier of statistics in closed form, and write a bundle; all of it or nothing.

    Clips are embedded as a stream over them would be, and windows of the stream's length are cut out of them. The penalty is
    chosen, the scores are calibrated and the threshold below which an action counts as none of these is fitted on groups that
    were held out in turn; the classifier that is written is fitted on all clips.

    Args:
        clips: those to learn from; their ``split`` is passed over.
        output: the bundle's folder.
        progress: told how many clips are embedded, of how many.

    Raises:
        DatasetError: fewer than two classes, or no clip can be read. BundleError: ``output`` is there.
    """
    options = TeachOptions() if options is None else options
    check_output(output, overwrite)
    check_classes(clips)
    config = EmbeddingConfig.of(
        entries_for(options.embedders, options.extractor) if options.embedders else [],
        options.own_embedders,
        num_samples=options.num_samples,
        interval_seconds=options.window_seconds / options.num_samples,
    )
    embedded = _embed(clips, config, options, progress)
    labels = check_classes(embedded.clips)
    statistics = statistics_for(config)
    learned = embedded
    if options.mirror:
        mirrored = _embed(embedded.clips, replace(config, mirrored=True), options, progress)
        learned = EmbeddedClips(embedded.clips + mirrored.clips, embedded.windows + mirrored.windows, [])
    data = Examples.of(learned, labels, statistics, options)
    fitted = fit_head(
        data.features,
        data.classes.tolist(),
        data.sizes,
        num_classes=len(labels),
        groups=data.groups,
        weights=data.weights,
    )
    mixed = None
    if options.network is not None:
        mixed = add_network(options.network, learned, data, fitted, len(embedded.clips), options)
    probabilities = fitted.probabilities if mixed is None else mixed.probabilities
    held_out = None if probabilities is None else data.by_clip(probabilities)[: len(embedded.clips)]
    threshold = 0.0 if held_out is None else acceptance_threshold(held_out.max(axis=1))
    truth = np.array([labels.index(clip.label) for clip in embedded.clips])
    if held_out is None:
        confusion = np.zeros((len(labels), len(labels)), np.int64)
    else:
        confusion = confusion_matrix(truth, held_out.argmax(axis=1), len(labels))
    with new_bundle(output) as folder:
        classifier = StatisticsClassifier(fitted.head, statistics, options.num_samples)
        classifier.save(folder / "classifier.npz")
        copy_networks(config.entries, folder)
        card = make_card(options, output, config, labels, embedded, fitted, threshold, confusion, folder)
        if mixed is not None:
            mixed.write(folder, card)
        write_card(folder, card)
        if options.test:
            _measure(card, folder, options, progress)
            write_card(folder, card)
    groups = len({(clip.label, clip.group) for clip in embedded.clips})
    return Taught(output, labels, len(embedded.clips), groups, confusion, embedded.skipped)


def statistics_for(config: EmbeddingConfig) -> list[Statistics]:
    """Which statistics of each embedder are learned from: those that validation preferred on exercises and gestures."""
    with config.opened() as embedders:
        return [
            Statistics(("mean", "change", "std"))
            if embedder.samples_per_second is None
            else Statistics(("mean", "std", "bands"), embedder.samples_per_second)
            for embedder in embedders
        ]


def _embed(
    clips: Sequence[Clip], config: EmbeddingConfig, options: TeachOptions, progress: Callable[[int, int], None]
) -> EmbeddedClips:
    jobs = min(usable_cpus() if options.jobs is None else options.jobs, len(clips))
    if jobs > 1 and len(clips) >= _WORTH_WORKERS and not config.own:
        with local_executor(jobs) as executor:
            embedded = embed_clips(config, clips, options.cache, progress, executor)
    else:
        embedded = embed_clips(config, clips, options.cache, progress)
    if not embedded.clips:
        raise DatasetError(f"None of the {len(clips)} clips can be read: {embedded.skipped[0][1]}")
    return embedded


def _measure(card: dict[str, Any], folder: Path, options: TeachOptions, progress: Callable[[int, int], None]) -> None:
    """Measure the bundle as it ships, and put that into its card."""
    total = len(options.test) + len(options.outside)
    done = iter(range(1, total + 1))
    with load(folder, embedders=options.own_embedders) as recognizer:
        confusion, known = measure_clips(recognizer, options.test, lambda: progress(next(done), total))
        card["accuracy"]["test"] = accuracy_entry(recognizer.labels, confusion)
        if options.outside:
            _, others = measure_clips(recognizer, options.outside, lambda: progress(next(done), total))
            card["unknown"] = outside_entry(known, others, recognizer.threshold)
