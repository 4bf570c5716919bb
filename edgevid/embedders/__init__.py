"""Sample -> embedding: a network on the frame or on a frame difference, optical flow, or an embedder of your own."""

from __future__ import annotations

from .base import Array, Embedder, spec_for
from .clip import embed_clip
from .cnn import CnnEmbedder
from .frame_difference import FrameDifference
from .window import Embedding, Window

__all__ = [
    "Array",
    "CnnEmbedder",
    "Embedder",
    "Embedding",
    "FrameDifference",
    "Window",
    "embed_clip",
    "spec_for",
]
