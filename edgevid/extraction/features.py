"""The embeddings of all clips of a data set, to train on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Callable, Optional

import numpy as np

from ..datasets.clips import Clip
from ..embedders import Array, Window
from ..support.system import system_errors
from ..support.user_folders import cache_folder
from .cache import Extracted, ExtractionError, extract, read_window
from .config import EmbeddingConfig

# Called with the number of clips done, and their total.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EmbeddedClips:
    """Embedded clips.

    Attributes:
        clips: the readable ones, in the order given.
        windows: the embeddings of each.
        skipped: clips that could not be read, and why.
    """

    clips: list[Clip]
    windows: list[Window]
    skipped: list[tuple[Clip, str]]

    @cached_property
    def embeddings(self) -> Array:
        """float32 ``[len(clips), samples, D]``: one row per sample, all embedders concatenated; see :attr:`Window.aligned`."""
        return np.stack([window.aligned for window in self.windows])


def default_cache() -> Path:
    """The default folder of embeddings."""
    return cache_folder() / "embeddings"


@system_errors(ExtractionError)
def embed_clips(
    config: EmbeddingConfig,
    clips: Sequence[Clip],
    cache: Path,
    progress: Optional[Progress] = None,
    executor: Optional[Executor] = None,
) -> EmbeddedClips:
    """Embed clips, or take their embeddings from the cache.

    Args:
        cache: a folder; created if absent. See :func:`edgevid.extraction.extract`.
        progress: called after each clip.
        executor: its workers embed; each opens the networks itself. Default: this process.

    Raises:
        EdgevidError: the cache cannot be written, or a worker ended. Clips that cannot be read are skipped, see
            :class:`EmbeddedClips`.
    """
    outcomes: dict[int, Extracted] = {}
    with config.opened() as embedders:
        with closing(extract(config, [clip.path for clip in clips], cache, executor, embedders)) as extracting:
            for index, outcome in extracting:
                outcomes[index] = outcome
                if progress is not None:
                    progress(len(outcomes), len(clips))
        good, windows = [], []
        for index, clip in enumerate(clips):
            if not outcomes[index].problem:
                window = read_window(outcomes[index].files, embedders)
                if window is None:
                    raise ExtractionError(
                        f"Embeddings of {clip.path} vanished or were damaged after they were written; run the same again."
                    )
                good.append(clip)
                windows.append(window)
    skipped = [(clip, outcomes[k].problem) for k, clip in enumerate(clips) if outcomes[k].problem]
    return EmbeddedClips(good, windows, skipped)
