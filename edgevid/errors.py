"""Errors of edgevid. Each message says what was given, what was expected and what to do."""

from __future__ import annotations


class EdgevidError(Exception):
    """Base of all errors that edgevid raises on purpose."""


class RuntimeNotAvailableError(EdgevidError):
    """No TensorFlow Lite runtime can be used, or the requested one is absent or broken."""


class ModelError(EdgevidError):
    """A model file cannot be opened, or its inputs and outputs have the wrong shape or dtype."""


class BundleError(EdgevidError):
    """A bundle or its card is missing, damaged, incomplete, or made for something else."""


class FrameError(EdgevidError, ValueError):
    """A frame, or a set of frames or embeddings, has the wrong type, dtype or shape."""


class TimestampError(EdgevidError, ValueError):
    """A timestamp is not a finite number, or time ran backwards."""


class SourceError(EdgevidError):
    """A video, camera or stream cannot be opened or read."""


class OptionError(EdgevidError, ValueError):
    """An option has a value outside its range."""


class EdgevidWarning(UserWarning):
    """An argument is valid, but most likely not what the caller means."""


class ExtraNotInstalledError(EdgevidError, ImportError):
    """A feature needs an optional dependency; the message names the extra to install."""
