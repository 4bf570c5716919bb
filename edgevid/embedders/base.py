"""The interface of every embedder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..frames import Region
from ..sampling import Sample, SampleSpec, Track
from ..support.text import brief

Array = NDArray[np.float32]


class Embedder(ABC):
    """Turns samples into embeddings: float32 ``[dim]`` for each sample.

    A class of your own needs ``dim``, ``identity`` and :meth:`embed`; the rest has defaults.

    Attributes:
        dim: size of an embedding.
        frame_offsets: the frames of a sample: seconds before its time, each 0 or below.
        samples_per_second: its own rate; None: the bundle's samples.
        scene_cut_threshold: distance of its embeddings at a cut, see ``embedders/scene_cut.py``; None: it cannot detect cuts.
        enough_pixels: frames with sides of this many pixels are enough for it: larger ones may be halved first, as long as the
            sides stay at least that long. None: it needs whole frames.
    """

    dim: int
    frame_offsets: tuple[float, ...] = (0.0,)
    samples_per_second: Optional[float] = None
    scene_cut_threshold: Optional[float] = None
    enough_pixels: Optional[int] = None

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """Everything that its embeddings depend on, as JSON for cards and caches. ``kind`` names the embedder."""

    @abstractmethod
    def embed(self, sample: Sample) -> Array:
        """The embedding, float32 ``[dim]``, of a sample with a frame for each of :attr:`frame_offsets`."""

    def __repr__(self) -> str:
        return brief(self, f"{self.dim} numbers a sample")

    @property
    def region(self) -> Optional[Region]:
        """The part of the newest frame that its last embedding is of; None if it does not choose one."""
        return None

    @property
    def cut(self) -> Optional[bool]:
        """Whether a cut just before its last sample made it start anew; None: it does not detect cuts itself.

        :func:`~edgevid.embedders.motion.fresh_embedders` decides whether it does.
        """
        return None

    @property
    def still(self) -> Optional[bool]:
        """Whether nothing moves in the scene, as of its last sample; None: unknown."""
        return None

    def motion(self, rows: Array) -> Optional[Array]:
        """The motion in embeddings ``[n, dim]``: float32 ``[n, any]`` whose sign changes with the direction.

        None, the default, for embeddings that show appearance. Repetitions can be counted in both.
        """
        return None

    def fresh(self) -> Embedder:
        """A new embedder without history, for one stream or clip.

        An embedder with a memory (of where things moved, for example) returns a new one that shares its networks. One without
        may return itself.
        """
        return self

    def close(self) -> None:  # noqa: B027 - nothing to free is the default
        """Free its networks. A second call does nothing."""

    @property
    def track(self) -> Track:
        """The samples it needs."""
        return Track(tuple(self.frame_offsets), self.samples_per_second)


def spec_for(embedders: Sequence[Embedder], num_samples: int, window_seconds: float) -> SampleSpec:
    """The samples that several embedders need."""
    return SampleSpec(num_samples, window_seconds, tuple(embedder.track for embedder in embedders))


def embed_checked(embedder: Embedder, sample: Sample) -> Array:
    """The embedding of a sample.

    Raises:
        ModelError: the result is not float32 ``[dim]``, or not finite.
    """
    embedding = embedder.embed(sample)
    if not isinstance(embedding, np.ndarray) or embedding.dtype != np.float32 or embedding.shape != (embedder.dim,):
        given = (
            f"{embedding.dtype} {list(embedding.shape)}" if isinstance(embedding, np.ndarray) else repr(type(embedding))
        )
        raise ModelError(
            f"The embedder {embedder.identity.get('kind')!r} gave {given}; expected float32 [{embedder.dim}]."
        )
    # If the sum is finite, so are its terms. But the sum of finite numbers may be too large for float32.
    if not np.isfinite(embedding.sum()) and not np.isfinite(embedding).all():
        raise ModelError(
            f"The embedder {embedder.identity.get('kind')!r} gave numbers that are not finite; its weights may be damaged."
        )
    return embedding
