"""Labelled clips -> a bundle with a statistics classifier."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

from ..bundles import Bundle, open_bundle, sha256_of
from ..bundles.writing import check_output, copy_networks, new_bundle, write_card
from ..classifiers import Statistics, StatisticsClassifier
from ..classifiers.opening import STATISTICS
from ..datasets.clips import Clip, DatasetError
from ..embedders import Embedder, Window, spec_for
from ..embedders.opening import entries_for
from ..embedders.stream import embed_as_stream
from ..errors import BundleError, OptionError
from ..extraction import EmbeddedClips, EmbeddingConfig, embed_clips, local_executor
from ..loading import load
from ..sampling import Clip as ClipOrFrames
from ..sampling import SampleSpec
from ..support.checks import shown
from ..support.files import as_path
from ..support.hardware import usable_cpus
from ..support.system import system_errors
from ..tflite.interpreter import select_runtime
from .card import CLASSIFIER_FILE, EXAMPLES_FILE, accuracy_entry, extended_card, measure_clips, new_card, put_learnt
from .examples import NONE, Example, Examples, windows_of
from .held_out import HeldOut
from .learning import Learnt, learn
from .mixing import add_network
from .options import TeachOptions

# Starting worker processes takes a second or two.
_WORTH_WORKERS = 20
# With this many kinds of other actions or more, each kind is held out whole, because an unknown action may be of any kind. With
# fewer, the rest would say little about it: then their groups are held out.
_KINDS_OF_NONE = 3
_LOGGER = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Taught:
    """A bundle that was written.

    Attributes:
        labels: its classes.
        clips, groups: numbers of those learned from.
        held_out: results on held-out groups; None: there were too few groups.
        skipped: clips that could not be read, and why.
        known: number of clips that the extended bundle had learned from already.
        kept_bytes: size of the file of examples; 0: none are kept.
    """

    folder: Path
    labels: list[str]
    clips: int
    groups: int
    held_out: Optional[HeldOut]
    skipped: list[tuple[Clip, str]]
    known: int = 0
    kept_bytes: int = 0


class _Given(NamedTuple):
    """An embedded clip to learn from."""

    example: Example
    stream: Window


def _no_progress(done: int, total: int) -> None:
    pass


@system_errors(BundleError)
def teach_clips(
    clips: Sequence[Clip],
    output: Path,
    options: Optional[TeachOptions] = None,
    *,
    overwrite: bool = False,
    progress: Progress = _no_progress,
) -> Taught:
    """Embed clips, fit a classifier of statistics in closed form, and write a bundle; all of it or nothing.

    Clips are embedded as a stream over them would be, and windows of the stream's length are cut from them. On groups held out
    in turn, the penalty is chosen, the scores are calibrated, and the threshold is fitted below which an action counts as none
    of these. The final classifier is fitted on all clips. Clips that show none of the actions add one more class; with three
    labels of these or more, each is held out whole.

    Args:
        clips: clips to learn from; their ``split`` is ignored. Those labelled ``none``, in any case, show none of the
            actions.
        output: the bundle's folder.
        overwrite: replace an existing bundle. The one in ``options.add`` may always be replaced.
        progress: called with the number of embedded clips, and their total.

    Raises:
        DatasetError: fewer than two classes, or no clip can be read. BundleError: ``output`` exists, or the bundle to
        extend keeps no examples.
    """
    options = _settled(TeachOptions() if options is None else options)
    check_output(output, overwrite or _is_extended(output, options))
    others = [clip for clip in clips if is_none(clip.label)]
    kinds = {clip.label for clip in options.none}
    others += [
        replace(clip, group=f"{NONE} {clip.label}") if len(kinds) >= _KINDS_OF_NONE else clip for clip in options.none
    ]
    labelled = [clip for clip in clips if not is_none(clip.label)] + [replace(clip, label=NONE) for clip in others]
    sources = [sha256_of(clip.path) if clip.path.is_file() else "" for clip in labelled]
    before = _examples_of(options.add)
    there = {(clip.source, clip.label) for clip in before.clips} if before is not None else set()
    of_path = {clip.path: source for clip, source in zip(labelled, sources)}
    new = [clip for clip in labelled if (of_path[clip.path], clip.label) not in there]
    if before is not None:  # replace clips whose label has changed
        before = before.without({of_path[clip.path] for clip in new} - {""})
    if not new:
        raise DatasetError(
            f"The bundle has learned all {len(labelled)} clips already; record new ones."
            if labelled
            else "No clip was given; expected some of each action."
        )
    config = _config(options)
    embedded = _embed(new, config, options, progress)
    given = _named(embedded, of_path, mirrored=False)
    if options.mirror:
        mirrored = _embed(embedded.clips, replace(config, mirrored=True), options, progress)
        given += _named(mirrored, of_path, mirrored=True)
    learnt, kept = _write(given, before, config, output, options, progress, skipped=len(embedded.skipped))
    measured = [clip for clip in learnt.examples.clips if not clip.mirrored]
    groups = len({(clip.label, clip.group) for clip in measured})
    return Taught(
        output,
        list(learnt.labels),
        len(measured),
        groups,
        learnt.held_out,
        embedded.skipped,
        len(labelled) - len(new),
        kept,
    )


@system_errors(BundleError)
def teach(
    clips: Sequence[Union[ClipOrFrames, Window]],
    labels: Sequence[str],
    output: Union[str, Path],
    *,
    groups: Optional[Sequence[str]] = None,
    options: Optional[TeachOptions] = None,
    overwrite: bool = False,
    progress: Progress = _no_progress,
) -> Bundle:
    """Teach a bundle your own actions, in closed form: NumPy only, seconds once the clips are embedded.

    >>> bundle = edgevid.teach(["wave/1.mp4", ..., "clap/9.mp4"], labels, "my_actions", groups=people)  # doctest: +SKIP
    >>> edgevid.load(bundle).classify("new.mp4").label  # doctest: +SKIP
    'wave'

    Args:
        clips: paths of video files; or their frames, uint8 ``[N, H, W, 3]`` RGB, 25 a second; or windows of embeddings, as
            :attr:`edgevid.Stream.window` gives them, made by the embedders of ``options``.
        labels: the action of each clip; ``none``: it shows none of the actions.
        output: the bundle's folder.
        groups: for each clip, a name shared with those that resemble it (a person, a place, a recording): they are held out
            together to choose settings, and to measure. Default: each clip by itself, which overestimates accuracy if clips
            are alike.
        options: default: ``TeachOptions()``.
        overwrite: replace an existing bundle.
        progress: called with the number of embedded clips, and their total.

    Raises:
        DatasetError: fewer than two actions, and not one and ``none``. OptionError: lists of different lengths, or windows of
        other embedders. SourceError, FrameError: a clip cannot be read. BundleError: ``output`` exists.
    """
    if isinstance(clips, (str, Path)) or not all(isinstance(given, Sequence) for given in (clips, labels)):
        raise OptionError(f"clips={shown(clips)}, labels={shown(labels)} were given; expected a list of each.")
    names = [f"clip {k}" for k in range(len(clips))] if groups is None else list(map(str, groups))
    if not len(clips) == len(labels) == len(names):
        raise OptionError(
            f"{len(clips)} clips, {len(labels)} labels and {len(names)} groups were given; expected one of each for each clip."
        )
    output = as_path("output", output)
    if all(isinstance(clip, (str, Path)) for clip in clips):
        files = [Clip(Path(str(clip)), label, group) for clip, label, group in zip(clips, labels, names)]
        taught = teach_clips(files, output, options, overwrite=overwrite, progress=progress)
        for skipped, reason in taught.skipped:
            _LOGGER.warning("%s is left out: %s", skipped.path, reason)
        return open_bundle(output)
    options = _settled(TeachOptions() if options is None else options)
    check_output(output, overwrite or _is_extended(output, options))
    before, config, given = _examples_of(options.add), _config(options), []
    with config.opened() as embedders:
        spec = spec_for(embedders, options.num_samples, options.window_seconds)
        for number, (clip, label, group) in enumerate(zip(clips, labels, names), start=1):
            example = Example(NONE if is_none(label) else label, group)
            given.append(_Given(example, embedded_window(embedders, clip, spec)))
            if options.mirror and not isinstance(clip, Window):
                mirrored = Window(embed_as_stream(embedders, clip, spec, mirrored=True))
                given.append(_Given(replace(example, mirrored=True), mirrored))
            progress(number, len(clips))
    given.sort(key=lambda one: one.example.mirrored)
    _write(given, before, config, output, options, progress)
    return open_bundle(output)


def embed_ahead(clips: Sequence[Clip], options: TeachOptions) -> None:
    """Embed clips into the cache, where :func:`teach_clips` with the same options finds them.

    Raises:
        DatasetError: none can be read.
    """
    _embed(clips, _config(options), options, _no_progress)


def embedded_window(embedders: Sequence[Embedder], clip: Union[ClipOrFrames, Window], spec: SampleSpec) -> Window:
    """Embed a clip as a stream over it would; or check a window of embeddings.

    Raises:
        OptionError: the window has no samples, or is of other embedders. SourceError, FrameError: the clip cannot be read.
    """
    if not isinstance(clip, Window):
        return Window(embed_as_stream(embedders, clip, spec))
    expected = [embedder.dim for embedder in embedders]
    given = [rows.shape[1] for rows in clip.rows] if len(clip) else []
    if given != expected:
        raise OptionError(
            f"A window of {len(clip)} samples of {given} numbers was given; expected one or more of {expected}, as a stream of a "
            "bundle with the same embedders gives them."
        )
    return clip


def is_none(label: str) -> bool:
    """Whether clips of this label show none of the actions."""
    return label.casefold() == NONE


def statistics_for(config: EmbeddingConfig) -> list[Statistics]:
    """The statistics of each embedder to learn from: those that worked best in validation on exercises and gestures."""
    with config.opened() as embedders:
        return [
            Statistics(("mean", "change", "std"))
            if embedder.samples_per_second is None
            else Statistics(("mean", "std", "bands"), embedder.samples_per_second)
            for embedder in embedders
        ]


def write_learnt(
    card: dict[str, Any], learnt: Learnt, statistics: Sequence[Statistics], folder: Path, *, keep: bool
) -> None:
    """Put the result of learning into a bundle's folder and card, which is not written yet. ``keep``: the examples too."""
    classifier = StatisticsClassifier(learnt.fitted.head, statistics, card["sampling"]["samples"])
    classifier.save(folder / CLASSIFIER_FILE)
    if keep:
        learnt.examples.save(folder / EXAMPLES_FILE)
    put_learnt(card, learnt, folder)


