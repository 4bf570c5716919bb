"""Clips of actions unknown to a bundle (out of distribution): how well its scores tell them from clips of known ones.

The score is the confidence that a clip shows one of the bundle's actions, see :func:`edgevid.calibration.known_scores`. Such
clips are only used to measure; nothing is fitted on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from ..calibration import known_scores
from ..datasets.clips import Clip, DatasetError
from ..datasets.reading import open_dataset
from ..support.extras import load_scikit_learn
from ..support.shares import Share
from .figures import METHOD, Figure, bounds, number
from .predictions import EvaluatedClip
from .report_format import Rows
from .significance import DEFAULT_BOOTSTRAP, Bootstrap, Resamples


class ScoredClips(NamedTuple):
    """Clips and the bundle's scores for them.

    Attributes:
        name: "validation" or "test", or the name of a data set of other actions.
        clips: label and group of each.
        scores: confidence that each shows one of the actions, ``[clips]``.
        best, none: the probability of the most probable action, and of none of them (0 without such a class), ``[clips]``.
    """

    name: str
    clips: Sequence[tuple[str, str]]
    scores: NDArray[np.floating[Any]]
    best: NDArray[np.floating[Any]]
    none: NDArray[np.floating[Any]]

    def accepted(self, threshold: float, enter: float) -> NDArray[np.bool_]:
        """Which clips count as one of the actions, ``[clips]``: the rule of :attr:`edgevid.Prediction.accepted`."""
        known: NDArray[np.bool_] = (self.scores >= threshold) & (self.best >= np.maximum(self.none, enter))
        return known

    @classmethod
    def of(
        cls,
        name: str,
        clips: Sequence[Union[Clip, EvaluatedClip]],
        probabilities: NDArray[np.float32],
        none: bool = False,
    ) -> ScoredClips:
        """From the calibrated probabilities ``[clips, K]``; ``none``: whether the bundle has a class for none of its actions."""
        scores, best = known_scores(probabilities, none), probabilities.max(axis=1)
        return cls(name, [(clip.label, clip.group) for clip in clips], scores, best, 1 - scores if none else 0 * scores)


def open_outside(data: Path, labels: Sequence[str] = ()) -> tuple[list[Clip], list[str]]:
    """The clips of a data set whose actions are not among ``labels``, of any split.

    Args:
        data: as for :func:`edgevid.datasets.reading.open_dataset`; splits in ``clips.csv`` are ignored.
        labels: the bundle's labels. They are compared ignoring case.

    Returns:
        The clips, and the labels of those that were left out.

    Raises:
        DatasetError: there are none. ExtraNotInstalledError: a package for measuring is absent.
    """
    load_scikit_learn()
    clips = open_dataset(data, ignore_splits=True).clips
    known = {label.casefold() for label in labels}
    kept = [clip for clip in clips if clip.label.casefold() not in known]
    if not kept:
        raise DatasetError(
            f"All {len(clips)} clips of {data} are of actions that the bundle knows; --outside expects clips of others."
        )
    return kept, sorted({clip.label for clip in clips if clip.label.casefold() in known})


def measure_outside(
    known: ScoredClips,
    outside: ScoredClips,
    threshold: float,
    enter: float,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> dict[str, Any]:
    """How many known clips are accepted, how many others are rejected, and the AUROC of the score.

    Args:
        threshold, enter: the bundle's: see :attr:`edgevid.Prediction.accepted`.
        bootstrap: groups of known clips are drawn per class, unless they span classes; groups of outside clips are drawn from
            all their classes together, because these only stand for others.

    Returns:
        The entry "unknown" of the card and ``metrics.json``. ``auroc`` is the probability that a clip of a known action has a
        higher score than one of another; it needs no threshold.
    """
    strata = ["" if bootstrap.groups_span_classes else label for label, _ in known.clips]
    groups = [(stratum, group) for stratum, (_, group) in zip(strata, known.clips)]
    scores = np.concatenate([known.scores, outside.scores])
    is_known = np.arange(len(scores)) < len(known.clips)
    draws = Resamples(
        [*groups, *((None, *clip) for clip in outside.clips)],
        bootstrap.resamples,
        bootstrap.seed,
        [*strata, *(None for _ in outside.clips)],
    )
    auroc = float(load_scikit_learn().roc_auc_score(is_known, scores))
    method = METHOD + ("" if bootstrap.groups_span_classes else "; those of known clips of each class")
    accepted, rejected = (Share.of(known.accepted(threshold, enter)), Share.of(~outside.accepted(threshold, enter)))
    return {
        "threshold": threshold,
        "enter": enter,
        "known": {"split": known.name, **_counts(known), "accepted": accepted.as_dict()},
        "outside": {"data": outside.name, **_counts(outside), "rejected": rejected.as_dict()},
        "auroc": Figure(auroc, draws.interval(resampled_auroc(draws, scores, is_known))).as_dict(),
        "score": "how sure it is that a clip shows a known action",
        "bootstrap": {"method": method, "resamples": bootstrap.resamples, "seed": bootstrap.seed},
    }


def outside_rows(figures: dict[str, Any]) -> Rows:
    """The result of :func:`measure_outside` as a table, heading first."""
    known, outside, auroc = figures["known"], figures["outside"], figures["auroc"]
    rows: Rows = [("none of these actions", "value", "clips", "groups", "95 % interval")]
    for name, side, share in (
        (f"known actions ({known['split']} clips), accepted", known, known["accepted"]),
        (f"other actions ({outside['data']}), rejected", outside, outside["rejected"]),
    ):
        interval = f"{bounds(share['wilson_95'])}, Wilson"
        rows.append((name, number(share["value"]), str(side["clips"]), str(side["groups"]), interval))
    both = (str(known[count] + outside[count]) for count in ("clips", "groups"))
    return [*rows, ("AUROC of the score", number(auroc["value"]), *both, f"{bounds(auroc['bootstrap_95'])}, bootstrap")]


def _counts(scored: ScoredClips) -> dict[str, int]:
    labels = {label for label, _ in scored.clips}
    return {"clips": len(scored.clips), "groups": len(set(scored.clips)), "classes": len(labels)}


def resampled_auroc(
    draws: Resamples, scores: NDArray[np.floating[Any]], is_known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The area under the ROC curve in each resample: the fraction of pairs in the right order, plus half of the ties."""
    levels, level = np.unique(scores, return_inverse=True)
    at_level = np.eye(len(levels), dtype=bool)[level]
    known, outside = (draws.sums(at_level & chosen[:, np.newaxis]) for chosen in (is_known, ~is_known))
    below = np.cumsum(outside, axis=1) - outside / 2
    area: NDArray[np.float64] = (known * below).sum(axis=1) / (known.sum(axis=1) * outside.sum(axis=1))
    return area
