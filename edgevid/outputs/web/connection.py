"""Connections: limits on their number and duration.

aiohttp limits a request's size and manages WebSockets. It limits neither the number of connections nor the time to send a
request: somebody who opens hundreds of silent connections would use up the program's file descriptors, and cameras could not
be reopened. So these limits are here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Container
from typing import Any, Callable, Optional

from aiohttp import web

from .access import SECURITY_HEADERS, Refusal
from .proxies import Proxies, party

# A connection other than a WebSocket carries one request, and lasts no longer. (Read at each use: tests shorten it.)
CONNECTION_SECONDS = 10.0
_RETRY_SECONDS = 5
_NO_FILES_SECONDS = 0.2
_PHRASES = {429: "Too Many Requests", 503: "Service Unavailable"}

# Trouble with a browser is not reported to the user; it is logged for programs that ask for it.
log = logging.getLogger("edgevid.outputs.web")
log.addHandler(logging.NullHandler())


class Connection(web.RequestHandler):
    """A connection that was accepted.

    Attributes:
        peer: the address it came from.
    """

    def __init__(
        self, server: Any, loop: asyncio.AbstractEventLoop, peer: str, lost: Callable[[Connection], None]
    ) -> None:
        # An access log would reveal the token. No browser sends compressed requests; unpacked, a few MB may be gigabytes.
        options: Any = {"logger": log, "access_log": None, "lingering_time": 1.0, "auto_decompress": False}
        super().__init__(server, loop=loop, **options)
        self.peer = peer
        self._lost = lost
        self.greeting: Optional[asyncio.Task[None]] = None
        self.deadline: Optional[asyncio.TimerHandle] = None

    def connection_lost(self, exc: Optional[BaseException]) -> None:
        super().connection_lost(exc)
        self._lost(self)

    def handle_error(
        self, request: Any, status: int = 500, exc: Optional[BaseException] = None, message: Optional[str] = None
    ) -> web.StreamResponse:
        """Replaces aiohttp's own answers, for example to invalid HTTP, without its name and version."""
        super().handle_error(request, status, exc, "")
        words = "edgevid does not understand this request." if status < 500 else "edgevid made a mistake."
        response = web.Response(status=status, text=f"{words}\n", headers=SECURITY_HEADERS)
        response.force_close()
        return response

    def cut(self) -> None:
        """Close it now, even if data is waiting to be sent."""
        if self.transport is not None:
            self.transport.abort()
        elif self.greeting is not None:
            self.greeting.cancel()


class Door:
    """Accepts connections.

    One address may hold at most half of the connections. When all are taken, the address with the most loses one. Connected
    browsers do not count, since their number has its own limit. Proxies are not limited as one address.

    Args:
        most: maximum number of connections.
        proxies: the trusted proxies.
        tls: the TLS context; None: the connections are not encrypted.
        watching: the connections of connected browsers.
    """

    def __init__(
        self, most: int, proxies: Proxies, tls: Optional[ssl.SSLContext], watching: Container[Connection]
    ) -> None:
        self._most, self._proxies, self._tls, self._watching = most, proxies, tls, watching
        self._open: dict[Connection, str] = {}  # and its party; oldest first

    def open(self, listener: socket.socket, server: Any) -> None:
        """Accept connections on a listening socket for a server of aiohttp's."""
        self._server, self._loop = server, asyncio.get_running_loop()
        self._listener = listener
        listener.setblocking(False)
        self._accepting = self._loop.create_task(self._accept(listener))

    async def close(self) -> None:
        """Stop accepting connections and close the listening socket."""
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()

    def cut_all(self) -> None:
        for connection in list(self._open):
            connection.cut()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                raw, address = await self._loop.sock_accept(listener)
            except OSError as error:  # usually: too many open files
                log.warning("No connection can be accepted: %s", error)
                await asyncio.sleep(_NO_FILES_SECONDS)
                continue
            try:
                self._admit(raw, address[0])
            except Exception:  # whatever it is, the next connection is accepted
                log.exception("A connection was not accepted.")
                raw.close()

    def _admit(self, raw: socket.socket, peer: str) -> None:
        refusal = self._refusal(peer)
        if refusal is not None:
            self._turn_away(raw, refusal)
            return
        connection = Connection(self._server, self._loop, peer, self._forget)
        self._open[connection] = party(peer)
        connection.greeting = self._loop.create_task(self._greet(raw, connection))

    def _refusal(self, peer: str) -> Optional[Refusal]:
        """Why another connection from ``peer`` is refused. Frees one if it can."""
        who = party(peer)
        held = Counter(owner for connection, owner in self._open.items() if connection not in self._watching)
        if not self._proxies.trusts(peer) and held[who] >= self._most // 2:
            words = f"edgevid has {held[who]} connections from this address already. Try again in a few seconds."
            return Refusal(429, words, retry_seconds=_RETRY_SECONDS)
        if len(self._open) < self._most:
            return None
        greediest, count = held.most_common(1)[0] if held else ("", 0)
        if count <= held[who] + 1:
            words = "All connections to edgevid are taken. Try again in a few seconds."
            return Refusal(503, words, retry_seconds=_RETRY_SECONDS)
        oldest = next(c for c, owner in self._open.items() if owner == greediest and c not in self._watching)
        self._forget(oldest)
        oldest.cut()
        return None

    def _turn_away(self, raw: socket.socket, refusal: Refusal) -> None:
        """Say why, if that is possible at once; with TLS it is not."""
        with raw, contextlib.suppress(OSError):
            if self._tls is not None:
                return
            body = f"{refusal.words}\n".encode()
            headers = {
                **SECURITY_HEADERS, "Retry-After": refusal.retry_seconds, "Content-Type": "text/plain",
                "Content-Length": len(body), "Connection": "close",
            }  # fmt: skip
            lines = [
                f"HTTP/1.1 {refusal.status} {_PHRASES[refusal.status]}",
                *(f"{n}: {v}" for n, v in headers.items()),
            ]
            raw.setblocking(False)
            raw.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def _greet(self, raw: socket.socket, connection: Connection) -> None:
        connection.deadline = self._loop.call_later(CONNECTION_SECONDS, self._cut_unless_it_watches, connection)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, raw, ssl=self._tls)
        except BaseException as error:  # it left during the handshake, did not speak TLS, or is to be cut
            self._forget(connection)
            if not isinstance(error, OSError):
                raise

    def _cut_unless_it_watches(self, connection: Connection) -> None:
        if connection not in self._watching:
            connection.cut()

    def _forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        if connection.deadline is not None:
            connection.deadline.cancel()  # it would keep the connection in memory until then
