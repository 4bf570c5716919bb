"""The results of a recogniser."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html import escape
from typing import Any, Callable, NamedTuple, Optional, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError, OptionError
from .frames import Region
from .support.checks import check_int, check_number, shown
from .support.text import brief, shorten

# The text for people when none of the bundle's actions is recognised
NOTHING = "nothing recognised"

# Rounded or mixed probabilities may differ from a sum of 1 by this
_SUM_TOLERANCE = 0.01

# In the notebook's own colours, light or dark
_ROW = (
    '<tr><td style="text-align:left">{label}</td><td style="width:12em;text-align:left"><div style="background:currentColor;'
    'opacity:0.5;height:0.8em;width:{percent:.1f}%"></div></td><td>{percent:.0f} %</td></tr>'
)
_TABLE = '<table style="color:inherit">'
_IMAGE = '<img alt="a picture of the clip" style="float:left;margin-right:1em" src="data:image/jpeg;base64,{}">'


class ClassScore(NamedTuple):
    """A label and its probability in [0, 1]."""

    label: str
    score: float


class _Labelled(Protocol):
    """Such as :class:`~edgevid.events.ActiveAction`."""

    @property
    def label(self) -> str: ...


class Answer(NamedTuple):
    """An answer for people: a recognised label, or "nothing recognised" with the best guess.

    Attributes:
        label: the recognised label, else the best guess.
        score: its probability, in [0, 1].
        recognised: for a clip, whether its prediction is :attr:`~Prediction.accepted`; in a stream, whether the action goes
            on, see :class:`~edgevid.EventOptions`.
    """

    label: str
    score: float
    recognised: bool

    @property
    def verdict(self) -> str:
        """The label, or "nothing recognised"."""
        return self.label if self.recognised else NOTHING

    def words(self, guess: Optional[str] = None) -> str:
        """The label; or "nothing recognised" with the label as the best guess.

        Args:
            guess: the label in other words, for example with its score; default: the label.

        >>> Answer("run", 0.75, True).words(), Answer("run", 0.75, False).words("run 75 %")
        ('run', 'nothing recognised (run 75 %)')
        """
        guess = self.label if guess is None else guess
        return guess if self.recognised else f"{NOTHING} ({guess})"


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """Class probabilities of one clip, or of one window of a stream. Predictions are equal if all attributes are.

    Attributes:
        labels: the classes.
        probabilities: float32 ``[len(labels)]``, sum 1 - :attr:`none`, read-only.
        threshold: minimum of :attr:`known` for the prediction to count as :attr:`accepted`.
        enter: minimum probability of the label for that; see :attr:`edgevid.EventOptions.enter`.
        timestamp: seconds, when the newest frame was taken, on the clock of the stream or from the start of the file;
            None for a clip given as frames.
        start_timestamp: the same for the oldest frame.
        window_filled: how much of the window is filled, in (0, 1]; below 1 only at the start of a stream with
            early predictions.
        none: the probability that it is none of the labels, in [0, 1]; 0 if the classifier has no such class.
        region: the part of the newest frame that the embedders looked at, in a stream; None: the whole frame.
        cycles: estimated number of repetitions of the motion since the stream's scene began, in halves or quarters; it may
            fall a little as more is seen. :class:`~edgevid.EventDetector` turns it into counts. None for a clip.
        picture: function that reads a small picture of the clip, a JPEG, for notebooks, or None. Not compared for equality.
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
    enter: float = 0.0
    picture: Optional[Callable[[], Optional[bytes]]] = field(default=None, compare=False)

    @classmethod
    def of_outputs(cls, labels: tuple[str, ...], outputs: NDArray[np.float32], **fields: Any) -> Prediction:
        """Make a prediction from a classifier's outputs, float32 ``[len(labels)]``, or one more if the last is :attr:`none`.

        Raises:
            ModelError: they are not probabilities.
        """
        if not (outputs.min() >= 0 and abs(float(outputs.sum()) - 1) <= _SUM_TOLERANCE):
            raise ModelError(
                f"The classifier gives {np.array2string(outputs, threshold=8)}, not probabilities of sum 1: end it in a softmax."
            )
        none = float(outputs[len(labels)]) if len(outputs) > len(labels) else 0.0
        return cls(labels, outputs[: len(labels)].copy(), none=none, **fields)

    def __post_init__(self) -> None:
        if not isinstance(self.probabilities, np.ndarray) or self.probabilities.dtype.kind not in "fiu":
            raise OptionError(
                f"probabilities={shown(self.probabilities)} was given; expected an array, float32 [labels]."
            )
        self.probabilities.flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # an unpickled array is writeable

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prediction):
            return NotImplemented
        mine, others = ({**vars(one), "probabilities": None, "picture": None} for one in (self, other))
        return mine == others and np.array_equal(self.probabilities, other.probabilities)

    def __hash__(self) -> int:
        return hash((self.labels, self.score, self.none, self.timestamp))

    def __repr__(self) -> str:
        of = f"of {len(self.labels)} labels"
        none = f"none {self.none:.2f}" if self.none > 0 else ""
        time = "" if self.timestamp is None else f"at {self.timestamp:.2f} s"
        accepted = "accepted" if self.accepted else "not accepted"
        return brief(self, f"{shorten(repr(self.label), 60)} {self.score:.2f} {of}", accepted, none, time)

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
        """The confidence that it is one of the labels, in [0, 1]: 1 - :attr:`none`, or the score if there is no such class."""
        return 1.0 - self.none if self.none > 0 else self.score

    @property
    def accepted(self) -> bool:
        """Whether the action counts as recognised: an event can begin with it.

        :attr:`known` must reach the threshold, and the score must reach both :attr:`enter` and :attr:`none`. That is enough
        for a clip; in a stream it must also last, see :class:`~edgevid.EventOptions`.
        """
        return bool(self.known >= self.threshold and self.score >= self.needed)

    @property
    def needed(self) -> float:
        """The score that an action needs to be accepted, in [0, 1]: the larger of :attr:`enter` and :attr:`none`."""
        return max(self.enter, self.none) if self.none > 0 else max(self.enter, self.threshold)

    def probability(self, label: str) -> Optional[float]:
        """The probability of a label, in [0, 1]; None if there is no such label."""
        return float(self.probabilities[self.labels.index(label)]) if label in self.labels else None

    @property
    def verdict(self) -> str:
        """:attr:`label` if it is accepted, else "nothing recognised"."""
        return self._answer.verdict

    def answer(self, guess: Optional[str] = None) -> str:
        """The verdict, with the best guess after "nothing recognised"; see :meth:`Answer.words`."""
        return self._answer.words(guess)

    @property
    def _answer(self) -> Answer:
        return Answer(self.label, self.score, self.accepted)

    def in_stream(self, action: Optional[_Labelled]) -> Answer:
        """The answer for a stream's newest prediction; ``action``: the action that goes on, if any."""
        label = self.label if action is None else action.label
        return Answer(label, self.probability(label) or 0.0, action is not None)

    def top(self, k: int = 5) -> list[ClassScore]:
        """The ``k`` most probable classes (or all, if there are fewer), best first."""
        k = check_int("k", k, 1)
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [ClassScore(self.labels[i], float(self.probabilities[i])) for i in order]

    def as_dict(self, top: int = 5) -> dict[str, Any]:
        """The content of JSON output: label, score, accepted, none, top, timestamps in seconds, window_filled, region."""
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

    def _repr_html_(self) -> str:
        """For notebooks: a bar for each of the five most probable classes, and a picture if the clip is a file."""
        rows = [_ROW.format(label=escape(label), percent=100 * score) for label, score in self.top(5)]
        if self.none > 0:
            rows.append(_ROW.format(label="<i>none of these</i>", percent=100 * self.none))
        seconds = [f"{time:.2f}" for time in (self.start_timestamp, self.timestamp) if time is not None]
        span = f", {' to '.join(seconds)} s" if seconds else ""
        jpeg = None if self.picture is None else self.picture()
        image = "" if jpeg is None else _IMAGE.format(base64.b64encode(jpeg).decode())
        return f"<div>{image}<div><b>{escape(self.answer())}</b>{span}</div>{_TABLE}{''.join(rows)}</table></div>"

    def __str__(self) -> str:
        time = "" if self.timestamp is None else f"{self.timestamp:8.2f} s  "
        return time + self.answer(f"{self.label} {self.score:.2f}")


def check_threshold(threshold: float) -> float:
    return check_number("threshold", threshold, 0, 1)


def _rounded(seconds: Optional[float]) -> Optional[float]:
    return None if seconds is None else round(seconds, 6)
