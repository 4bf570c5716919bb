"""The interface of every classifier, and the rolling state of one that classifies whole windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Optional, Protocol

from ..embedders.base import Array
from ..embedders.window import Embedding, Window
from ..support.checks import check_int, check_number
from ..support.text import brief


class Rolling(Protocol):
    """The state of one stream. One thread uses it at a time.

    It holds the ring buffer of the newest embeddings, the classifier's own state, and the only count of samples. A push takes
    effect once it has succeeded: if it raises, also by Ctrl-C, everything stays as it was.
    """

    def push(self, *embeddings: Embedding) -> Optional[Array]:
        """Add the embeddings of a sample; or of several, if one frame is used for them.

        Returns:
            Class probabilities, float32 ``[num_classes]``, of the newest window that is due; None if none is.
        """

    def reset(self) -> None:
        """Forget everything: a new scene begins."""

    @property
    def steps(self) -> tuple[Embedding, ...]:
        """The content of the ring buffer, oldest first."""

    @property
    def filled(self) -> float:
        """How much of the window is filled, 0 to 1."""


class Classifier(ABC):
    """Turns a window of embeddings into class probabilities.

    Your own class needs the attributes and :meth:`predict`; its windows are then classified one by one as they are due.

    Attributes:
        num_samples: number of samples in a window.
        num_classes: number of probabilities.
        dim: total size of the embedders' embeddings; None: any.
    """

    num_samples: int
    num_classes: int
    dim: Optional[int] = None

    @abstractmethod
    def predict(self, window: Window) -> Array:
        """Class probabilities, float32 ``[num_classes]``, sum 1. A window at a stream's start may have fewer samples."""

    def __repr__(self) -> str:
        return brief(self, f"{self.num_classes} classes", f"windows of {self.num_samples} samples")

    def rolling(self, hop: int = 1, min_filled: float = 1.0) -> Rolling:
        """The state of a stream.

        Args:
            hop: predict at every hop-th sample.
            min_filled: the part of the window, 0 to 1, that must be filled before the first prediction.
        """
        return RollingWindow(self, hop, min_filled)

    def close(self) -> None:  # noqa: B027 - nothing to free is the default
        """Free what it holds. A second call does nothing."""


class Now(NamedTuple):
    """A stream's state. It is replaced as a whole, in one step, so that an interrupt finds the old one or the new one.

    Attributes:
        carried: the classifier's own state from sample to sample.
    """

    steps: tuple[Embedding, ...] = ()
    samples: int = 0
    predicted: bool = False
    carried: Any = None


class RollingWindow:
    """Classifies the whole window for each prediction that is due. Classifiers with a state of their own derive from it."""

    def __init__(self, classifier: Classifier, hop: int, min_filled: float) -> None:
        self._classifier = classifier
        self._size = classifier.num_samples
        self._hop = check_int("hop", hop, 1)
        self._min_filled = check_number("min_filled", min_filled, 0, 1)
        self._now = self.begin()

    @property
    def steps(self) -> tuple[Embedding, ...]:
        return self._now.steps

    @property
    def filled(self) -> float:
        return len(self._now.steps) / self._size

    def reset(self) -> None:
        self._now = self.begin()

    def push(self, *embeddings: Embedding) -> Optional[Array]:
        probabilities, now = self.advance(self._now, embeddings)
        self._now = now
        return probabilities

    def begin(self) -> Now:
        """The state at the start of a stream."""
        return Now()

    def advance(self, now: Now, embeddings: tuple[Embedding, ...]) -> tuple[Optional[Array], Now]:
        """The result of a push, and the state after it. ``now`` is not changed."""
        due = self.newest_due(now.samples, len(embeddings), now.predicted)
        probabilities, carried = self.classify(now, embeddings, due)
        steps = self.after(now.steps, embeddings)
        return probabilities, Now(steps, now.samples + len(embeddings), now.predicted or bool(due), carried)

    def classify(self, now: Now, embeddings: tuple[Embedding, ...], due: int) -> tuple[Optional[Array], Any]:
        """The prediction due at sample ``due`` of those pushed (0: none), and the classifier's new state."""
        window = Window(self.after(now.steps, embeddings[:due]))
        return self._classifier.predict(window) if due else None, None

    def after(self, steps: tuple[Embedding, ...], embeddings: tuple[Embedding, ...]) -> tuple[Embedding, ...]:
        """The content of the ring buffer after more samples."""
        return (*steps, *embeddings)[-self._size :]

    def newest_due(self, count: int, more: int, predicted: bool) -> int:
        """At which of ``more`` samples after ``count`` a prediction is due, from 1; the newest of several. 0: none."""
        for k in range(more, 0, -1):
            if self._is_due(count + k, predicted):
                return k
        return 0

    def _is_due(self, samples: int, predicted: bool) -> bool:
        """Whether it is the first full window, or one every hop after it, or an early one, if requested."""
        on_hop = (samples - self._size) % self._hop == 0
        if samples >= self._size:
            return on_hop
        # 0.28 * 25 is a little more than 7.
        return samples >= self._min_filled * self._size - 1e-9 and (on_hop or not predicted)
