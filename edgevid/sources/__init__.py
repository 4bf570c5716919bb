"""Sources of frames: files, pictures, cameras, network streams, or any iterable."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from typing import Any, Union
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import FrameError, SourceError
from ..frames import RGB, check_colour
from ..support.credentials import without_credentials
from ..support.files import is_file
from ..support.system import system_errors
from .base import Source as Source
from .base import SourceStats as SourceStats
from .base import SourceStatus as SourceStatus
from .base import TimedFrame as TimedFrame
from .base import Wanted as Wanted
from .camera import Camera as Camera
from .capture import VideoCapture as VideoCapture
from .capture import is_capture
from .capture import open_capture as open_capture
from .picamera import PiCamera as PiCamera
from .pictures import PICTURE_SUFFIXES
from .pictures import ImageFolder as ImageFolder
from .sequence import FrameIterable as FrameIterable
from .video_file import VideoFile as VideoFile

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PICAMERA = re.compile(r"picamera2(?::([0-9]+))?")


@system_errors(SourceError)
def open_source(source: Union[int, str, Path, Source, VideoCapture, Iterable[Any]], *, colour: str = RGB) -> Source:
    """Open the source that ``source`` names.

    ============================================  ==========================================================================
    ``0``, ``"0"``, ``"/dev/video0"``             :class:`Camera`: a camera's index or device
    ``"rtsp://..."``, ``"http://..."``            :class:`Camera`: a network stream
    ``"picamera2"``, ``"picamera2:1"``            :class:`PiCamera`: a Raspberry Pi CSI camera, and its number
    ``"clip.mp4"``, ``"file:///tmp/clip.mp4"``    :class:`VideoFile`
    ``"frames/"``, ``["a.jpg", "b.jpg"]``         :class:`ImageFolder`: pictures at 25 a second
    an iterable                                   :class:`FrameIterable`: of frames, or of (timestamp, frame) pairs
    a ``cv2.VideoCapture``                        see :func:`edgevid.sources.open_capture`; it stays open
    a :class:`Source`                             itself
    ============================================  ==========================================================================

    For other options (a camera's size, the rate of pictures) call the source's class.

    Args:
        colour: channel order of an iterable's frames: "rgb", or "bgr" as OpenCV gives them. It has no effect on sources that
            edgevid opens itself; those are converted as needed.

    Raises:
        SourceError: it cannot be opened, or is none of these. ExtraNotInstalledError: picamera2 is not installed. OptionError:
            another colour.
    """
    check_colour(colour)
    if isinstance(source, Source):
        return source
    if isinstance(source, int):
        return Camera(source)
    if isinstance(source, Path) and str(source).startswith("/dev/"):
        source = str(source)
    if isinstance(source, str):
        if source.isdecimal() and len(source) < 10:
            return Camera(int(source))
        picamera = _PICAMERA.fullmatch(source)
        if picamera:
            return PiCamera(int(picamera[1] or 0))
        if source.lower().startswith("file://"):
            source = url2pathname(urlsplit(source).path)
        elif source.startswith("/dev/") or _URL.match(source):
            return Camera(source)
    if isinstance(source, (str, Path)):
        # "" would be the current folder, which nobody means by it
        return ImageFolder(source) if source != "" and Path(source).is_dir() else VideoFile(source)
    if isinstance(source, (list, tuple)) and source and _is_picture_path(source[0]):
        return ImageFolder(source)
    if is_capture(source):
        return open_capture(source)
    if isinstance(source, Iterable):
        return FrameIterable(source, colour=colour)
    if isinstance(source, AsyncIterable):
        raise SourceError(
            "An async iterable was given; expected a source that a thread can read. For this one use: async for prediction in "
            "recognizer.astream(source)."
        )
    raise SourceError(
        f'A source of type {type(source).__name__} was given; expected a camera index, device, URL, "picamera2", video '
        "file, folder or list of pictures, cv2.VideoCapture, Source, or an iterable of frames."
    )


def check_finished(clip: Any) -> None:
    """Raise if ``clip`` is not a finished clip but a camera, a stream or several files; the message says what to do.

    Raises:
        SourceError: a camera or a stream. FrameError: paths in place of frames.
    """
    text = clip if isinstance(clip, str) else ""
    is_url = bool(_URL.match(text)) and not text.lower().startswith("file://")
    if (
        is_url
        or text.startswith("/dev/video")
        or _PICAMERA.fullmatch(text)
        or (text.isdecimal() and not is_file(Path(text)))
    ):
        shown = without_credentials(text)
        raise SourceError(
            f"{shown} is a camera or a stream, which has no end; a clip is a finished file. Follow it: edgevid stream {shown}, "
            f"or recognizer.stream({shown!r}). A video on a server: download it first."
        )
    if isinstance(clip, (list, tuple)) and clip and isinstance(clip[0], (str, Path)):
        raise FrameError(
            f"{len(clip)} paths were given as one clip. One after the other: [recognizer.classify(path) for path in paths], or "
            "edgevid classify PATH PATH. Pictures that make up one clip: recognizer.stream(pictures)."
        )


def _is_picture_path(item: Any) -> bool:
    return isinstance(item, Path) or (isinstance(item, str) and Path(item).suffix.lower() in PICTURE_SUFFIXES)
