"""Sampling: which moments of a video, and which frames make a sample; the same for clips, streams, training and benchmarks."""

from __future__ import annotations

from .clip import Clip, ClipSample, sample_clip
from .clock import SampleClock, uniform_indices
from .spec import SAMPLES_PER_CLIP, TAUGHT_WINDOW_SECONDS, Sample, SampleSpec, Track, check_window_seconds
from .stream import Due, StreamSampler

__all__ = [
    "SAMPLES_PER_CLIP",
    "TAUGHT_WINDOW_SECONDS",
    "Clip",
    "ClipSample",
    "Due",
    "Sample",
    "SampleClock",
    "SampleSpec",
    "StreamSampler",
    "Track",
    "check_window_seconds",
    "sample_clip",
    "uniform_indices",
]
