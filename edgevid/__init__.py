"""Human actions in live video, on small computers.

>>> import edgevid
>>> recognizer = edgevid.load()
>>> prediction = recognizer.classify("clip.mp4")  # doctest: +SKIP
>>> prediction.label, prediction.score            # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bundles.bundle import Bundle, open_bundle
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
    from .events import Began, Ended, Event, EventDetector, EventOptions, ExponentialSmoothing, MeanSmoothing
    from .offline import find_events
    from .prediction import ClassScore, Prediction
    from .recognizer import Recognizer, load
    from .runner.messages import Observation, Watcher
    from .runner.runner import Runner
    from .runner.runner_group import RunnerGroup
    from .sources import (
        Camera,
        ImageFolder,
        PiCamera,
        Source,
        SourceStats,
        SourceStatus,
        TimedFrame,
        VideoFile,
        open_source,
    )
    from .stream import Stream, StreamOptions

__version__ = "0.1.0"

__all__ = [
    "Began",
    "Bundle",
    "BundleError",
    "Camera",
    "ClassScore",
    "EdgevidError",
    "Ended",
    "Event",
    "EventDetector",
    "EventOptions",
    "ExponentialSmoothing",
    "ExtraNotInstalledError",
    "FrameError",
    "ImageFolder",
    "MeanSmoothing",
    "ModelError",
    "Observation",
    "OptionError",
    "PiCamera",
    "Prediction",
    "Recognizer",
    "Runner",
    "RunnerGroup",
    "RuntimeNotAvailableError",
    "Source",
    "SourceError",
    "SourceStats",
    "SourceStatus",
    "Stream",
    "StreamOptions",
    "TimedFrame",
    "TimestampError",
    "VideoFile",
    "Watcher",
    "find_events",
    "load",
    "open_bundle",
    "open_source",
]

# module -> its public names
_HOMES = {
    "bundles.bundle": "Bundle open_bundle",
    "errors": "BundleError EdgevidError ExtraNotInstalledError FrameError ModelError OptionError "
    "RuntimeNotAvailableError SourceError TimestampError",
    "events": "Began Ended Event EventDetector EventOptions ExponentialSmoothing MeanSmoothing",
    "runner.messages": "Observation Watcher",
    "offline": "find_events",
    "prediction": "ClassScore Prediction",
    "recognizer": "Recognizer load",
    "runner.runner": "Runner",
    "runner.runner_group": "RunnerGroup",
    "sources": "Camera ImageFolder PiCamera Source SourceStats SourceStatus TimedFrame VideoFile open_source",
    "stream": "Stream StreamOptions",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: the command line can then catch Ctrl-C from its start on."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