def kept_examples(bundle: Bundle) -> Examples:
    """The examples that a bundle keeps. Raises: BundleError: it keeps none, or they are damaged."""
    if bundle.examples is None or bundle.classifier.kind != STATISTICS:
        raise BundleError(
            f"The bundle {bundle.folder} does not keep its examples, so it cannot be extended; teach it again with "
            "--keep-embeddings (TeachOptions(keep_embeddings=True)), from the same clips."
        )
    return Examples.load(bundle.examples)


def _settled(options: TeachOptions) -> TeachOptions:
    """The options, with the sampling of the bundle to extend, and its examples kept again."""
    bundle = options.add
    if options.network is not None and (bundle is not None or options.keep_embeddings):
        raise OptionError(
            "A network and kept examples were both requested, but a network cannot learn from these. Teach from all clips "
            "without keeping their embeddings, or without the network."
        )
    if bundle is None:
        return options
    return replace(
        options,
        keep_embeddings=True,
        window_seconds=bundle.window_seconds,
        samples_per_second=bundle.num_samples / bundle.window_seconds,
        mirror=bool(bundle.card.get("training", {}).get("mirrored_too", False)),
    )


def _is_extended(output: Path, options: TeachOptions) -> bool:
    return options.add is not None and output.exists() and output.resolve() == options.add.folder.resolve()


