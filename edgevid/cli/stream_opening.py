"""How ``edgevid stream`` opens its sources: at once, or as soon as they can be."""

from __future__ import annotations

import threading
import time
from typing import Callable

from ..errors import SourceError
from ..runner.stream_source import StreamSource, open_stream_source
from ..sources import Source
from ..sources.live import LiveSource

_FIRST_DELAY_SECONDS = 0.5
_MAX_DELAY_SECONDS = 30.0


class Opener:
    """Opens sources, each in the thread of its runner.

    Args:
        reconnect: whether a camera that is lost later is opened again.
        wait: whether a source that does not open is tried again until it does, after 0.5 s, then ever more seldom up to each
            30 s.
        on_message: told the source's name and, in words, that it is waited for, and that it is there.
    """

    def __init__(self, *, reconnect: bool, wait: bool, on_message: Callable[[str, str], None]) -> None:
        self._reconnect, self._wait, self._on_message = reconnect, wait, on_message
        self._stopped = threading.Event()

    def open(self, name: str, source: StreamSource) -> Source:
        """The source, open.

        Raises:
            SourceError: it does not open, and is not waited for (any longer).
        """
        started, delay = time.monotonic(), 0.0
        while True:
            try:
                opened = open_stream_source(source)
            except SourceError as error:
                if not self._wait or self._stopped.is_set():
                    raise
                if not delay:
                    self._on_message(name, f"{str(error).rstrip('.')}. It is tried again until it opens.")
                delay = min(2 * delay or _FIRST_DELAY_SECONDS, _MAX_DELAY_SECONDS)
                if self._stopped.wait(delay):
                    raise
                continue
            if delay:
                self._on_message(name, f"It is open after {time.monotonic() - started:.1f} s.")
            if isinstance(opened, LiveSource):
                opened.reconnect = self._reconnect
            return opened

    def stop(self) -> None:
        """Wait for no source any longer."""
        self._stopped.set()
