"""An embedder and a classifier that keep what they are given: an embedding is the number in the frame."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from edgevid import Recognizer, Stream, StreamOptions
from edgevid.classifiers import Classifier
from edgevid.embedders import Array, Embedder, Window
from edgevid.sampling import Sample

from .videos import number_of


class Numbers(Embedder):
    """``embedded``: the numbers in the frames so far."""

    dim = 1

    def __init__(self) -> None:
        self.embedded: list[int] = []

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "numbers"}

    def embed(self, sample: Sample) -> Array:
        self.embedded.append(number_of(sample.frames[-1]))
        return np.array([self.embedded[-1]], np.float32)


class Windows(Classifier):
    """``windows``: the numbers in each window classified. ``score``: its last number -> the probability of the second class."""

    num_samples, num_classes, dim = 25, 2, 1

    def __init__(self, score: Callable[[int], float]) -> None:
        self.windows: list[list[int]] = []
        self._score = score

    def predict(self, window: Window) -> Array:
        rows = window.stretched(25).aligned
        assert rows.shape == (25, 1)
        self.windows.append(rows[:, 0].astype(int).tolist())
        score = self._score(self.windows[-1][-1])
        return np.array([1 - score, score], np.float32)


class Counting(Recognizer):
    """A recogniser that uses both, with windows of 2.5 s and a sample every 0.1 s."""

    def __init__(self, score: Callable[[int], float] = lambda last: 0.75) -> None:
        self.numbers, self.kept = Numbers(), Windows(score)
        super().__init__([self.numbers], self.kept, ("a", "b"), window_seconds=2.5)

    @property
    def embedded(self) -> list[int]:
        return self.numbers.embedded

    @property
    def windows(self) -> list[list[int]]:
        return self.kept.windows

    def open(self, window_seconds: float = 2.5, hop: int = 1, min_filled: float = 1.0) -> Stream:
        return self.open_stream(
            StreamOptions(window_seconds=window_seconds, hop=hop, min_filled=min_filled, threshold=0.5)
        )
