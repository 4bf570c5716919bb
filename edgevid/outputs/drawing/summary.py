"""Predictions over a whole video, in the form that drawings and verdicts need."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from ...prediction import Prediction


class Moment(NamedTuple):
    """A prediction that stands from ``start`` to ``end`` seconds, until the next one replaces it."""

    start: float
    end: float
    prediction: Prediction

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def sure(self) -> bool:
        return is_sure(self.prediction)


class Segment(NamedTuple):
    """Consecutive moments with the same label and the same sureness."""

    start: float
    end: float
    label: str
    sure: bool
    mean_score: float


def is_sure(prediction: Prediction) -> bool:
    """Whether a prediction is worth its colour: made from a full window, with a score that reaches the threshold."""
    return prediction.accepted and prediction.window_filled >= 1.0


def moments(predictions: Sequence[Prediction], end: float) -> list[Moment]:
    """The predictions with the time for which each stands; the last one stands to ``end`` seconds."""
    starts = [prediction.timestamp or 0.0 for prediction in predictions]
    ends = [*starts[1:], max(end, starts[-1] if starts else 0.0)]
    return [Moment(*times) for times in zip(starts, ends, predictions)]


def segments(all_moments: Sequence[Moment]) -> list[Segment]:
    """What a band of the winning labels shows."""
    found = []
    for (label, sure), group in groupby(all_moments, key=lambda moment: (moment.prediction.label, moment.sure)):
        run = list(group)
        mean_score = sum(moment.prediction.score for moment in run) / len(run)
        found.append(Segment(run[0].start, run[-1].end, label, sure, mean_score))
    return found


class LabelSummary(NamedTuple):
    """How one label did over the video.

    Attributes:
        seconds, sure_seconds: for how long it was the most probable one, and for how long of that surely.
        mean_when_first: its mean probability while it was; 0 where it never was.
        mean: its mean probability over all.
        peak, peak_time: its greatest probability, and when that was, in seconds.
    """

    label: str
    seconds: float
    sure_seconds: float
    mean_when_first: float
    mean: float
    peak: float
    peak_time: float


def summarise(all_moments: Sequence[Moment]) -> list[LabelSummary]:
    """All labels, the one that was longest the most probable first.

    Counts predictions from a full window; those made while it was filling only where there is no other.
    """
    full = [m for m in all_moments if m.prediction.window_filled >= 1.0] or list(all_moments)
    if not full:
        return []
    scores = np.array([m.prediction.probabilities for m in full], np.float64)
    summaries = []
    for i, label in enumerate(full[0].prediction.labels):
        first = [m for m in full if m.prediction.label == label]
        best = int(scores[:, i].argmax())
        summaries.append(
            LabelSummary(
                label,
                seconds=sum(m.seconds for m in first),
                sure_seconds=sum(m.seconds for m in first if m.sure),
                mean_when_first=sum(m.prediction.score for m in first) / len(first) if first else 0.0,
                mean=float(scores[:, i].mean()),
                peak=float(scores[best, i]),
                peak_time=full[best].start,
            )
        )
    return sorted(summaries, key=lambda s: (s.seconds, s.mean), reverse=True)
