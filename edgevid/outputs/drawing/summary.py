"""Summaries of the predictions over a whole video, for drawings and verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple, Optional

import numpy as np

from ...events import ActiveAction
from ...prediction import NOTHING, Answer, Prediction
from .style import WATCHING, span


class Judged(NamedTuple):
    """A prediction, and the action that went on at the time, as :class:`~edgevid.EventOptions` defines it."""

    prediction: Prediction
    action: Optional[ActiveAction]

    @property
    def answer(self) -> Answer:
        return self.prediction.in_stream(self.action)

    @property
    def verdict(self) -> str:
        """The text for people: the action's label, "nothing recognised", or "watching" while the window fills."""
        return WATCHING if self.prediction.window_filled < 1.0 else self.answer.verdict


class Moment(NamedTuple):
    """A prediction, valid from ``start`` to ``end`` seconds, when the next one replaces it."""

    start: float
    end: float
    judged: Judged

    @property
    def prediction(self) -> Prediction:
        return self.judged.prediction

    @property
    def verdict(self) -> str:
        return self.judged.verdict

    @property
    def seconds(self) -> float:
        return self.end - self.start


class Segment(NamedTuple):
    """Consecutive moments with the same verdict.

    Attributes:
        label: the verdict.
        mean_score: mean score of the action, or of the best guess.
    """

    start: float
    end: float
    label: str
    mean_score: float


def moments(predictions: Sequence[Judged], end: float) -> list[Moment]:
    """The predictions with their time spans; the last one lasts to ``end`` seconds."""
    starts = [one.prediction.timestamp or 0.0 for one in predictions]
    ends = [*starts[1:], max(end, starts[-1] if starts else 0.0)]
    return [Moment(*times) for times in zip(starts, ends, predictions)]


def segments(all_moments: Sequence[Moment]) -> list[Segment]:
    """The moments, merged by verdict."""
    found = []
    for label, group in groupby(all_moments, key=lambda moment: moment.verdict):
        run = list(group)
        found.append(Segment(run[0].start, run[-1].end, label, _mean_score(run)))
    return found


def judged(all_moments: Sequence[Moment]) -> list[Moment]:
    """The moments with a full window."""
    return [m for m in all_moments if m.verdict != WATCHING]


def _mean_score(all_moments: Sequence[Moment]) -> float:
    return sum(m.judged.answer.score for m in all_moments) / max(len(all_moments), 1)


class Verdict(NamedTuple):
    """What was recognised in a video, and for how long.

    Attributes:
        label: a label, or "nothing recognised".
        seconds, judged_seconds: duration, and the total duration that was judged.
        guess: the label itself; for "nothing recognised" the most frequent best guess.
        mean_score: mean score of the label, or of the best guess, in that time.
    """

    label: str
    seconds: float
    judged_seconds: float
    guess: str
    mean_score: float

    @property
    def share(self) -> float:
        """Fraction of the judged time, 0 to 1."""
        return self.seconds / self.judged_seconds if self.judged_seconds else 0.0

    def sentence(self) -> str:
        """The verdict in words."""
        how_long = f"{span(self.seconds)} of the {span(self.judged_seconds)} judged ({self.share:.0%})"
        guess = f"; best guess {self.guess}" if self.label == NOTHING and self.seconds else ""
        score = f", mean score {self.mean_score:.2f}" if self.seconds else ""
        return f"{self.label}, {how_long}{guess}{score}"


def verdicts(all_moments: Sequence[Moment]) -> list[Verdict]:
    """All verdicts, longest first; "nothing recognised" is always included. Empty without predictions."""
    counted = judged(all_moments)
    found = []
    for label in dict.fromkeys([*(m.verdict for m in counted), NOTHING] if counted else []):
        own = [m for m in counted if m.verdict == label]
        guesses: dict[str, float] = defaultdict(float)
        for moment in own:
            guesses[moment.judged.answer.label] += moment.seconds
        found.append(
            Verdict(
                label,
                seconds=sum(m.seconds for m in own),
                judged_seconds=sum(m.seconds for m in counted),
                guess=max(guesses, key=guesses.__getitem__, default=""),
                mean_score=_mean_score(own),
            )
        )
    return sorted(found, key=lambda verdict: verdict.seconds, reverse=True)


class LabelSummary(NamedTuple):
    """One label over the video.

    Attributes:
        seconds: how long it was the most probable label.
        mean: its mean probability.
        peak, peak_time: its highest probability, and the time of it in seconds.
    """

    label: str
    seconds: float
    mean: float
    peak: float
    peak_time: float


def summarise(all_moments: Sequence[Moment]) -> list[LabelSummary]:
    """All labels, the longest most probable one first; from full windows, if there are any."""
    full = judged(all_moments) or list(all_moments)
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
