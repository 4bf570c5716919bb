"""Labelled clips -> a bundle with a classifier of statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Optional

from ..bundles.writing import check_output, copy_networks, new_bundle, write_card
from ..classifiers import Statistics, StatisticsClassifier
from ..classifiers.ridge import fit_head
from ..datasets.clips import Clip, DatasetError, check_classes
from ..embedders.opening import entries_for
from ..extraction import EmbeddedClips, EmbeddingConfig, embed_clips, local_executor
from ..recognizer import load
from ..support.hardware import usable_cpus
from .card import NONE, HeldOut, accuracy_entry, make_card, measure_clips
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
        held_out: what was measured on clips whose group was held out; None: there were too few groups.
        skipped: clips that could not be read, and why.
    """

    folder: Path
    labels: list[str]
    clips: int
    groups: int
    held_out: Optional[HeldOut]
    skipped: list[tuple[Clip, str]]


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
    were held out in turn; the classifier that is written is fitted on all clips. From clips that show none of the actions one
    class more is learned; how well unknown actions are told is measured on labels of these that were held out whole.

    Args:
        clips: those to learn from; their ``split`` is passed over. Those labelled ``none``, in any letters, show none of the
            actions.
        output: the bundle's folder.
        progress: told how many clips are embedded, of how many.

    Raises:
        DatasetError: fewer than two classes, or no clip can be read. BundleError: ``output`` is there.
    """
    options = TeachOptions() if options is None else options
    check_output(output, overwrite)
    others = [clip for clip in clips if is_none(clip.label)]
    others += [replace(clip, group=f"{NONE} {clip.label}") for clip in options.none]
    known = [clip for clip in clips if not is_none(clip.label)]
    check_classes(known)
    config = EmbeddingConfig.of(
        entries_for(options.embedders, options.extractor) if options.embedders else [],
        options.own_embedders,
        num_samples=options.num_samples,
        interval_seconds=options.window_seconds / options.num_samples,
    )
    embedded = _embed([*known, *(replace(clip, label=NONE) for clip in others)], config, options, progress)
    labels = check_classes(clip for clip in embedded.clips if clip.label != NONE)
    outputs = [*labels, NONE] if any(clip.label == NONE for clip in embedded.clips) else labels
    statistics = statistics_for(config)
    learned = embedded
    if options.mirror:
        mirrored = _embed(embedded.clips, replace(config, mirrored=True), options, progress)
        learned = EmbeddedClips(embedded.clips + mirrored.clips, embedded.windows + mirrored.windows, [])
    data = Examples.of(learned, outputs, statistics, options)
    fitted = fit_head(
        data.features,
        data.classes.tolist(),
        data.sizes,
        num_classes=len(outputs),
        groups=data.groups,
        weights=data.weights,
    )
    mixed = None
    if options.network is not None:
        mixed = add_network(options.network, learned, data, fitted, len(embedded.clips), options)
    probabilities = fitted.probabilities if mixed is None else mixed.probabilities
    held_out = None
    if probabilities is not None:
        held_out = HeldOut.of(labels, embedded.clips, data.by_clip(probabilities)[: len(embedded.clips)])
    with new_bundle(output) as folder:
        classifier = StatisticsClassifier(fitted.head, statistics, options.num_samples)
        classifier.save(folder / "classifier.npz")
        copy_networks(config.entries, folder)
        card = make_card(options, output, config, outputs, embedded, fitted, held_out, folder)
        if mixed is not None:
            mixed.write(folder, card)
        write_card(folder, card)
        if options.test:
            _measure(card, folder, options, progress)
            write_card(folder, card)
    groups = len({(clip.label, clip.group) for clip in embedded.clips})
    return Taught(output, labels, len(embedded.clips), groups, held_out, embedded.skipped)


def is_none(label: str) -> bool:
    """Whether clips of this label show none of the actions."""
    return label.casefold() == NONE


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
    clips = [clip for clip in options.test if not is_none(clip.label)]
    done = iter(range(1, len(clips) + 1))
    with load(folder, embedders=options.own_embedders) as recognizer:
        confusion = measure_clips(recognizer, clips, lambda: progress(next(done), len(clips)))
        card["accuracy"]["test"] = accuracy_entry(recognizer.labels, confusion)
