"""Embeds a finished clip, for training and classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from ..sampling import Clip, ClipSample, SampleSpec, sample_clip
from ..sampling.clip import ClipTimes, Misjudged
from .base import Array, Embedder, embed_checked
from .motion import fresh_embedders
from .window import Embedding, Window


def embed_clip(embedders: Sequence[Embedder], clip: Clip, spec: SampleSpec) -> Window:
    """The embeddings of samples uniformly distributed over a clip.

    Args:
        embedders: one for each track of ``spec``.
        clip: path of a video file, or its frames: uint8 ``[N, H, W, 3]`` RGB or a sequence of frames.

    Returns:
        A window of ``spec.num_samples`` samples, with their times if the clip is a file.

    Raises:
        SourceError: the file cannot be read. FrameError: the frames are invalid, or there are none.
    """
    timestamps: Sequence[float] = ()
    known: dict[tuple[int, tuple[int, ...]], Array] = {}
    while True:
        made = _Made(embedders, known)
        try:
            samples = sample_clip(clip, spec, timestamps)
            while True:
                made.add(next(samples))
        except StopIteration as end:
            return made.window(end.value)
        except Misjudged as wrong:
            timestamps = wrong.timestamps


class _Made:
    """The embeddings of each track so far, each with the index of its newest frame.

    Args:
        known: track and frames -> embedding, from an earlier pass, for embedders without memory.
    """

    def __init__(self, embedders: Sequence[Embedder], known: dict[tuple[int, tuple[int, ...]], Array]) -> None:
        self._embedders = fresh_embedders(embedders)
        self._remembers = [fresh is not embedder for fresh, embedder in zip(self._embedders, embedders)]
        self._known = {key: row for key, row in known.items() if not self._remembers[key[0]]}
        self._all = known
        self._made: list[list[tuple[int, Array]]] = [[] for _ in embedders]

    def add(self, one: ClipSample) -> None:
        key = (one.track, one.frame_indices)
        if key not in self._known:
            self._known[key] = self._all[key] = embed_checked(self._embedders[one.track], one.sample)
        self._made[one.track].append((one.frame_index, self._known[key]))

    def window(self, times: ClipTimes) -> Window:
        """The rows by sample; rows of a denser track belong to the next sample after them."""
        columns = [
            _rows(rows) if embedder.samples_per_second is None else _by_sample(rows, times.frame_indices)
            for embedder, rows in zip(self._embedders, self._made)
        ]
        stamps: Sequence[Optional[float]] = times.timestamps or [None] * len(times.frame_indices)
        return Window([Embedding(tuple(rows), stamp) for *rows, stamp in zip(*columns, stamps)])


def _rows(made: Sequence[tuple[int, Array]]) -> list[Array]:
    return [row[np.newaxis] for _, row in made]


def _by_sample(made: Sequence[tuple[int, Array]], newest: Sequence[int]) -> list[Array]:
    """The rows of a denser track, float32 ``[n, dim]`` for each sample; rows after the last sample belong to it."""
    ends = np.searchsorted([index for index, _ in made], newest, side="right")
    return np.split(np.stack([row for _, row in made]), ends[:-1])
