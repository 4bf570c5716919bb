"""Opening sources for a stream, as whoever runs it wants them."""

from __future__ import annotations

from . import open_source
from .base import Source
from .live import LiveSource
from .pictures import ImageFolder
from .playback import Playback
from .video_file import VideoFile


def open_for_stream(source: str, *, reconnect: bool = True, realtime: bool = False, loop: bool = False) -> Source:
    """The source, open; see :func:`edgevid.open_source`.

    Args:
        reconnect: of a camera: whether it is opened again when it is lost.
        realtime, loop: of a file: see :class:`~edgevid.sources.playback.Playback`.

    Raises:
        SourceError: it does not open.
    """
    opened = open_source(source)
    if isinstance(opened, LiveSource):
        opened.reconnect = reconnect
    elif isinstance(opened, (VideoFile, ImageFolder)) and not opened.live and (realtime or loop):
        return Playback(opened, realtime=realtime, loop=loop)
    return opened
