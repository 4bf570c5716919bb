"""Skips samples that look like the one before: an empty room costs next to nothing."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..frames import Region
from ..sampling import Sample
from .base import Array, Embedder, embed_checked
from .motion import Motion, MotionEmbedder
from .region import Grey, is_motion

# An embedding is reused for this long: light changes too slowly to be noticed from one sample to the next.
_MOST_SECONDS = 5.0


class _Made(NamedTuple):
    """An embedding, and its input: ``still`` if all frames of the sample look alike."""

    embedding: Array
    newest: Grey
    region: Optional[Region]
    timestamp: float
    still: bool


class StillSkipper:
    """Reuses the last embedding while nothing moves, by the measure of :class:`~edgevid.embedders.region.RegionTracker`.

    Nothing moves if all frames of a sample look alike, and like those of the sample that was embedded last, which must also
    look alike. A new embedding is made after five seconds at the latest.

    Args:
        count: number of embedders.

    Attributes:
        skipped: number of embeddings that were reused.
    """

    def __init__(self, count: int) -> None:
        self.skipped, self._count = 0, count
        self.forget()

    def forget(self) -> None:
        """A new scene begins."""
        self._made: list[Optional[_Made]] = [None] * self._count
        self._pictures = Motion(1.0)  # for embedders that do not follow motion

    def embed(self, number: int, embedder: Embedder, sample: Sample) -> Array:
        """Embed a sample with an embedder, given its number. Raises: ModelError, see :func:`embed_checked`."""
        motion = self._pictures
        if isinstance(embedder, MotionEmbedder):
            motion = embedder.seen
            motion.follow(sample)
        *older, newest = [picture.small for picture in motion.pictures(sample)]
        still = not any(is_motion(one, newest) for one in older)
        made = self._made[number]
        if made is not None and still and made.still and self._may_stand(made, embedder, newest, sample.timestamp):
            self.skipped += 1
            return made.embedding
        embedding = embed_checked(embedder, sample)
        self._made[number] = _Made(embedding, newest, embedder.region, sample.timestamp, still)
        return embedding

    def _may_stand(self, made: _Made, embedder: Embedder, newest: Grey, timestamp: float) -> bool:
        recent = timestamp - made.timestamp < _MOST_SECONDS
        return recent and made.region == embedder.region and not is_motion(made.newest, newest)