def _examples_of(bundle: Optional[Bundle]) -> Optional[Examples]:
    return None if bundle is None else kept_examples(bundle)


def _config(options: TeachOptions) -> EmbeddingConfig:
    # rounded, so that windows of any length share the cache
    interval = round(options.window_seconds / options.num_samples, 9)
    if options.add is not None:
        runtime, own = select_runtime(None).name, options.own_embedders
        return EmbeddingConfig(options.add.embedders, runtime, options.num_samples, own, interval)
    entries = entries_for(options.embedders, options.extractor) if options.embedders else []
    return EmbeddingConfig.of(
        entries, options.own_embedders, num_samples=options.num_samples, interval_seconds=interval
    )


def _named(embedded: EmbeddedClips, sources: dict[Path, str], *, mirrored: bool) -> list[_Given]:
    return [
        _Given(Example(clip.label, clip.group, sources[clip.path], mirrored), window)
        for clip, window in zip(embedded.clips, embedded.windows)
    ]


def _write(
    given: Sequence[_Given],
    before: Optional[Examples],
    config: EmbeddingConfig,
    output: Path,
    options: TeachOptions,
    progress: Progress,
    *,
    skipped: int = 0,
) -> tuple[Learnt, int]:
    """Learn from embedded clips, mirror images last, and write the bundle; also returns the kept examples' size in bytes."""
    statistics = statistics_for(config)
    windows = [windows_of(one.stream.steps, options.num_samples) for one in given]
    examples = Examples.of([one.example for one in given], windows, statistics)
    learnt = learn(examples if before is None else before.joined([examples]))
    mixed = None
    if options.network is not None:
        streams, flat = [one.stream for one in given], [window for of_clip in windows for window in of_clip]
        mixed = add_network(options.network, learnt, streams, flat, options)
        held_out = HeldOut.of(learnt.examples, mixed.probabilities)
        learnt = learnt._replace(held_out=held_out, threshold=held_out.threshold)
    added = options.add
    card = new_card(options, output, config) if added is None else extended_card(added.card, options)
    card["training"].update({"clips_skipped": skipped, "command": options.command})
    with new_bundle(output) as folder:
        write_learnt(card, learnt, statistics, folder, keep=options.keep_embeddings)
        copy_networks(config.entries, folder)
        if mixed is not None:
            mixed.write(folder, card)
        write_card(folder, card)
        if options.test:
            _measure(card, folder, options, progress)
            write_card(folder, card)
    return learnt, card["examples"]["bytes"] if options.keep_embeddings else 0


def _embed(clips: Sequence[Clip], config: EmbeddingConfig, options: TeachOptions, progress: Progress) -> EmbeddedClips:
    jobs = min(usable_cpus() if options.jobs is None else options.jobs, len(clips))
    if jobs > 1 and len(clips) >= _WORTH_WORKERS and not config.own:
        with local_executor(jobs) as executor:
            embedded = embed_clips(config, clips, options.cache, progress, executor)
    else:
        embedded = embed_clips(config, clips, options.cache, progress)
    if not embedded.clips:
        raise DatasetError(f"None of the {len(clips)} clips can be read: {embedded.skipped[0][1]}")
    return embedded


def _measure(card: dict[str, Any], folder: Path, options: TeachOptions, progress: Progress) -> None:
    """Measure the finished bundle, and put the result into its card."""
    clips = [clip for clip in options.test if not is_none(clip.label)]
    done = iter(range(1, len(clips) + 1))
    with load(folder, embedders=options.own_embedders) as recognizer:
        confusion = measure_clips(recognizer, clips, lambda: progress(next(done), len(clips)))
        card["accuracy"]["test"] = accuracy_entry(recognizer.labels, confusion)
