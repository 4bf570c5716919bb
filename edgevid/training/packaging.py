"""Writes a trained network as a bundle, and measures it as it ships."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..bundles import open_bundle
from ..bundles.writing import copy_networks, new_bundle, write_card
from ..classifiers.opening import open_classifier
from ..datasets.clips import Clip, DatasetError
from ..datasets.taught import FIELD, seen_entry, sha256s
from ..embedders import Embedder, Window
from ..errors import SourceError
from ..evaluation.metrics import Metrics, measure
from ..evaluation.outside import ScoredClips, measure_outside, open_outside
from ..evaluation.predictions import clip_names, predict_clips
from ..events import EventDefaults
from ..loading import load
from ..sources import VideoFile
from .calibration import fit_calibration
from .card import classifier_entry, make_card
from .data import TrainingData, embed
from .export import CLASSIFIER_NAME, check_parity, predict, predict_frames, to_tflite
from .fit import Fitted, LabelledEmbeddings, fit_all
from .progress import Reporter, epoch_line
from .request import TrainingRequest
from .tuning import HyperParameters


class Measured(NamedTuple):
    """Results on clips. ``frames``: on their single frames, as the thesis measures single-frame networks."""

    clips: Metrics
    frames: Optional[Metrics] = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        entry = {**self.clips.as_dict(), **({"note": self.note} if self.note else {})}
        if self.frames is not None:
            entry["frames"] = {k: v for k, v in self.frames.as_dict().items() if k not in ("recall", "confusion")}
        return entry


class WrittenBundle(NamedTuple):
    """A bundle that was written, and its results.

    Attributes:
        size: size of its classifier in bytes. parameters: number of its network's parameters.
        accuracy: on the "validation" clips, and on the "test" clips if there are any.
    """

    size: int
    parameters: int
    accuracy: dict[str, Measured]
    outside: Optional[dict[str, Any]]


def write_bundle(
    request: TrainingRequest,
    data: TrainingData,
    settings: HyperParameters,
    recipe: dict[str, Any],
    fitted: Fitted,
    reporter: Reporter,
) -> WrittenBundle:
    """Export a network, check it, measure it, and write the bundle.

    Args:
        settings, recipe: how it was trained, and the source of these settings, for the card.
    """
    labels, held_out = data.labels, data.labelled.at(data.division.validation)
    expected = predict(fitted.network, held_out.embeddings)
    others = None if request.outside is None else _embed_outside(request.outside, request, data, reporter)
    content = to_tflite(fitted.network, data.config.num_samples, request.classifier_dtype)
    with new_bundle(request.output) as folder:
        (folder / CLASSIFIER_NAME).write_bytes(content)
        parity = check_parity(folder / CLASSIFIER_NAME, held_out.embeddings, expected, request.classifier_dtype)
        groups = [(clip.label, clip.group) for clip in data.of("validation")]
        calibration = fit_calibration(parity.probabilities, held_out.classes, groups)
        reporter.say(calibration.text)
        copy_networks(data.config.entries, folder)
        card = make_card(request, data, settings, recipe, fitted, folder)
        window = request.window_seconds
        card["sampling"]["window_seconds"] = median_seconds(data.of("train")) if window is None else float(window)
        card["classifier"]["parity_max_abs_difference"] = parity.difference
        card["calibration"] = calibration.entry
        chose = "the settings and the epoch" if "candidates" in recipe else "the epoch"
        accuracy = {
            "validation": Measured(
                measure(parity.probabilities, held_out.classes, labels),
                _measure_frames(fitted, held_out, labels),
                f"These clips chose {chose}, so this figure is too high.",
            )
        }
        write_card(folder, card)  # a bundle from here on: it can be measured
        known, outside = None, None
        test = (data.named_test if request.evaluate_test else []) or data.of("test")
        if test:
            metrics, known = measure_bundle(folder, test, reporter, request.own_embedders)
            frames = (
                _measure_frames(fitted, data.labelled.at(data.division.test), labels) if data.division.test else None
            )
            accuracy["test"] = Measured(metrics, frames)
        if others is not None:
            known = known or _score(folder, "validation", data.of("validation"), held_out.embeddings)
            enter = EventDefaults.of_card(card).options.enter
            threshold = calibration.calibration.unknown_threshold
            outside = measure_outside(known, _score(folder, *others), threshold, enter)
            card["unknown"] = outside
        card["accuracy"] = {name: measured.as_dict() for name, measured in accuracy.items()}
        if request.refit:
            _refit(card, folder, request, data, settings, fitted.best_epoch, reporter)
        write_card(folder, card)
    return WrittenBundle(len(content), int(fitted.network.count_params()), accuracy, outside)


def _refit(
    card: dict[str, Any],
    folder: Path,
    request: TrainingRequest,
    data: TrainingData,
    settings: HyperParameters,
    epochs: int,
    reporter: Reporter,
) -> None:
    """Replace the measured network by one trained for as many epochs, also on the held-out clips."""
    labelled = data.labelled
    fitted = fit_all(
        labelled, len(data.labels), settings.network, settings.fit, epochs, lambda done: reporter.step(epoch_line(done, epochs))
    )  # fmt: skip
    reporter.say(
        f"trained again on all {len(labelled)} clips, for {epochs} epochs; the figures are of the model before"
    )
    (folder / CLASSIFIER_NAME).write_bytes(to_tflite(fitted.network, data.config.num_samples, request.classifier_dtype))
    some = labelled.at(data.division.validation)
    expected = predict(fitted.network, some.embeddings)
    parity = check_parity(folder / CLASSIFIER_NAME, some.embeddings, expected, request.classifier_dtype)
    card["classifier"] = classifier_entry(request, data, fitted, folder)
    card["classifier"]["parity_max_abs_difference"] = parity.difference
    note = "Of a network that was not trained on these clips. The one that ships was trained on all of them, as long."
    for measured in card["accuracy"].values():
        measured["note"] = f"{measured['note']} {note}" if "note" in measured else note
    card["training"]["refit"] = {"clips": len(labelled), "epochs": epochs}
    card["training"][FIELD] = seen_entry(sha256s(data.clips))


def measure_bundle(
    folder: Path, clips: Sequence[Clip], reporter: Reporter, own: Sequence[Embedder] = ()
) -> tuple[Metrics, ScoredClips]:
    """Measure a bundle as it ships, clip by clip, as a user would. Clips that cannot be read are reported and left out.

    Returns:
        The results, and the scores of the readable clips.

    Raises:
        EvaluationError: none can be read.
    """

    def track(clips: Sequence[Clip], unit: str) -> Iterator[Clip]:
        for done, clip in enumerate(clips, start=1):
            reporter.tick(f"test clip {done} of {len(clips)}")
            yield clip

    with load(folder, embedders=own) as recognizer:
        found, unreadable = predict_clips(recognizer, clips, clip_names(clips), track=track)
    for clip in unreadable:
        reporter.say(f"skipped: {clip.reason}")
    metrics = measure(found.probabilities, found.truth, found.labels)
    return metrics, ScoredClips.of("test", found.clips, found.probabilities)


def median_seconds(clips: Sequence[Clip]) -> float:
    """Median duration of clips, in seconds, as declared by their files.

    Raises:
        DatasetError: no file declares one.
    """
    durations = []
    for clip in clips:
        try:
            with VideoFile(clip.path) as video:
                if video.declared_frames:
                    durations.append(video.declared_frames / video.fps)
        except SourceError:
            continue
    if not durations:
        raise DatasetError("No clip declares its duration; give the length of a stream's window with --window-seconds.")
    return round(statistics.median(durations), 3)


def _embed_outside(
    folder: Path, request: TrainingRequest, data: TrainingData, reporter: Reporter
) -> tuple[str, list[Clip], NDArray[np.float32]]:
    """The clips of other actions, embedded like the known ones: name, clips, embeddings."""
    clips, left_out = open_outside(folder, data.labels)
    if left_out:
        reporter.say(f"note: clips of actions that the bundle knows are not outside clips: {', '.join(left_out)}")
    embedded = embed(clips, data.config, request, reporter)
    return folder.resolve().name, embedded.clips, embedded.embeddings


def _score(folder: Path, name: str, clips: Sequence[Clip], embeddings: NDArray[np.float32]) -> ScoredClips:
    """The bundle's scores of embedded clips."""
    with closing(open_classifier(open_bundle(folder))) as classifier:
        return ScoredClips.of(name, clips, np.stack([classifier.predict(Window.of(rows)) for rows in embeddings]))


def _measure_frames(fitted: Fitted, clips: LabelledEmbeddings, labels: list[str]) -> Optional[Metrics]:
    """A single-frame network's accuracy frame by frame, as in the thesis; None for a recurrent one."""
    if len(fitted.network.input_shape) == 3:
        return None
    probabilities = predict_frames(fitted.network, clips.embeddings)
    return measure(probabilities.reshape(-1, len(labels)), np.repeat(clips.classes, probabilities.shape[1]), labels)
