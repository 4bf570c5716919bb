"""What the embedders made of a window's samples: what classifiers are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Optional

import numpy as np

from ..sampling import uniform_indices
from ..support.text import brief
from .base import Array


class Embedding(NamedTuple):
    """What came of one sample.

    Attributes:
        rows: for each embedder, float32 ``[n, dim]``: n is 1, or for an embedder with a rate of its own what came since the
            sample before (0 or more).
        timestamp: seconds, of the sample; None of a clip given as frames.
        still: whether nothing moves there, as far as the embedders tell.
    """

    rows: tuple[Array, ...]
    timestamp: Optional[float] = None
    still: bool = False


class Window:
    """The embeddings of a window, or of a clip, oldest first.

    Args:
        steps: what came of each sample.
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
        """Samples."""
        return len(self.steps)

    @cached_property
    def rows(self) -> tuple[Array, ...]:
        """Each embedder's embeddings, float32 ``[n, dim]``, all of them: n is larger for one with a denser rate."""
        return tuple(np.concatenate(parts) for parts in zip(*(step.rows for step in self.steps)))

    @cached_property
    def aligned(self) -> Array:
        """One row a sample, float32 ``[samples, sum of dims]``: all embedders side by side.

        Of one with a denser rate it is the mean of what came since the sample before; where nothing came, the last one's.
        """
        columns = [_means([step.rows[k] for step in self.steps]) for k in range(len(self.steps[0].rows))]
        return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)

    def stretched(self, num_samples: int) -> Window:
        """A window of so many samples: of one that is not full, samples are repeated, as those of a short clip are."""
        if len(self) == num_samples:
            return self
        return Window([self.steps[i] for i in uniform_indices(len(self), num_samples)])


def aligned_row(embedding: Embedding, before: Optional[Array] = None) -> Array:
    """One sample's row of :attr:`Window.aligned`, float32 ``[sum of dims]``.

    Args:
        before: the row before, for embedders that nothing came of; default: zeros.
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
