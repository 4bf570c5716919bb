"""What a recogniser answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from .errors import OptionError
from .frames import Region
from .support.checks import check_int, check_number, shown

# What people read where a prediction is not accepted
NONE_OF_THESE = "none of these"


class ClassScore(NamedTuple):
    """A label and its probability in [0, 1]."""

    label: str
    score: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """Class probabilities of one clip, or of one window of a stream.

    Attributes:
        labels: the classes.
        probabilities: float32 ``[len(labels)]``, sum 1 - :attr:`none`, read-only.
        threshold: of :attr:`known`, from which on the prediction counts as :attr:`accepted`.
        timestamp: seconds, when the newest frame was taken, on the clock of the stream or from the start of the file;
            None for a clip given as frames.
        start_timestamp: the same of the oldest frame.
        window_filled: how much of the window holds frames, in (0, 1]; below 1 only at the start of a stream that was
            asked for early predictions.
        none: the probability that it is none of the labels, in [0, 1]; 0 where the classifier does not tell.
        region: the part of the newest frame that the embedders looked at, of a stream; None: the whole frame.
        cycles: how often the motion was repeated since the stream's scene began, in halves or quarters; an estimate, which may
            fall a little when more is seen. :class:`~edgevid.EventDetector` makes counts of it. None of a clip.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]
    threshold: float = 0.0
    timestamp: Optional[float] = None
    start_timestamp: Optional[float] = None
    window_filled: float = 1.0
    none: float = 0.0
    region: Optional[Region] = None
    cycles: Optional[float] = None

    @classmethod
    def of_outputs(cls, labels: tuple[str, ...], outputs: NDArray[np.float32], **fields: Any) -> Prediction:
        """Of a classifier's outputs, float32 ``[len(labels)]``, or one more where the last is :attr:`none`."""
        none = float(outputs[len(labels)]) if len(outputs) > len(labels) else 0.0
        return cls(labels, outputs[: len(labels)].copy(), none=none, **fields)

    def __post_init__(self) -> None:
        if not isinstance(self.probabilities, np.ndarray):
            raise OptionError(
                f"probabilities={shown(self.probabilities)} was given; expected an array, float32 [labels]."
            )
        self.probabilities.flags.writeable = False

    @property
    def label(self) -> str:
        """The most probable class, whether accepted or not."""
        return self.labels[int(np.argmax(self.probabilities))]

    @property
    def score(self) -> float:
        """Probability of :attr:`label`, in [0, 1]."""
        return float(np.max(self.probabilities))

    @property
    def known(self) -> float:
        """How sure it is that it is one of the labels, in [0, 1]: 1 - :attr:`none`; the score where :attr:`none` is not told."""
        return 1.0 - self.none if self.none > 0 else self.score

    @property
    def accepted(self) -> bool:
        """Whether :attr:`known` reaches the threshold."""
        return self.known >= self.threshold

    @property
    def verdict(self) -> str:
        """What people read: :attr:`label`, or "none of these" where it is not accepted."""
        return self.label if self.accepted else NONE_OF_THESE

    def answer(self, guess: Optional[str] = None) -> str:
        """What people read, with the best guess after "none of these" where it is not accepted.

        Args:
            guess: the label in other words, with its score for example; default: the label.

        >>> half = Prediction(("walk", "run"), np.array([0.25, 0.75], np.float32), threshold=0.8)
        >>> half.answer(), half.answer("run 75 %")
        ('none of these (run)', 'none of these (run 75 %)')
        """
        guess = self.label if guess is None else guess
        return guess if self.accepted else f"{NONE_OF_THESE} ({guess})"

    def top(self, k: int = 5) -> list[ClassScore]:
        """The ``k`` most probable classes (or all, if there are fewer), best first."""
        k = check_int("k", k, 1)
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [ClassScore(self.labels[i], float(self.probabilities[i])) for i in order]

    def as_dict(self, top: int = 5) -> dict[str, Any]:
        """What JSON output carries: label, score, accepted, none, top, timestamps in seconds, window_filled, region."""
        return {
            "timestamp": _rounded(self.timestamp),
            "start_timestamp": _rounded(self.start_timestamp),
            "label": self.label,
            "score": round(self.score, 6),
            "accepted": self.accepted,
            "none": round(self.none, 6),
            "top": [[label, round(score, 6)] for label, score in self.top(top)],
            "window_filled": round(self.window_filled, 4),
            "region": None if self.region is None else self.region.as_list(),
        }

    def __str__(self) -> str:
        time = "" if self.timestamp is None else f"{self.timestamp:8.2f} s  "
        return time + self.answer(f"{self.label} {self.score:.2f}")


def check_threshold(threshold: float) -> float:
    return check_number("threshold", threshold, 0, 1)


def _rounded(seconds: Optional[float]) -> Optional[float]:
    return None if seconds is None else round(seconds, 6)
