"""Keeps native libraries' small talk off stderr: what matters of it, edgevid says in words."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_CHATTER = (b"INFO:", b"OpenCV: FFMPEG: tag ")
_SILENT, _WARNING = 0, 3  # of OpenCV's levels
_OPENCV_VARIABLE = "OPENCV_LOG_LEVEL"

_logger = logging.getLogger("edgevid")
_heard: set[str] = set()  # libraries that have said it
_stderr = threading.Lock()  # one thread at a time may redirect it


@contextmanager
def without_chatter() -> Iterator[list[str]]:
    """Within the block, lines like ``INFO: Created TensorFlow Lite XNNPACK delegate for CPU.`` do not reach stderr.

    TensorFlow Lite writes them whatever its log level is, and OpenCV a note on each codec that a container has no name for. They
    become debug messages of the logger "edgevid"; everything else
    comes through when the block ends. stderr is the whole process's: keep the block short. Not to be nested.

    Yields:
        A list, to which the lines are added that were kept back.
    """
    lines: list[str] = []
    with _stderr:
        try:
            saved, held = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        except OSError:  # no stderr, or nowhere to keep what it gets: then it is not worth the trouble
            yield lines
            return
        _flush_stderr()
        os.dup2(held.fileno(), 2)
        try:
            yield lines
        finally:
            _flush_stderr()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held:
                if line.startswith(_CHATTER):
                    lines.append(line.decode(errors="replace").strip())
                else:
                    os.write(2, line)
            held.close()
    for said in lines:
        _logger.debug("%s", said)


@contextmanager
def without_first_words(name: str) -> Iterator[None]:
    """As :func:`without_chatter`, for a library that says it once in a process: then stderr is left alone."""
    if name in _heard:
        yield
        return
    with without_chatter() as said:
        yield
    if said:
        _heard.add(name)


def _flush_stderr() -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


class _OpencvLog:
    """OpenCV's log level, which is the whole process's: silent while anyone is within a block."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._before = _WARNING

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within the block OpenCV logs nothing, unless the program has asked for more than warnings, or for a level by
        the variable OPENCV_LOG_LEVEL.
        """
        log = _opencv_log()
        if log is None or os.environ.get(_OPENCV_VARIABLE, "OFF") != "OFF":
            yield
            return
        with self._lock:
            if self._within == 0:
                self._before = log.getLogLevel()
                if self._before <= _WARNING:
                    log.setLogLevel(_SILENT)
            self._within += 1
        try:
            yield
        finally:
            with self._lock:
                self._within -= 1
                if self._within == 0 and log.getLogLevel() == _SILENT:
                    log.setLogLevel(self._before)


def _opencv_log() -> Any:
    """Where this version of OpenCV has the functions of its log level; None: nowhere."""
    import cv2

    places = (cv2, getattr(getattr(cv2, "utils", None), "logging", None))
    return next((place for place in places if hasattr(place, "getLogLevel") and hasattr(place, "setLogLevel")), None)


silent_opencv = _OpencvLog().silent
