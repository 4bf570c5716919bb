"""Embeds the samples of frames that arrive one by one: sampler -> embedders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from ..frames import WHOLE, Frame, Region, check_frame
from ..sampling import Clip, Sample, SampleSpec, StreamSampler
from ..sampling.clip import count_frames
from ..sources import VideoFile
from .base import Array, Embedder, embed_checked
from .motion import fresh_embedders
from .region import reduced
from .still import StillSkipper
from .window import Embedding, Window

_FPS = 25.0  # of a clip that is given as frames


class Made(NamedTuple):
    """The result of a frame.

    Attributes:
        embeddings: of the samples that it completes: usually none between two of them, several if it is used for several.
        between: for each embedder, the rows since the last sample of the bundle, or since a cut.
        cut: whether an embedder detected a cut since the last sample of the bundle: they belong to another scene.
        frame: the frame, as the embedders see it.
        own: whether it no longer uses the caller's memory.
    """

    embeddings: tuple[Embedding, ...]
    between: list[tuple[Array, ...]]
    cut: bool
    frame: Frame
    own: bool


class StreamEmbedder:
    """Samples the frames of one stream and embeds the samples. One thread uses it at a time.

    :meth:`make` changes only the embedders' memory; :meth:`take` takes the frame. So a failure between them leaves the
    stream as it was before the frame.

    Args:
        embedders: each is asked for a new one.
        spec: the samples.
        cuts: whether embedders that can detect cuts do so, and start anew after each.
        skip_still: skip samples that look like the one before.
    """

    def __init__(
        self, embedders: Sequence[Embedder], spec: SampleSpec, *, cuts: bool = False, skip_still: bool = False
    ) -> None:
        self._sampler = StreamSampler(spec)
        self._embedders, self._look_for_cuts = fresh_embedders(embedders, cuts), cuts
        self._between: list[tuple[Array, ...]] = [() for _ in embedders]
        self._cut = False
        self._stills = StillSkipper(len(embedders)) if skip_still else None
        enough = [embedder.enough_pixels for embedder in embedders]
        self._enough = None if None in enough else max((side for side in enough if side is not None), default=None)

    @property
    def spec(self) -> SampleSpec:
        return self._sampler.spec

    @property
    def skipped(self) -> int:
        """Number of embeddings that were reused by ``skip_still``."""
        return 0 if self._stills is None else self._stills.skipped

    @property
    def region(self) -> Optional[Region]:
        """The region of the newest sample's frame, by the first embedder that chooses one; None: the whole frame."""
        chosen = next((embedder.region for embedder in self._embedders if embedder.region is not None), WHOLE)
        return None if chosen == WHOLE else chosen

    def wants(self, timestamp: float) -> bool:
        """Whether a frame taken at ``timestamp`` (seconds) would be used, for a sample now or later. Changes nothing."""
        return self._sampler.wants(timestamp)

    def make(self, frame: Frame, timestamp: float) -> Made:
        """Embed the samples that a frame completes.

        Raises:
            FrameError: not a frame. TimestampError: not finite, or before the last one. ModelError: an embedder failed.
        """
        given = check_frame(frame)
        timestamp = self._sampler.check(timestamp)
        if self._enough is not None and self._sampler.wants(timestamp):
            frame = reduced(frame, self._enough)
        due = self._sampler.due(frame, timestamp)
        made = [
            (self._embed(number, one.sample),) * one.ticks if one is not None else () for number, one in enumerate(due)
        ]
        cut = any(embedder.cut for embedder, one in zip(self._embedders, due) if one is not None)
        between = made if cut else [before + new for before, new in zip(self._between, made)]
        cut = cut or self._cut
        ticks = self._sampler.ticks_due(timestamp)
        if not ticks:
            return Made((), between, cut, frame, frame is not given)
        columns = [self._by_sample(k, rows, ticks) for k, rows in enumerate(between)]
        told = [embedder.still for embedder in self._embedders if embedder.still is not None]
        still = bool(told) and all(told)
        embeddings = (Embedding(tuple(column[i] for column in columns), timestamp, still) for i in range(ticks))
        return Made(tuple(embeddings), [() for _ in between], cut, frame, frame is not given)

    def take(self, made: Made, timestamp: float) -> None:
        """Take the frame of ``made``."""
        self._between = made.between
        self._cut = made.cut and not made.embeddings
        self._sampler.advance(made.frame, self._sampler.check(timestamp), own=made.own)

    def reset(self) -> None:
        """A new scene begins: forget everything."""
        self._sampler.reset()
        self._embedders = fresh_embedders(self._embedders, self._look_for_cuts)
        self._between = [() for _ in self._between]
        self._cut = False
        if self._stills is not None:
            self._stills.forget()

    def _embed(self, number: int, sample: Sample) -> Array:
        embedder = self._embedders[number]
        return embed_checked(embedder, sample) if self._stills is None else self._stills.embed(number, embedder, sample)

    def _by_sample(self, k: int, rows: tuple[Array, ...], ticks: int) -> list[Array]:
        """The rows of embedder ``k`` for each of so many samples, float32 ``[n, dim]``."""
        if self.spec.tracks[k].samples_per_second is None:
            return [rows[-1][np.newaxis]] * ticks
        stacked = np.stack(rows) if rows else np.zeros((0, self._embedders[k].dim), np.float32)
        return np.array_split(stacked, ticks)


def embed_as_stream(
    embedders: Sequence[Embedder], clip: Clip, spec: SampleSpec, *, mirrored: bool = False
) -> list[Embedding]:
    """The embeddings that a stream over a finished clip gives, one for each sample.

    Args:
        embedders: one for each track of ``spec``.
        clip: path of a video file; or its frames, uint8 ``[N, H, W, 3]`` RGB or a sequence of frames, 25 a second.
        mirrored: embed the mirror image of each frame.

    Raises:
        SourceError: the file cannot be read. FrameError: the frames are invalid, or there are none.
    """
    stream = StreamEmbedder(embedders, spec)
    steps: list[Embedding] = []

    def push(frame: Frame, timestamp: float) -> None:
        frame = np.ascontiguousarray(frame[:, ::-1]) if mirrored else frame
        made = stream.make(frame, timestamp)
        steps.extend(made.embeddings)
        stream.take(made, timestamp)

    if isinstance(clip, (str, Path)):
        with VideoFile(clip) as video:
            for timestamp, frame in video.frames(stream.wants):
                push(frame, timestamp)
    else:
        for number in range(count_frames(clip)):
            if stream.wants(number / _FPS):
                push(clip[number], number / _FPS)
    return steps


def cut_windows(steps: Sequence[Embedding], num_samples: int, hop: int = 1) -> list[Window]:
    """Full windows of a stream's embeddings, one every ``hop`` samples, including the newest; with fewer samples one of all."""
    if len(steps) <= num_samples:
        return [Window(steps)]
    ends = range(len(steps), num_samples - 1, -hop)
    return [Window(steps[end - num_samples : end]) for end in reversed(ends)]
