"""What every embedder offers."""

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
    """Turns samples into embeddings: float32 ``[dim]`` of one sample.

    A class of your own needs ``dim``, ``identity`` and :meth:`embed`; the rest has defaults.

    Attributes:
        dim: numbers in an embedding.
        frame_offsets: which frames a sample has: seconds before its time, each 0 or below.
        samples_per_second: a rate of its own; None: the bundle's samples.
        scene_cut_threshold: how far its embeddings lie apart at a cut, see ``embedders/scene_cut.py``; None: it cannot tell.
        enough_pixels: a frame with sides of so many pixels tells it enough: larger ones may be halved first, as often as the
            sides stay at least so long. None: it looks at whole frames.
    """

    dim: int
    frame_offsets: tuple[float, ...] = (0.0,)
    samples_per_second: Optional[float] = None
    scene_cut_threshold: Optional[float] = None
    enough_pixels: Optional[int] = None

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """All that its embeddings depend on, for cards and caches: JSON. ``kind`` names the embedder."""

    @abstractmethod
    def embed(self, sample: Sample) -> Array:
        """The embedding, float32 ``[dim]``, of a sample with a frame for each of :attr:`frame_offsets`."""

    def __repr__(self) -> str:
        return brief(self, f"{self.dim} numbers a sample")

    @property
    def region(self) -> Optional[Region]:
        """The part of the newest frame that its last embedding is of; None: of an embedder that does not choose one."""
        return None

    @property
    def cut(self) -> Optional[bool]:
        """Whether the scene was cut just before its last sample, so that it began anew; None: it does not look for cuts itself.

        It looks for them where :func:`~edgevid.embedders.motion.fresh_embedders` made it so.
        """
        return None

    @property
    def still(self) -> Optional[bool]:
        """Whether nothing moves in the scene, as of its last sample; None: it does not tell."""
        return None

    def motion(self, rows: Array) -> Optional[Array]:
        """How things move, of embeddings ``[n, dim]``: float32 ``[n, any]`` that changes sign with the direction.

        None, the default: they show how things look. Repetitions are counted in either.
        """
        return None

    def fresh(self) -> Embedder:
        """An embedder that has seen nothing yet, for one stream or clip.

        One that remembers what it saw (where things moved, for example) gives a new one that shares its networks. One that does
        not is always fresh.
        """
        return self

    def close(self) -> None:  # noqa: B027 - nothing to free is the default
        """Free its networks. A second call does nothing."""

    @property
    def track(self) -> Track:
        """The samples that it needs."""
        return Track(tuple(self.frame_offsets), self.samples_per_second)


def spec_for(embedders: Sequence[Embedder], num_samples: int, window_seconds: float) -> SampleSpec:
    """The samples that embedders side by side need."""
    return SampleSpec(num_samples, window_seconds, tuple(embedder.track for embedder in embedders))


def embed_checked(embedder: Embedder, sample: Sample) -> Array:
    """The embedding of a sample.

    Raises:
        ModelError: the embedder gave something else than float32 ``[dim]``, or numbers that are not finite.
    """
    embedding = embedder.embed(sample)
    if not isinstance(embedding, np.ndarray) or embedding.dtype != np.float32 or embedding.shape != (embedder.dim,):
        given = (
            f"{embedding.dtype} {list(embedding.shape)}" if isinstance(embedding, np.ndarray) else repr(type(embedding))
        )
        raise ModelError(
            f"The embedder {embedder.identity.get('kind')!r} gave {given}; expected float32 [{embedder.dim}]."
        )
    # Numbers whose sum is finite are so themselves; the sum of finite ones may be too large for float32.
    if not np.isfinite(embedding.sum()) and not np.isfinite(embedding).all():
        raise ModelError(
            f"The embedder {embedder.identity.get('kind')!r} gave numbers that are not finite; its weights may be damaged."
        )
    return embedding
