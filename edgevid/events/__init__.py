"""Events from probabilities over time: actions begin, are repeated, and end."""

from __future__ import annotations

from .defaults import EventDefaults
from .detector import ActiveAction, Began, Counted, Ended, Event, EventDetector, EventOptions
from .smoothing import ExponentialSmoothing, MeanSmoothing, Smoothing, fresh_smoothing, open_smoothing

__all__ = [
    "ActiveAction",
    "Began",
    "Counted",
    "Ended",
    "Event",
    "EventDefaults",
    "EventDetector",
    "EventOptions",
    "ExponentialSmoothing",
    "MeanSmoothing",
    "Smoothing",
    "fresh_smoothing",
    "open_smoothing",
]
