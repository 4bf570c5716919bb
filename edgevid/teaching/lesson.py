"""The training data of a network that is mixed with the statistics, and the result of its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from ..embedders import Array, Window


class Lesson(NamedTuple):
    """Embedded clips, and windows of the stream's length cut from them.

    Attributes:
        streams: for each clip, then for mirror images in the same order (or none), the embeddings of a stream over it.
        classes: for each clip, from 0. groups: for each clip. num_classes: in all.
        windows: windows to predict with the clip's group held out. owners: their clips' numbers.
        num_samples, min_samples: number of samples in a full window, and in the shortest that is predicted.
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
        entry: the card's entry for it: its kind, and what :func:`edgevid.bundles.open_bundle` reads.
        training: the card's entry for its training.
        probabilities: for each window of the lesson, by a network not trained on its group, float32 ``[N, K]``.
    """

    content: bytes
    entry: dict[str, Any]
    training: dict[str, Any]
    probabilities: Array


class NetworkTrainer(Protocol):
    """Trains a network on a lesson."""

    def __call__(self, lesson: Lesson) -> TrainedNetwork:
        """Train it."""
