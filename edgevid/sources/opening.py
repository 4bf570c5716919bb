"""Opening sources for a stream."""

from __future__ import annotations

from . import open_source
from .base import Source
from .live import LiveSource
from .pictures import ImageFolder
from .playback import Playback
from .video_file import VideoFile


def open_for_stream(source: str, *, reconnect: bool = True, realtime: bool = False, loop: bool = False) -> Source:
    """Open a source; see :func:`edgevid.open_source`.

    Args:
        reconnect: for a camera: whether to reopen it when it is lost.
        realtime, loop: for a file: see :class:`~edgevid.sources.playback.Playback`.

    Raises:
        SourceError: it does not open.
    """
    opened = open_source(source)
    if isinstance(opened, LiveSource):
        opened.reconnect = reconnect
    elif isinstance(opened, (VideoFile, ImageFolder)) and not opened.live and (realtime or loop):
        return Playback(opened, realtime=realtime, loop=loop)
    return opened
