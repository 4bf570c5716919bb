"""Opening sources that may not be there yet, such as a camera that is switched on later."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable, Union

from ..errors import SourceError
from ..support.retry import Retry
from . import VideoCapture, open_source
from .base import Source
from .live import LiveSource


class Opener:
    """Opens sources, several at a time where several threads ask.

    Args:
        reconnect: whether a camera that is lost later is opened again.
        wait: whether a source that does not open is tried again until it does, after 0.5 s, then ever more seldom up to each
            30 s.
        on_message: told the source's name and, in words, that it is waited for, and that it is there.
    """

    def __init__(self, *, reconnect: bool, wait: bool, on_message: Callable[[str, str], None]) -> None:
        self._reconnect, self._wait, self._on_message = reconnect, wait, on_message
        self._stopped = threading.Event()

    def open(
        self, name: str, source: Union[int, str, Path, Source, VideoCapture, Iterable[Any], Callable[[], Any]]
    ) -> Source:
        """The source, open; see :func:`edgevid.open_source`. A function opens it when it is called.

        Raises:
            SourceError: it does not open, and is not waited for (any longer).
        """
        started, retry, waited = time.monotonic(), Retry(), False
        while True:
            try:
                opened = open_source(source() if callable(source) else source)
            except SourceError as error:
                if not self._wait or self._stopped.is_set():
                    raise
                if not waited:
                    self._on_message(name, f"{str(error).rstrip('.')}. It is tried again until it opens.")
                waited = True
                if self._stopped.wait(retry.next_delay()):
                    raise
                continue
            if waited:
                self._on_message(name, f"It is open after {time.monotonic() - started:.1f} s.")
            if isinstance(opened, LiveSource):
                opened.reconnect = self._reconnect
            return opened

    def stop(self) -> None:
        """Wait for no source any longer."""
        self._stopped.set()
