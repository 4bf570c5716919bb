"""Clips -> cached embeddings, in this process or by any executor: for training, teaching and evaluation."""

from __future__ import annotations

from .cache import ExtractionError, extract, extract_clip
from .config import EmbeddingConfig
from .executors import dask_executor, local_executor
from .features import EmbeddedClips, default_cache, embed_clips

__all__ = [
    "EmbeddedClips",
    "EmbeddingConfig",
    "ExtractionError",
    "dask_executor",
    "default_cache",
    "embed_clips",
    "extract",
    "extract_clip",
    "local_executor",
]
