"""The embeddings of a window: the input of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Optional

import numpy as np

from ..sampling import uniform_indices
from ..support.text import brief
from .base import Array


class Embedding(NamedTuple):
    """The embeddings of one sample.

    Attributes:
        rows: for each embedder, float32 ``[n, dim]``: n is 1, or, for an embedder with a rate of its own, the number of rows
            since the previous sample (0 or more).
        timestamp: seconds, of the sample; None for a clip given as frames.
        still: whether nothing moves there, as far as the embedders can tell.
    """

    rows: tuple[Array, ...]
    timestamp: Optional[float] = None
    still: bool = False


class Window:
    """The embeddings of a window, or of a clip, oldest first.

    Args:
        steps: the embeddings of each sample.
    """

    def __init__(self, steps: Sequence[Embedding]) -> None:
        self.steps = tuple(steps)

    @classmethod
    def of(cls, embeddings: Array) -> Window:
        """A window of one embedder's embeddings, float32 ``[n, dim]``."""
        return cls([Embedding((embeddings[k : k + 1],)) for k in range(len(embeddings))])

    def __repr__(self) -> str:
        return brief(self, f"{len(self)} samples")

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.steps)

    @cached_property
    def rows(self) -> tuple[Array, ...]:
        """Each embedder's embeddings, float32 ``[n, dim]``, all of them: n is larger for one with a denser rate."""
        return tuple(np.concatenate(parts) for parts in zip(*(step.rows for step in self.steps)))

    @cached_property
    def aligned(self) -> Array:
        """One row per sample, float32 ``[samples, sum of dims]``: the embeddings of all embedders, concatenated.

        For an embedder with a denser rate it is the mean of the rows since the previous sample; without any, the last one's.
        """
        columns = [_means([step.rows[k] for step in self.steps]) for k in range(len(self.steps[0].rows))]
        return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)

    def stretched(self, num_samples: int) -> Window:
        """A window of so many samples: if there are fewer, samples are repeated, as for a short clip."""
        if len(self) == num_samples:
            return self
        return Window([self.steps[i] for i in uniform_indices(len(self), num_samples)])


def aligned_row(embedding: Embedding, before: Optional[Array] = None) -> Array:
    """One sample's row of :attr:`Window.aligned`, float32 ``[sum of dims]``.

    Args:
        before: the previous row, for embedders without a new one; default: zeros.
    """
    if len(embedding.rows) == 1 and len(embedding.rows[0]) == 1:
        row: Array = embedding.rows[0][0]
        return row
    parts, start = [], 0
    for rows in embedding.rows:
        end = start + rows.shape[1]
        held = np.zeros(end - start, np.float32) if before is None else before[start:end]
        parts.append(rows.mean(axis=0) if len(rows) else held)
        start = end
    return np.concatenate(parts)


def _means(parts: Sequence[Array]) -> Array:
    if all(len(part) == 1 for part in parts):
        return np.concatenate(parts)
    means: list[Array] = []
    for part in parts:
        if len(part):
            means.append(part.mean(axis=0))
        else:
            means.append(means[-1] if means else np.zeros(part.shape[1], np.float32))
    return np.stack(means)
