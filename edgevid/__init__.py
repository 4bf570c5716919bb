"""Human actions in live video, on small computers.

>>> import edgevid
>>> recognizer = edgevid.load()
>>> prediction = recognizer.classify("clip.mp4")  # doctest: +SKIP
>>> prediction.label, prediction.score            # doctest: +SKIP
"""

from __future__ import annotations

from .bundle import Bundle, open_bundle
from .errors import (
    BundleError,
    EdgevidError,
    ExtraNotInstalledError,
    FrameError,
    ModelError,
    OptionError,
    RuntimeNotAvailableError,
    SourceError,
    TimestampError,
)
from .prediction import ClassScore, Prediction
from .recognizer import Recognizer, load
from .sources import Camera, Source, TimedFrame, VideoFile, open_source
from .stream import Stream

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "BundleError",
    "Camera",
    "ClassScore",
    "EdgevidError",
    "ExtraNotInstalledError",
    "FrameError",
    "ModelError",
    "OptionError",
    "Prediction",
    "Recognizer",
    "RuntimeNotAvailableError",
    "Source",
    "SourceError",
    "Stream",
    "TimedFrame",
    "TimestampError",
    "VideoFile",
    "load",
    "open_bundle",
    "open_source",
]
