"""The server: one thread with an event loop, beside the threads that run the stream."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Optional

from ...errors import EdgevidError, ExtraNotInstalledError, OptionError
from ...runner.messages import Observation
from ...sources.base import SourceStatus
from ...support.at_exit import AtExit
from .access import Access
from .address import DEFAULT_HOST, DEFAULT_PORT, listen, page_url
from .board import Board
from .pictures import Pictures

_CLOSE_SECONDS = 3.0


class WebServer:
    """Shows a running stream to browsers: a :class:`~edgevid.runner.messages.Watcher`.

    :meth:`observe` and :meth:`status` keep the newest and return; everything else happens in the server's own thread, and
    pictures are encoded only while someone watches. A browser that is slow, vanishes or means harm costs the stream nothing.

    >>> with WebServer(recognizer.labels) as server:  # doctest: +SKIP
    ...     print(server.url)
    ...     server.observe(observation)

    Args:
        labels: the recogniser's.
        host: the address to listen on. All but 127.0.0.1, ::1 and localhost is reached from outside and needs the token.
        port: 0 for any that is free.
        token: at least 8 characters; default: none on this machine only, else one that is made and is part of :attr:`url`.
        max_clients: how many browsers may watch at once.
        title: of the page.
        picture_width: pixels; wider frames are shown smaller.
        picture_fps: how many pictures a browser gets a second, at most.
        history_seconds: how much of the timeline is kept for a page that is opened late.
        window_seconds: what the stream's window spans, so that the page can say how far it has filled.

    Raises:
        OptionError: a value outside its range. ExtraNotInstalledError: aiohttp is absent.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        token: Optional[str] = None,
        max_clients: int = 8,
        title: str = "edgevid",
        picture_width: int = 640,
        picture_fps: float = 10.0,
        history_seconds: float = 600.0,
        window_seconds: Optional[float] = None,
    ) -> None:
        _check_int("port", port, 0, 65535)
        _check_int("max_clients", max_clients, 1, 1000)
        _check_int("picture_width", picture_width, 16, 4096)
        _check_number("picture_fps", picture_fps, 0.1, 60)
        _check_number("history_seconds", history_seconds, 10, 24 * 3600)
        _import_aiohttp()
        self._host, self._port = host, port
        self._access = Access(host, token)
        self._board = Board(labels, history_seconds, window_seconds)
        self._pictures = Pictures(picture_width, picture_fps)
        self._max_clients = max_clients
        self._seconds_apart = 1.0 / picture_fps
        self._common = {"title": title, "labels": list(self._board.labels), "history_seconds": history_seconds}
        self._thread: Optional[threading.Thread] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._stop: Optional[asyncio.Event] = None
        self._ready = threading.Event()
        self._error: Optional[Exception] = None
        self._closed = False

    @property
    def url(self) -> str:
        """What to open in a browser, with the token where there is one."""
        return page_url(self._host, self._port, self._access.token)

    def start(self) -> None:
        """Listen, and serve until :meth:`close`.

        Raises:
            EdgevidError: the address cannot be had, or the server was started before.
        """
        if self._thread is not None or self._closed:
            raise EdgevidError("This web server was started before; make a new WebServer for each run.")
        listener = listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(listener,), name="edgevid web", daemon=True)
        self._thread.start()
        _at_exit.add(self)
        self._ready.wait()
        if self._error is not None:
            self.close()
            raise EdgevidError(f"The web page cannot be served: {self._error}") from self._error

    def observe(self, observation: Observation) -> None:
        """A sampled frame was classified. From any thread; costs microseconds, whoever watches.

        Raises:
            OptionError: the prediction has other labels than the server.
        """
        self._board.observe(observation)

    def status(self, status: SourceStatus) -> None:
        """A source was opened, lost, reopened, or has ended. From any thread."""
        self._board.status(status)

    def close(self) -> None:
        """Tell the browsers, for at most a second, and free thread and sockets. A second call does nothing."""
        self._closed = True
        thread, loop, stop = self._thread, self._loop, self._stop
        if thread is None or not thread.is_alive() or loop is None or stop is None:
            return
        try:
            loop.call_soon_threadsafe(stop.set)
        except RuntimeError:  # it ended in between
            return
        thread.join(_CLOSE_SECONDS)

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _run(self, listener: socket.socket) -> None:
        try:
            asyncio.run(self._serve(listener))
        except Exception as error:  # told by start(), not printed by a thread
            self._error = error
        finally:
            listener.close()
            self._ready.set()

    async def _serve(self, listener: socket.socket) -> None:
        from .site import Site

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        site = Site(
            self._board, self._pictures, self._access,
            common=self._common, max_clients=self._max_clients, seconds_apart=self._seconds_apart,
        )  # fmt: skip
        await site.open(listener)
        self._ready.set()
        await self._stop.wait()
        await site.close()


def _close_all(servers: list[WebServer]) -> None:
    for server in servers:
        server.close()


_at_exit = AtExit(_close_all)


def _import_aiohttp() -> None:
    try:
        import aiohttp  # noqa: F401
    except ImportError as error:
        raise ExtraNotInstalledError("The web page needs aiohttp: pip install 'edgevid[web]'") from error


def _check_int(name: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise OptionError(f"{name}={value!r} was given; expected an int from {least} to {most}.")


def _check_number(name: str, value: float, least: float, most: float) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not (math.isfinite(value) and least <= value <= most)
    ):
        raise OptionError(f"{name}={value!r} was given; expected a number from {least:g} to {most:g}.")
