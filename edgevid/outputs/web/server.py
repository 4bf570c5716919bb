"""The server: one thread with an event loop, beside the threads that run the stream."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Callable, Optional, Union

from ...errors import EdgevidError, ExtraNotInstalledError
from ...runner.messages import Message
from ...runner.state import SourceState
from ...support.at_exit import AtExit
from ...support.checks import check_int, check_number
from ...support.extras import install_command
from ...support.threads import start_threads
from .access import Access
from .address import DEFAULT_HOST, DEFAULT_PORT, listen, page_url
from .board import Board
from .panel import Panel
from .pictures import Pictures
from .proxies import Proxies
from .tls import open_tls

_CLOSE_SECONDS = 3.0


class WebServer:
    """Shows a running stream to browsers: an :class:`~edgevid.runner.messages.Output`.

    :meth:`take` stores the newest data and returns; everything else happens in the server's own thread. Pictures are
    encoded only while someone watches. A slow, vanished or malicious browser does not slow the stream.

    >>> with WebServer(recognizer.labels, model=recognizer.name) as server:  # doctest: +SKIP
    ...     print(server.url)
    ...     recognizer.start(0, outputs=[server]).wait()

    Args:
        labels: the recogniser's labels.
        host: the address to listen on. Any but 127.0.0.1, ::1 and localhost is reachable from outside and needs the token.
        port: 0 picks a free port.
        token: at least 8 characters; default: none for this machine only, else a random one, which is part of :attr:`url`.
        max_clients: maximum number of browsers at once.
        title: title of the page.
        model: the recogniser's name on the page, shown with its labels; "": not shown.
        none: whether the recogniser has learned an extra class for other actions.
        picture_width: maximum width of the pictures in pixels.
        picture_fps: maximum pictures per second for a browser.
        history_seconds: how much of the timeline to keep for a page that is opened late.
        tls_cert: PEM file of a certificate, for HTTPS; default: HTTP.
        tls_key: PEM file of the private key, without a password; default: it is in ``tls_cert``.
        proxies: addresses or networks of reverse proxies whose headers ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are
            trusted. The page is then open to all whom they let through, and needs the token.

    Attributes:
        panel: an additional section with its own commands; set it before the start. None: none.

    Raises:
        OptionError: a value outside its range. EdgevidError: the certificate or its key cannot be used. ExtraNotInstalledError:
            aiohttp is absent.
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
        model: str = "",
        none: bool = False,
        picture_width: int = 640,
        picture_fps: float = 10.0,
        history_seconds: float = 600.0,
        tls_cert: Optional[Union[str, Path]] = None,
        tls_key: Optional[Union[str, Path]] = None,
        proxies: Sequence[str] = (),
    ) -> None:
        check_int("port", port, 0, 65535)
        self._max_clients = check_int("max_clients", max_clients, 1, 1000)
        check_int("picture_width", picture_width, 16, 4096)
        check_number("picture_fps", picture_fps, 0.1, 60)
        check_number("history_seconds", history_seconds, 10, 24 * 3600)
        try:
            import aiohttp  # noqa: F401
        except ImportError as error:
            raise ExtraNotInstalledError(f"The web page needs aiohttp: {install_command('web')}") from error
        self._host, self._port = host, port
        self._tls = open_tls(tls_cert, tls_key)
        self._proxies = Proxies(proxies)
        self._access = Access(host, token, behind_proxy=bool(self._proxies))
        self._board = Board(labels, history_seconds)
        self._pictures = Pictures(picture_width, picture_fps)
        self._seconds_apart = 1.0 / picture_fps
        self._common = {"title": title, "model": model, "none": none, "history_seconds": history_seconds}
        self.panel: Optional[Panel] = None
        self._thread: Optional[threading.Thread] = None
        self._started: Future[None] = Future()
        self._stop: Callable[[], object] = lambda: None
        self._closed = False

    @property
    def url(self) -> str:
        """The URL to open in a browser, including the token, if any."""
        return page_url(self._host, self._port, self._access.token, https=self._tls is not None)

    def start(self) -> None:
        """Listen, and serve until :meth:`close`.

        Raises:
            EdgevidError: the address is not available, or the server was started before.
        """
        if self._thread is not None or self._closed:
            raise EdgevidError("This web server was started before; make a new WebServer for each run.")
        listener = listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        thread = threading.Thread(target=self._run, args=(listener,), name="edgevid web", daemon=True)
        start_threads([thread], listener.close)
        self._thread = thread
        _at_exit.add(self)
        try:
            self._started.result()
        except Exception as error:
            raise EdgevidError(f"The web page cannot be served: {error}") from error

    def take(self, message: Message, state: SourceState) -> None:
        """Something happened in a source. Callable from any thread; takes microseconds, however many watch.

        Raises:
            OptionError: a prediction has other labels than the server.
        """
        self._board.take(message, state)

    def relabel(self, labels: Sequence[str]) -> None:
        """Switch to other labels, of another recogniser, for the predictions to come. Callable from any thread."""
        self._board.relabel(labels)

    def close(self) -> None:
        """Tell the browsers, for at most a second, and free the thread and the sockets. A second call does nothing."""
        self._closed = True
        if self._thread is not None:
            with suppress(RuntimeError):  # its loop has ended
                self._stop()
            self._thread.join(_CLOSE_SECONDS)

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, listener: socket.socket) -> None:
        with listener:
            try:
                asyncio.run(self._serve(listener))
            except Exception as error:  # raised by start(), not printed by a thread
                if not self._started.done():
                    self._started.set_exception(error)

    async def _serve(self, listener: socket.socket) -> None:
        from .clients import Shown
        from .site import Site

        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
        shown = Shown(self._board, self._pictures, self._common, self._seconds_apart, self.panel)
        site = Site(shown, self._access, max_clients=self._max_clients, proxies=self._proxies, tls=self._tls)
        await site.open(listener)
        self._started.set_result(None)
        await stopping.wait()
        await site.close()


def _close_all(servers: list[WebServer]) -> None:
    for server in servers:
        server.close()


_at_exit = AtExit(_close_all)
