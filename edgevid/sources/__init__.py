"""Where frames come from: files, cameras, network streams, or any iterable."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Optional, Union

from ..errors import SourceError
from .base import Source, SourceStats, SourceStatus, TimedFrame, Wanted
from .camera import Camera
from .video_file import ClipSample, VideoFile, sample_clip

__all__ = [
    "Camera",
    "ClipSample",
    "FrameIterable",
    "Source",
    "SourceStats",
    "SourceStatus",
    "TimedFrame",
    "VideoFile",
    "open_source",
    "sample_clip",
]

_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class FrameIterable(Source):
    """Frames that the caller's own code gives: an iterable of frames, or of (timestamp, frame) pairs.

    Frames without a timestamp get ``time.monotonic()`` as they come.
    """

    name = "iterable of frames"

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        for item in self._items:
            timestamp, image = item if isinstance(item, tuple) and len(item) == 2 else (time.monotonic(), item)
            if wanted is None or wanted(timestamp):
                yield TimedFrame(timestamp, image)


def open_source(source: Union[int, str, Path, Source, Iterable[Any]]) -> Source:
    """The source that ``source`` means.

    Args:
        source: a camera's index (``0`` or ``"0"``) or device path (``"/dev/video0"``), a URL (``"rtsp://..."``), a video
            file, a :class:`Source`, or an iterable of frames or (timestamp, frame) pairs.

    Raises:
        SourceError: it cannot be opened, or is nothing of these.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, int):
        return Camera(source)
    if isinstance(source, Path) and str(source).startswith("/dev/"):
        source = str(source)
    if isinstance(source, str):
        if source.isdecimal():
            return Camera(int(source))
        if source.startswith("/dev/") or _URL.match(source):
            return Camera(source)
    if isinstance(source, (str, Path)):
        return VideoFile(source)
    if isinstance(source, Iterable):
        return FrameIterable(source)
    raise SourceError(
        f"A source of type {type(source).__name__} was given; expected a camera index, device, URL, video file, "
        "Source, or an iterable of frames."
    )
