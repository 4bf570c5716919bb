"""Evaluation of a bundle on labelled clips, as it ships."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Optional

from .. import __version__
from ..bundles import Bundle
from ..datasets.clips import Clip
from ..datasets.taught import among, seen_of
from ..recognizer import Recognizer
from ..support.extras import load_scikit_learn
from .figures import Figures, measure_predictions
from .metrics import default_k
from .outside import ScoredClips, measure_outside
from .predictions import (
    EvaluationError,
    Predictions,
    Track,
    UnreadableClip,
    clip_names,
    predict_clips,
    without_progress,
)
from .published import is_ucf101_split_1
from .significance import DEFAULT_BOOTSTRAP, Bootstrap
from .streaming import Replay, measure_replay, replay_clips


@dataclass(frozen=True)
class Evaluation:
    """The result of :func:`evaluate`.

    Attributes:
        bundle, data: the bundle and the clips, as in ``metrics.json``.
        command: the command that reproduces the figures.
        outside, outside_unreadable: for clips of other actions, if any.
        streaming, replay: figures and predictions of the clips as streams, if requested.
    """

    bundle: dict[str, Any]
    data: dict[str, Any]
    predictions: Predictions
    figures: Figures
    command: str = ""
    outside: Optional[dict[str, Any]] = None
    outside_unreadable: Sequence[dict[str, str]] = ()
    streaming: Optional[dict[str, Any]] = None
    replay: Optional[Replay] = None

    def as_dict(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        parts: dict[str, Any] = {
            "format": 1,
            "kind": "evaluation",
            "edgevid_version": __version__,
            "command": self.command,
            "bundle": self.bundle,
            "data": self.data,
            "labels": list(self.predictions.labels),
            **self.figures.as_dict(),
        }
        if self.outside is not None:
            parts["unknown"] = self.outside
        if self.streaming is not None:
            parts["streaming"] = self.streaming
        return parts


def evaluate(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    *,
    data_name: str = "clips",
    split: Optional[str] = None,
    outside: Sequence[Clip] = (),
    outside_name: str = "outside",
    streaming: bool = False,
    k: Optional[int] = None,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
    track: Track = without_progress,
) -> Evaluation:
    """Evaluate a bundle on labelled clips.

    Args:
        clips: the clips of a data set. Those that cannot be read are left out and listed.
        data_name: name of the data set, for the report.
        split: the clips to use: "train", "validation", "test" or "all". Default: the test clips, or all of them
            if the data set has no splits, without those that the bundle's card says it was made from.
        outside: clips of other actions, see :func:`edgevid.evaluation.outside.open_outside`.
        outside_name: name of that data set.
        streaming: replay each clip as a stream too.
        k: k of the top-k accuracy; default: see :func:`edgevid.evaluation.metrics.default_k`.
        bootstrap: over groups of clips, for the intervals.
        track: shows progress.

    Raises:
        EvaluationError: there are no such clips, the bundle does not know a label, or no clip can be read.
        ExtraNotInstalledError: scikit-learn or SciPy is absent.
    """
    load_scikit_learn()
    names, num_labels = clip_names(clips), len(recognizer.labels)
    clips, split, seen = choose_unseen(clips, split, recognizer.bundle)
    check_labels(clips, recognizer.labels)
    predictions, unreadable = predict_clips(recognizer, clips, names, track=track)
    figures = measure_predictions(predictions, min(k or default_k(num_labels), num_labels), bootstrap)
    outside_figures: Optional[dict[str, Any]] = None
    outside_unreadable: Sequence[UnreadableClip] = ()
    if outside:
        others, outside_unreadable = predict_clips(
            recognizer, outside, clip_names(outside), "clips of other actions", track
        )
        none = recognizer.bundle is not None and recognizer.bundle.none
        outside_figures = measure_outside(
            ScoredClips.of(split, predictions.clips, predictions.probabilities, none),
            ScoredClips.of(outside_name, others.clips, others.probabilities, none),
            recognizer.threshold,
            recognizer.events.options.enter,
            bootstrap,
        )
    replay = replay_clips(recognizer, clips, names, track) if streaming else None
    return Evaluation(
        bundle=describe_bundle(recognizer),
        data={
            "name": data_name,
            "split": split,
            "ucf101_split_1": is_ucf101_split_1(clips, split),
            # of the readable ones
            "clips": len(predictions.clips),
            "groups": figures.groups,
            "classes": len({clip.label for clip in predictions.clips}),
            "seen": seen if seen is None else seen.as_dict(names),
            "unreadable": [clip._asdict() for clip in unreadable],
        },
        predictions=predictions,
        figures=figures,
        outside=outside_figures,
        outside_unreadable=[clip._asdict() for clip in outside_unreadable],
        streaming=None if replay is None else measure_replay(replay, predictions, recognizer.window_seconds),
        replay=replay,
    )


def describe_bundle(recognizer: Recognizer) -> dict[str, Any]:
    """The bundle in ``metrics.json``; ``extractor`` names all embedders: a CNN by its network, others by their kind.

    Raises:
        EvaluationError: the recogniser has no bundle.
    """
    bundle = recognizer.bundle
    if bundle is None:
        raise EvaluationError("A recogniser without a bundle was given; expected one that edgevid.load opened.")
    networks, classifier = bundle.networks, bundle.card["classifier"]
    embedders = [e.network.name if e.kind == "cnn" and e.network else e.kind for e in bundle.embedders]
    return {
        "name": bundle.name,
        "classifier_sha256": ", ".join(part["sha256"] for part in classifier.get("parts", [classifier])),
        "architecture": classifier.get("architecture", "unknown"),
        "units": classifier.get("units"),
        "parameters": classifier.get("parameters"),
        "extractor": " + ".join(embedders),
        "extractor_sha256": networks[0].sha256 if networks else "",
        "extractor_bytes": sum(network.path.stat().st_size for network in networks),
        "classifier_bytes": bundle.classifier.size,
        "window_seconds": bundle.window_seconds,
        "samples": bundle.num_samples,
        "runtime": recognizer.runtime,
    }


def choose_clips(clips: Sequence[Clip], split: Optional[str] = None) -> tuple[list[Clip], str]:
    """The clips of a split ("train", "validation", "test" or "all"), and the split's name.

    By default the test clips, or all of them if the data set has no splits.

    Raises:
        EvaluationError: there are none.
    """
    there = sorted({clip.split for clip in clips})
    if split is None:
        split = "test" if "test" in there or there != ["train"] else "all"
    chosen = [clip for clip in clips if split in ("all", clip.split)]
    if not chosen:
        raise EvaluationError(
            f"The data have no {split} clips; they have: {', '.join(there) or 'none'}. Name one of these with --split, or give "
            "the run folder that `edgevid train` wrote beside the bundle: it has the splits of the training."
        )
    return chosen, split


class Seen(NamedTuple):
    """Those of the chosen clips that the bundle was made from, and whether they are measured anyway."""

    clips: list[Clip]
    measured: bool

    def as_dict(self, names: Mapping[Path, str]) -> dict[str, Any]:
        return {"measured": self.measured, "clips": [names[clip.path] for clip in self.clips]}


def choose_unseen(
    clips: Sequence[Clip], split: Optional[str], bundle: Optional[Bundle]
) -> tuple[list[Clip], str, Optional[Seen]]:
    """The clips of a split, its name, and which of them the bundle was made from (None: its card does not say).

    If no split is named, these are left out.

    Raises:
        EvaluationError: there are none, or no others.
    """
    chosen, name = choose_clips(clips, split)
    seen = None if bundle is None else seen_of(bundle.card)
    if seen is None:
        return chosen, name, None
    known = among(chosen, seen)
    mine = [clip for clip, is_known in zip(chosen, known) if is_known]
    if split is not None or not mine:
        return chosen, name, Seen(mine, True)
    others = [clip for clip, is_known in zip(chosen, known) if not is_known]
    if not others:
        raise EvaluationError(
            f"The bundle was made from all {len(mine)} clips, so they do not show its accuracy on others. Give clips that it has "
            "not seen; or use --all (split='all') to measure on these, which overestimates it."
        )
    return others, name, Seen(mine, False)


def check_labels(clips: Iterable[Clip], labels: Sequence[str]) -> None:
    """Check that the bundle knows the labels of all clips.

    Raises:
        EvaluationError: it does not know a clip's label.
    """
    in_data = sorted({clip.label for clip in clips})
    unknown = [label for label in in_data if label not in labels]
    if unknown:
        raise EvaluationError(
            f"The bundle does not know {', '.join(unknown)}. Labels of the data: {', '.join(in_data)}. Labels of the bundle: "
            f"{', '.join(labels)}. Leave those clips out, rename their labels, or evaluate another bundle."
        )
