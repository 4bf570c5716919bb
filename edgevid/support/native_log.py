"""Keeps chatter of native libraries off stderr: edgevid itself reports what matters."""

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

    TensorFlow Lite writes them whatever its log level, and OpenCV a note on each codec for which a container has no name. They
    become debug messages of the logger "edgevid"; everything else
    appears when the block ends. stderr belongs to the whole process: keep the block short. Do not nest it.

    Yields:
        A list, to which the suppressed lines are added.
    """
    lines: list[str] = []
    with _stderr:
        try:
            saved, held = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        except OSError:  # no stderr, or no temporary file: not worth the trouble
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
    """As :func:`without_chatter`, for a library that says it once per process: after that stderr is left alone."""
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
    """OpenCV's log level, which is global: silent while any thread is within a block."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._before = _WARNING

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within the block OpenCV logs nothing, unless the program has set it to more than warnings, or to a level by
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
    """The module of this version of OpenCV with the functions of its log level; None if there is none."""
    import cv2

    places = (cv2, getattr(getattr(cv2, "utils", None), "logging", None))
    return next((place for place in places if hasattr(place, "getLogLevel") and hasattr(place, "setLogLevel")), None)


silent_opencv = _OpencvLog().silent
