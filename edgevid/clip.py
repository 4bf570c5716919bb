"""A finished clip -> the embeddings of its frames: what classifiers are trained on and asked about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from .embedders.cnn import Extractor
from .errors import FrameError
from .frames import Frame
from .sampling import FRAMES_PER_CLIP, uniform_indices
from .sources import sample_clip

# A path, or the clip's frames: uint8 [N, H, W, 3] or a sequence of N frames
Clip = Union[str, Path, NDArray[np.uint8], Sequence[Frame]]


def embed_clip(
    extractor: Extractor, clip: Clip, num_frames: int = FRAMES_PER_CLIP
) -> tuple[NDArray[np.float32], list[float]]:
    """Embeddings of frames uniformly distributed over a clip.

    Returns:
        float32 ``[num_frames, dim]`` in time order, and the frames' timestamps in seconds (empty for frames without).
    """
    if isinstance(clip, (str, Path)):
        samples = sample_clip(clip, extractor.embed, num_frames)
        return np.stack([sample.value for sample in samples]), [sample.timestamp for sample in samples]
    indices = uniform_indices(_count_frames(clip), num_frames)
    made = {int(i): extractor.embed(clip[int(i)]) for i in np.unique(indices)}
    return np.stack([made[int(i)] for i in indices]), []


def _count_frames(clip: Any) -> int:
    if isinstance(clip, np.ndarray):
        if clip.ndim != 4:
            raise FrameError(
                f"An array of dtype {clip.dtype} and shape {list(clip.shape)} was given as a clip; expected uint8 RGB frames "
                "[N, height, width, 3]. For one frame at a time use open_stream()."
            )
    elif not isinstance(clip, Sequence):
        raise FrameError(
            f"A clip of type {type(clip).__name__} was given; expected a path, an array [N, height, width, 3] or a list of "
            "frames. For frames that arrive one by one use stream() or open_stream()."
        )
    if len(clip) == 0:
        raise FrameError("A clip of 0 frames was given; expected at least 1.")
    return len(clip)
