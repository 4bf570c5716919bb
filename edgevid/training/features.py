"""The embeddings of all clips of a data set, as arrays to train on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import numpy as np
from numpy.typing import NDArray

from ..embedders.cnn import Extractor
from ..sampling import FRAMES_PER_CLIP
from ..support.user_folders import cache_folder
from .dataset import Clip
from .extraction import Extracted, ExtractionError, Recipe, extract, read_embeddings

# Told how many clips are done, of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class FeatureSet:
    """Embedded clips.

    Attributes:
        clips: those that could be read, in the order given.
        embeddings: float32 ``[len(clips), 25, D]``, frames in time order.
        skipped: clips that could not be read, and why.
    """

    clips: list[Clip]
    embeddings: NDArray[np.float32]
    skipped: list[tuple[Clip, str]]


def default_cache() -> Path:
    """Where embeddings are kept unless the caller says otherwise."""
    return cache_folder() / "embeddings"


def embed_clips(
    extractor: Extractor,
    extractor_sha256: str,
    clips: Sequence[Clip],
    cache: Path,
    progress: Optional[Progress] = None,
    *,
    input_range: tuple[float, float] = (-1.0, 1.0),
    executor: Optional[Executor] = None,
) -> FeatureSet:
    """Embed clips, or take their embeddings from the cache.

    Args:
        extractor_sha256: of the extractor's file: embeddings of another extractor are not taken.
        cache: a folder; made if absent. See :func:`edgevid.training.extraction.extract`.
        progress: called after each clip.
        input_range: with which the extractor was opened.
        executor: whose workers embed; each opens the extractor's file itself. Default: this process, with ``extractor``.

    Raises:
        EdgevidError: the cache cannot be written, or a worker ended. Clips that cannot be read are skipped, see
            :class:`FeatureSet`.
    """
    path, runtime = extractor.model.path, extractor.model.runtime.name
    recipe = Recipe(path.stem, str(path.absolute()), extractor_sha256, input_range, runtime)
    outcomes: dict[int, Extracted] = {}
    with closing(extract(recipe, [clip.path for clip in clips], cache, executor, extractor)) as extracting:
        for index, outcome in extracting:
            outcomes[index] = outcome
            if progress is not None:
                progress(len(outcomes), len(clips))
    files = [(clip, outcomes[index].file) for index, clip in enumerate(clips)]
    good = [(clip, file) for clip, file in files if file is not None]
    embeddings = np.empty((len(good), FRAMES_PER_CLIP, extractor.dim), np.float32)
    for row, (_, file) in enumerate(good):
        made = read_embeddings(file)
        if made is None:
            raise ExtractionError(f"{file} vanished or was damaged after it was written; run the same again.")
        embeddings[row] = made
    skipped = [(clip, outcomes[index].problem) for index, clip in enumerate(clips) if outcomes[index].file is None]
    return FeatureSet([clip for clip, _ in good], embeddings, skipped)
