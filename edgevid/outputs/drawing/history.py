"""Predictions over a whole video, in the form that drawings and verdicts need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
        """Whether it is worth its colour: made from a full window, and with a score that reaches the threshold."""
        return is_sure(self.prediction)


class Stretch(NamedTuple):
    """Consecutive moments with the same label and the same sureness."""

    start: float
    end: float
    label: str
    sure: bool
    mean_score: float


def is_sure(prediction: Prediction) -> bool:
    """Whether a prediction was made from a full window and reaches its threshold."""
    return prediction.accepted and prediction.window_filled >= 1.0


def moments(predictions: Sequence[Prediction], end: float) -> list[Moment]:
    """The predictions with the time for which each stands; the last one stands to ``end`` seconds."""
    starts = [prediction.timestamp or 0.0 for prediction in predictions]
    ends = [*starts[1:], max(end, starts[-1] if starts else 0.0)]
    return [Moment(*times) for times in zip(starts, ends, predictions)]


def stretches(all_moments: Sequence[Moment]) -> list[Stretch]:
    """What a band of the winning labels shows."""
    found: list[list[Moment]] = []
    for moment in all_moments:
        last = found[-1][-1] if found else None
        if last is not None and last.prediction.label == moment.prediction.label and last.sure == moment.sure:
            found[-1].append(moment)
        else:
            found.append([moment])
    return [
        Stretch(
            run[0].start,
            run[-1].end,
            run[0].prediction.label,
            run[0].sure,
            sum(m.prediction.score for m in run) / len(run),
        )
        for run in found
    ]


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
    summaries = []
    for i, label in enumerate(full[0].prediction.labels):
        scores = [float(m.prediction.probabilities[i]) for m in full]
        first = [m for m in full if m.prediction.label == label]
        best = max(range(len(full)), key=lambda j: scores[j])
        summaries.append(
            LabelSummary(
                label,
                sum(m.seconds for m in first),
                sum(m.seconds for m in first if m.sure),
                sum(m.prediction.score for m in first) / len(first) if first else 0.0,
                sum(scores) / len(scores),
                scores[best],
                full[best].start,
            )
        )
    return sorted(summaries, key=lambda s: (s.seconds, s.mean), reverse=True)
