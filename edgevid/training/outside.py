"""Clips of other actions than a bundle's: how well its scores tell them from clips of the known ones.

The score is the largest calibrated probability (Hendrycks and Gimpel 2017, "A Baseline for Detecting Misclassified and
Out-of-Distribution Examples in Neural Networks", arXiv:1610.02136). Such clips measure; nothing is fitted on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from .dataset import Clip, DatasetError, open_dataset
from .evaluation import EvaluatedClip
from .metrics import Share, load_scikit_learn
from .significance import DEFAULT_RESAMPLES, Resamples


@dataclass(frozen=True)
class Scored:
    """Clips and the bundle's scores of them.

    Attributes:
        name: which clips they are: "validation" or "test", or the name of a data set of others.
        clips: label and group of each.
        scores: the largest calibrated probability of each, ``[clips]``.
    """

    name: str
    clips: Sequence[tuple[str, str]]
    scores: NDArray[np.floating[Any]]

    def counts(self) -> dict[str, int]:
        """Clips, groups and classes."""
        return {
            "clips": len(self.clips),
            "groups": len(set(self.clips)),
            "classes": len({label for label, _ in self.clips}),
        }


def score(name: str, clips: Sequence[Union[Clip, EvaluatedClip]], probabilities: NDArray[np.float32]) -> Scored:
    """The scores of clips, of the probabilities ``[clips, K]`` that a bundle gives them, which are calibrated ones."""
    return Scored(name, [(clip.label, clip.group) for clip in clips], probabilities.max(axis=1))


def open_outside(data: Path, labels: Sequence[str] = ()) -> tuple[list[Clip], list[str]]:
    """The clips of a data set whose actions are none of ``labels``, whichever split they are of.

    Args:
        data: as of :func:`edgevid.training.dataset.open_dataset`; what ``clips.csv`` says of splits is passed over.
        labels: of the bundle. A label counts as one of them in small and capital letters alike.

    Returns:
        The clips, and the labels of those that were left out.

    Raises:
        DatasetError: there is none. ExtraNotInstalledError: what measures them is absent.
    """
    load_scikit_learn()
    clips = open_dataset(data, any_split=True).clips
    known = {label.casefold() for label in labels}
    kept = [clip for clip in clips if clip.label.casefold() not in known]
    if not kept:
        raise DatasetError(
            f"All {len(clips)} clips of {data} are of actions that the bundle knows; --outside expects clips of others."
        )
    return kept, sorted({clip.label for clip in clips if clip.label.casefold() in known})


def unknown_figures(
    known: Scored,
    outside: Scored,
    threshold: float,
    *,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
    span_classes: bool = False,
) -> dict[str, Any]:
    """How many known clips the threshold accepts and how many others it rejects, and the AUROC of the score.

    The AUROC is the probability that a clip of a known action has a higher score than one of another. It needs no threshold.

    Args:
        threshold: the bundle's.
        resamples: of the bootstrap. Groups of known clips are drawn of each class, unless ``span_classes``; groups of outside
            clips of all their classes together, for these only stand for others.
        span_classes: whether a group's name means the same in all known classes.

    Returns:
        What the card and ``metrics.json`` carry, with 95 % intervals.
    """
    strata = [*("" if span_classes else label for label, _ in known.clips), *(None for _ in outside.clips)]
    groups = [(stratum, group) for stratum, (_, group) in zip(strata, known.clips)]
    scores = np.concatenate([known.scores, outside.scores])
    is_known = np.arange(len(scores)) < len(known.clips)
    draws = Resamples([*groups, *((None, *clip) for clip in outside.clips)], resamples, seed, strata=strata)
    interval = draws.interval(resampled_auroc(draws, scores, is_known))
    accepted = Share(int(np.sum(known.scores >= threshold)), len(known.clips))
    rejected = Share(int(np.sum(outside.scores < threshold)), len(outside.clips))
    return {
        "threshold": threshold,
        "known": {"split": known.name, **known.counts(), "accepted": accepted.as_dict()},
        "outside": {"data": outside.name, **outside.counts(), "rejected": rejected.as_dict()},
        "auroc": {
            "value": round(float(load_scikit_learn().roc_auc_score(is_known, scores)), 4),
            "bootstrap_95": None if interval is None else [round(bound, 4) for bound in interval],
        },
        "score": "largest calibrated probability of a clip",
        "bootstrap": {
            "method": "percentile, whole groups drawn with replacement"
            + ("" if span_classes else "; those of known clips of each class"),
            "resamples": resamples,
            "seed": seed,
        },
    }


def unknown_rows(unknown: dict[str, Any]) -> list[tuple[str, ...]]:
    """The figures as a table, its heading first."""
    known, outside, auroc = unknown["known"], unknown["outside"], unknown["auroc"]
    rows: list[tuple[str, ...]] = [("none of these actions", "value", "clips", "groups", "95 % interval")]
    for name, share, entry in (
        (f"known actions ({known['split']} clips), accepted", known["accepted"], known),
        (f"other actions ({outside['data']}), rejected", outside["rejected"], outside),
    ):
        bounds = "{:.3f} to {:.3f}, Wilson".format(*share["wilson_95"])
        rows.append((name, f"{share['value']:.4f}", str(entry["clips"]), str(entry["groups"]), bounds))
    ends = auroc["bootstrap_95"]
    bounds = "-" if ends is None else "{:.3f} to {:.3f}, bootstrap".format(*ends)
    counts = (str(known[what] + outside[what]) for what in ("clips", "groups"))
    return [*rows, ("AUROC of the score", f"{auroc['value']:.4f}", *counts, bounds)]


def resampled_auroc(
    draws: Resamples, scores: NDArray[np.floating[Any]], is_known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The area under the ROC curve in each resample: pairs in the right order, and half of those with equal scores."""
    levels, level = np.unique(scores, return_inverse=True)
    at_level = np.eye(len(levels), dtype=bool)[level]
    known, outside = (draws.sums(at_level & chosen[:, np.newaxis]) for chosen in (is_known, ~is_known))
    below = np.cumsum(outside, axis=1) - outside / 2
    area: NDArray[np.float64] = (known * below).sum(axis=1) / (known.sum(axis=1) * outside.sum(axis=1))
    return area
