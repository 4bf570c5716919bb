"""Predictions over a whole video, in the form that drawings and verdicts need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from ...prediction import NONE_OF_THESE, Prediction
from .style import span


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
    """Consecutive moments with the same verdict and the same sureness.

    Attributes:
        label: the verdict: a label, or "none of these".
        mean_score: of the best guess.
    """

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
    for (label, sure), group in groupby(all_moments, key=lambda moment: (moment.prediction.verdict, moment.sure)):
        run = list(group)
        mean_score = sum(moment.prediction.score for moment in run) / len(run)
        found.append(Segment(run[0].start, run[-1].end, label, sure, mean_score))
    return found


def judged(all_moments: Sequence[Moment]) -> list[Moment]:
    """The moments that count: those of a full window; where there is none, all."""
    return [m for m in all_moments if m.prediction.window_filled >= 1.0] or list(all_moments)


class Verdict(NamedTuple):
    """What a video was taken for, and for how long.

    Attributes:
        label: a label, or "none of these".
        seconds, judged_seconds: for how long, of all the time that was judged.
        guess: the label itself; of "none of these" the best guess most of that time.
        mean_score: of the best guess in that time.
    """

    label: str
    seconds: float
    judged_seconds: float
    guess: str
    mean_score: float

    @property
    def share(self) -> float:
        """Of the time that was judged, 0 to 1."""
        return self.seconds / self.judged_seconds if self.judged_seconds else 0.0

    def sentence(self, model: str, num_labels: int) -> str:
        """In words; ``model`` is who knows ``num_labels`` actions."""
        how_long = f"{span(self.seconds)} of the {span(self.judged_seconds)} judged ({self.share:.0%})"
        if self.label != NONE_OF_THESE:
            return f"{self.label}, {how_long}, mean score {self.mean_score:.2f}"
        guess = f"; best guess {self.guess}, mean score {self.mean_score:.2f}" if self.seconds else ""
        return f"none of the {num_labels} actions that {model} knows, {how_long}{guess}"


def verdicts(all_moments: Sequence[Moment]) -> list[Verdict]:
    """What the video was taken for, the longest first; "none of these" is always among them. Empty without predictions."""
    counted = judged(all_moments)
    found = []
    for label in dict.fromkeys([*(m.prediction.verdict for m in counted), NONE_OF_THESE] if counted else []):
        own = [m for m in counted if m.prediction.verdict == label]
        guesses: dict[str, float] = defaultdict(float)
        for moment in own:
            guesses[moment.prediction.label] += moment.seconds
        found.append(
            Verdict(
                label,
                seconds=sum(m.seconds for m in own),
                judged_seconds=sum(m.seconds for m in counted),
                guess=max(guesses, key=guesses.__getitem__, default=""),
                mean_score=sum(m.prediction.score for m in own) / max(len(own), 1),
            )
        )
    return sorted(found, key=lambda verdict: verdict.seconds, reverse=True)


class LabelSummary(NamedTuple):
    """How one label did over the video.

    Attributes:
        seconds: for how long it was the most probable one.
        mean: its mean probability over all.
        peak, peak_time: its greatest probability, and when that was, in seconds.
    """

    label: str
    seconds: float
    mean: float
    peak: float
    peak_time: float


def summarise(all_moments: Sequence[Moment]) -> list[LabelSummary]:
    """All labels, the one that was longest the most probable first; of the moments that :func:`judged` gives."""
    full = judged(all_moments)
    if not full:
        return []
    scores = np.array([m.prediction.probabilities for m in full], np.float64)
    summaries = []
    for i, label in enumerate(full[0].prediction.labels):
        best = int(scores[:, i].argmax())
        summaries.append(
            LabelSummary(
                label,
                seconds=sum(m.seconds for m in full if m.prediction.label == label),
                mean=float(scores[:, i].mean()),
                peak=float(scores[best, i]),
                peak_time=full[best].start,
            )
        )
    return sorted(summaries, key=lambda s: (s.seconds, s.mean), reverse=True)
