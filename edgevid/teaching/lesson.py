"""What a network that is to be mixed with the statistics is trained on, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from ..embedders import Array, Window


class Lesson(NamedTuple):
    """Embedded clips, and windows of the stream's length that were cut out of them.

    Attributes:
        streams: of each clip, then of mirror images in the same order (or none), what a stream over it gives.
        classes: of each clip, from 0. groups: of each clip. num_classes: in all.
        windows: to predict with the clip's group held out. owners: their clips' numbers.
        num_samples, min_samples: of a full window, and of the shortest that is predicted.
    """

    streams: Sequence[Window]
    classes: NDArray[Any]
    groups: Sequence[str]
    num_classes: int
    windows: Sequence[Window]
    owners: NDArray[Any]
    num_samples: int
    min_samples: int


class TrainedNetwork(NamedTuple):
    """A network that was trained on all clips.

    Attributes:
        content: its ``.tflite`` file.
        entry: what the card says of it: its kind, and what :func:`edgevid.bundles.open_bundle` reads.
        training: what the card says of its training.
        probabilities: of each window of the lesson by a network that was not trained on its group, float32 ``[N, K]``.
    """

    content: bytes
    entry: dict[str, Any]
    training: dict[str, Any]
    probabilities: Array


class NetworkTrainer(Protocol):
    """Trains a network on a lesson."""

    def __call__(self, lesson: Lesson) -> TrainedNetwork:
        """Train it."""
