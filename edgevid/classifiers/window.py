"""The window: a ring buffer of the most recent embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import FrameError


class EmbeddingWindow:
    """The ``size`` most recent embeddings, oldest first.

    Memory is allocated once. Each embedding is written twice, ``size`` rows apart, so that the ordered window is always
    one contiguous slice: push costs two row copies and the view costs nothing, whatever the size.

    Args:
        size: number of embeddings (25 for the thesis's classifiers).
        dim: numbers in one embedding.
    """

    def __init__(self, size: int, dim: int) -> None:
        self.size = size
        self.dim = dim
        self._buffer = np.zeros((2 * size, dim), dtype=np.float32)
        self._next = 0
        self._count = 0

    def __len__(self) -> int:
        """Embeddings held, at most ``size``."""
        return self._count

    @property
    def full(self) -> bool:
        return self._count == self.size

    def push(self, embedding: NDArray[np.float32]) -> None:
        """Add the newest embedding, float32 ``[dim]``; the oldest leaves a full window."""
        if embedding.shape != (self.dim,):
            raise FrameError(f"An embedding of shape {list(embedding.shape)} was given; expected [{self.dim}].")
        self._buffer[self._next] = embedding
        self._buffer[self._next + self.size] = embedding
        self._next = (self._next + 1) % self.size
        self._count = min(self._count + 1, self.size)

    def view(self) -> NDArray[np.float32]:
        """The embeddings held, oldest first: float32 ``[len(self), dim]``.

        A read-only view of the buffer: copy it to keep it past the next :meth:`push`.
        """
        end = self._next + self.size
        view = self._buffer[end - self._count : end]
        view.flags.writeable = False
        return view

    def reset(self) -> None:
        """Forget all embeddings."""
        self._next = 0
        self._count = 0
