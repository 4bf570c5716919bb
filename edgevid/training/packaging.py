"""A trained network -> a bundle on disk that is measured as it ships."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from ..bundles.bundle import CARD_NAME, ExtractorFile, models_folder
from ..errors import SourceError
from ..recognizer import load
from ..sampling import FRAMES_PER_CLIP
from ..sources import VideoFile
from . import card as cards
from .calibration import fit_calibration
from .clips import Clip, DatasetError
from .division import Division
from .embedding import embed
from .export import CLASSIFIER_NAME, check_parity, new_bundle, predict, predict_frames, to_tflite, write_card
from .features import FeatureSet
from .fit import Fitted, Labelled
from .metrics import Metrics, measure
from .outside import Scored, open_outside, score, unknown_figures
from .progress import Reporter
from .request import Request
from .tuning import Settings
from .unit_comparison import Comparison


@dataclass(frozen=True)
class Material:
    """All that a bundle and its card are made of."""

    request: Request
    labels: list[str]
    features: FeatureSet
    labelled: Labelled
    division: Division
    share: float
    named_test: list[Clip]
    extractor: ExtractorFile
    settings: Settings
    recipe: dict[str, Any]
    fitted: Fitted

    def clips(self, indices: Sequence[int]) -> list[Clip]:
        """Those of the embedded clips."""
        return [self.features.clips[i] for i in indices]


def write_bundle(
    material: Material, compare: Callable[[], Optional[Comparison]], reporter: Reporter
) -> tuple[dict[str, Any], Metrics, Optional[Metrics], Optional[Comparison]]:
    """Export a network, check it, measure it, and write the bundle.

    Args:
        compare: trains other networks, for the card. Called after the export: it clears Keras's state.

    Returns:
        The card; accuracy on the validation clips, by the exported network; on the test clips, by the bundle; what
        ``compare`` gave.
    """
    request, labels, network = material.request, material.labels, material.fitted.network
    held_out = material.labelled.at(material.division.validation)
    expected = predict(network, held_out.embeddings)
    dtype = request.classifier_dtype
    outside = None if request.outside is None else _embed_outside(request.outside, material, reporter)
    content = to_tflite(network, FRAMES_PER_CLIP, dtype)
    with new_bundle(request.output) as folder:
        (folder / CLASSIFIER_NAME).write_bytes(content)
        parity = check_parity(folder / CLASSIFIER_NAME, held_out.embeddings, expected, dtype)
        validation = measure(parity.probabilities, held_out.classes, labels)
        validation_clips = material.clips(material.division.validation)
        calibration = fit_calibration(
            parity.probabilities, held_out.classes, [(clip.label, clip.group) for clip in validation_clips]
        )
        reporter.say(str(calibration))
        copy_extractor(material.extractor, folder)
        card = _card(material, parity.difference, folder)
        card["calibration"] = calibration.as_dict()
        chose = "the epoch" if "candidates" not in material.recipe else "the settings and the epoch"
        card["accuracy"]["validation"] = cards.accuracy_entry(
            validation,
            f"These clips chose {chose}, so this figure is too high.",
            _frames(network, held_out, labels),
        )
        held_out_test = material.labelled.at(material.division.test)
        test_frames = _frames(network, held_out_test, labels) if material.division.test else None
        comparison = compare()
        if comparison is not None:
            card["comparison"] = comparison.as_dict(card["classifier"].get("units", 0))
        write_card(folder, card)
        test, test_scored, test_clips = None, None, material.clips(material.division.test)
        if material.named_test and request.evaluate_test:
            test_clips = material.named_test
        if test_clips:
            test, test_scored = measure_bundle(folder, test_clips, labels, reporter)
            card["accuracy"]["test"] = cards.accuracy_entry(test, None, test_frames)
        if request.outside is not None and outside is not None:
            known = test_scored or _score(folder, "validation", validation_clips, held_out.embeddings)
            others = _score(folder, request.outside.resolve().name, outside.clips, outside.embeddings)
            card["unknown"] = unknown_figures(known, others, calibration.calibration.unknown_threshold)
        write_card(folder, card)
    return card, validation, test, comparison


def copy_extractor(extractor: ExtractorFile, folder: Path) -> None:
    """Put an extractor into a bundle's folder, unless it ships with edgevid: the bundle then needs nothing else."""
    if extractor.path.parent.resolve() == models_folder().resolve():
        return
    name = extractor.path.stem
    if f"{name}.tflite" == CLASSIFIER_NAME or f"{name}.json" == CARD_NAME:
        name = "extractor"
    shutil.copyfile(extractor.path, folder / f"{name}.tflite")
    text = json.dumps({**extractor.card, "file": f"{name}.tflite"}, indent=2, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def measure_bundle(
    folder: Path, clips: Sequence[Clip], labels: list[str], reporter: Reporter
) -> tuple[Metrics, Optional[Scored]]:
    """Measure a bundle as it ships, clip by clip, as a caller would use it. Clips that cannot be read are said and left out.

    Returns:
        What was measured, and the scores of the clips that can be read, if any.
    """
    probabilities, read = [], []
    with load(folder) as recognizer:
        for done, clip in enumerate(clips, start=1):
            reporter.tick(f"test clip {done} of {len(clips)}")
            try:
                probabilities.append(recognizer.classify(clip.path).probabilities)
            except SourceError as error:
                reporter.say(f"skipped: {error}")
            else:
                read.append(clip)
    rows = np.reshape(probabilities, (len(read), len(labels)))
    classes = np.array([labels.index(clip.label) for clip in read], dtype=np.int64)
    return measure(rows, classes, labels), score("test", read, rows) if read else None


def median_seconds(clips: Sequence[Clip]) -> float:
    """Median duration of clips, in seconds, as their files declare it.

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
        raise DatasetError("No clip declares its duration; say what a window of a stream spans with --window-seconds.")
    return round(statistics.median(durations), 3)


def _embed_outside(folder: Path, material: Material, reporter: Reporter) -> FeatureSet:
    """The clips of other actions, embedded as the known ones were."""
    clips, left_out = open_outside(folder, material.labels)
    if left_out:
        reporter.say(f"note: clips of actions that the bundle knows are not outside clips: {', '.join(left_out)}")
    return embed(clips, material.extractor, material.request, reporter)


def _score(folder: Path, name: str, clips: Sequence[Clip], embeddings: NDArray[np.float32]) -> Scored:
    """The scores that a bundle gives to embedded clips."""
    with load(folder) as recognizer:
        return score(name, clips, np.stack([recognizer.classifier.predict(window) for window in embeddings]))


def _frames(network: Any, clips: Labelled, labels: list[str]) -> Optional[Metrics]:
    """A single-frame network's accuracy frame by frame, as the thesis gives it; None of a recurrent one."""
    if len(network.input_shape) == 3:
        return None
    probabilities = predict_frames(network, clips.embeddings)
    num_frames = probabilities.shape[1]
    return measure(probabilities.reshape(-1, len(labels)), np.repeat(clips.classes, num_frames), labels)


def _card(material: Material, parity: float, folder: Path) -> dict[str, Any]:
    request = material.request
    training = material.clips(material.division.training)
    window = request.window_seconds
    card = cards.make_card(
        name=request.bundle_name,
        labels=material.labels,
        num_frames=FRAMES_PER_CLIP,
        window_seconds=median_seconds(training) if window is None else float(window),
        extractor=material.extractor,
        classifier=cards.classifier_entry(folder, material.fitted, request.classifier_dtype, parity),
        training=cards.training_entry(
            data=request.data_description,
            training=training,
            validation=material.clips(material.division.validation),
            validation_share=material.share,
            test=material.clips(material.division.test),
            skipped=len(material.features.skipped),
            settings=material.settings,
            recipe=material.recipe,
            fitted=material.fitted,
            command=request.command,
        ),
        accuracy={},
        licence=request.licence,
    )
    return {**card, "notes": list(request.notes)} if request.notes else card
