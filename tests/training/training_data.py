"""Small data that several training tests share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgevid.training.fit import LabelledEmbeddings

LABELS = ["early", "middle", "late"]


def require_training_extra() -> None:
    """Skip the module where Keras or TensorFlow is absent."""
    reason = "training needs the extra: pip install 'edgevid[train]'"
    pytest.importorskip("tensorflow", reason=reason)
    pytest.importorskip("keras", reason=reason)


def synthetic(num_clips: int = 60, dim: int = 12, seed: int = 0) -> LabelledEmbeddings:
    """Three classes that differ only in when something happens: no single frame, nor the mean of all, tells them apart."""
    rng = np.random.default_rng(seed)
    classes = (np.arange(num_clips) % len(LABELS)).astype(np.int64)
    embeddings = rng.normal(0.0, 0.1, (num_clips, 25, dim)).astype(np.float32)
    for clip, start in zip(embeddings, 8 * classes):
        clip[start : start + 8] += 1.0
    return LabelledEmbeddings(embeddings, classes)


class Said:
    """A reporter that keeps its messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        self.lines += ["  ".join(row) for row in rows]

    def tick(self, text: str) -> None:
        pass

    step = tick
