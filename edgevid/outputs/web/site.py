"""The routes of the server, and the connected browsers. All of it runs in the server's thread."""

from __future__ import annotations

import asyncio
import html
import socket
import ssl
import time
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional

from aiohttp import web, web_app

from ...errors import EdgevidError, OptionError
from . import clients
from .access import COOKIE_SECONDS, SECURITY_HEADERS, Access, Refusal
from .clients import Client, Shown
from .connection import Connection, Door, log
from .panel import arguments_of
from .proxies import Proxies

_PAGE = Path(__file__).parent / "page"
_CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_GOODBYE_SECONDS = 1.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """What the server serves.

    Args:
        shown: what browsers and programs are shown.
        access: who may access it.
        max_clients: maximum number of connected browsers.
        proxies: the trusted proxies.
        tls: the TLS context; None: plain HTTP.
    """

    def __init__(
        self, shown: Shown, access: Access, *, max_clients: int, proxies: Proxies, tls: Optional[ssl.SSLContext]
    ) -> None:
        self._shown = shown
        self._access = access
        self._max_clients = max_clients
        self._proxies, self._is_https = proxies, tls is not None
        self._watching: dict[Connection, Client] = {}
        self._door = Door(4 * max_clients + 16, proxies, tls, self._watching)
        self._closing = False
        self._files = {path.name: path.read_bytes() for path in _PAGE.iterdir()}

    async def open(self, listener: socket.socket) -> None:
        """Serve on a listening socket."""
        guard = web.middleware(partial(self._guard))  # the decorator sets an attribute, which a method does not allow
        app = web.Application(middlewares=[guard], client_max_size=1024)
        app.router.add_get("/", self._page)
        app.router.add_get("/ws", self._watch)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/api/state", self._state)
        if self._shown.panel is not None:
            app.router.add_post(f"/api/{self._shown.panel.name}/{{command}}", self._command)
        app.router.add_get("/api/picture/{source:.+}.jpg", self._picture)
        for name in self._files:
            if Path(name).suffix in _CONTENT_TYPES:
                app.router.add_get(f"/{name}", self._file)
        app.on_response_prepare.append(_add_headers)
        self._cookie = f"edgevid_{listener.getsockname()[1]}"  # cookies are per host, not per port
        self._runner = web.AppRunner(app, access_log=None, logger=log, shutdown_timeout=0.5)
        await self._runner.setup()
        asyncio.get_running_loop().set_exception_handler(_log_trouble)
        self._door.open(listener, self._runner.server)

    async def close(self) -> None:
        """Tell the browsers, then cut the remaining connections."""
        await self._door.close()
        self._closing = True
        for client in self._watching.values():
            client.stop()
        until = time.monotonic() + _GOODBYE_SECONDS
        while self._watching and time.monotonic() < until:
            await asyncio.sleep(0.02)
        self._door.cut_all()
        await self._runner.cleanup()
        _forget_handlers()

    # -- every request

    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        refusal = self._refusal(request)
        if refusal is not None:
            return self._error(request, refusal)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            nothing = f"There is nothing at {request.path}; the page is at /."
            return self._error(request, Refusal(error.status, nothing if error.status == 404 else f"{error.reason}."))
        if not isinstance(response, web.WebSocketResponse):
            response.force_close()
        return response

    def _refusal(self, request: web.Request) -> Optional[Refusal]:
        # A health check reveals nothing, and the page's style is no secret; neither needs a token.
        if request.path == "/healthz" or request.path[1:] in self._files:
            return self._access.refusal_of_page(request.headers)
        cookie = request.cookies.get(self._cookie)
        return self._access.refusal(request.headers, request.query.get("token"), cookie, self._client_of(request))

    def _client_of(self, request: web.Request) -> str:
        """The client's address, also behind a proxy."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
        return self._proxies.client(_connection_of(request).peer, forwarded)

    def _is_secure(self, request: web.Request) -> bool:
        """Whether the browser uses HTTPS."""
        proto = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        return self._is_https or (proto == "https" and self._proxies.trusts(_connection_of(request).peer))

    def _error(self, request: web.Request, refusal: Refusal) -> web.Response:
        response: web.Response
        if request.path.startswith("/api/") or request.path == "/ws":
            response = web.json_response({"error": refusal.words}, status=refusal.status)
        else:
            page = self._files["error.html"].decode()
            page = page.replace("{{words}}", html.escape(refusal.words))
            page = page.replace("{{form}}", "" if refusal.wants_token else "hidden")
            response = web.Response(text=page, content_type="text/html", status=refusal.status)
        if refusal.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if refusal.retry_seconds:
            response.headers["Retry-After"] = str(refusal.retry_seconds)
        response.force_close()
        return response

    # -- routes

    async def _page(self, request: web.Request) -> web.StreamResponse:
        page = self._files["index.html"].decode().replace("{{title}}", html.escape(self._shown.common["title"]))
        response = web.Response(text=page, content_type="text/html")
        token = request.query.get("token")
        if self._access.keeps(token):
            # Not a redirect: after a link from another site, a browser would not send a Strict cookie with it.
            # The page itself removes the token from its address.
            response.set_cookie(
                self._cookie,
                str(token),
                max_age=COOKIE_SECONDS,
                httponly=True,
                samesite="Strict",
                path="/",
                secure=self._is_secure(request),
            )
        return response

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.path[1:]
        return web.Response(body=self._files[name], content_type=_CONTENT_TYPES[Path(name).suffix], charset="utf-8")

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    async def _state(self, request: web.Request) -> web.StreamResponse:
        shown = self._shown
        common = {"title": shown.common["title"], "model": shown.common["model"], "labels": list(shown.board.labels)}
        state = {**common, "machine": shown.machine(), **shown.panel_state(), "sources": shown.board.state()}
        return web.json_response(state)

    async def _command(self, request: web.Request) -> web.StreamResponse:
        """A command of the panel. Pages of other sites cannot send JSON without a preflight request, which is refused."""
        command, panel = request.match_info["command"], self._shown.panel
        assert panel is not None
        if request.content_type != "application/json":
            return self._error(request, Refusal(415, "Expected JSON; send it with Content-Type: application/json."))
        try:
            arguments = arguments_of(await request.read())
            await asyncio.get_running_loop().run_in_executor(None, panel.do, command, arguments)
        except KeyError:
            return self._error(request, Refusal(404, f"There is no command {command!r}."))
        except OptionError as error:
            return self._error(request, Refusal(400, str(error)))
        except EdgevidError as error:
            return self._error(request, Refusal(409, str(error)))
        return web.json_response({}, status=202)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        source = request.match_info["source"]
        newest = self._shown.board.picture(source)
        if newest is None:
            return self._error(
                request, Refusal(404, f"There is no picture of {source!r}; /api/state names the sources.")
            )
        return web.Response(body=self._shown.pictures.picture(*newest).jpeg, content_type="image/jpeg")

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        if len(self._watching) >= self._max_clients:
            words = f"{self._max_clients} browsers are connected already, which is the maximum. Close one of them."
            return self._error(request, Refusal(503, words))
        if self._closing:
            return self._error(request, Refusal(503, "edgevid is stopping."))
        browser = web.WebSocketResponse(
            timeout=_GOODBYE_SECONDS,
            heartbeat=clients.HEARTBEAT_SECONDS,
            compress=False,
            max_msg_size=clients.MAX_REQUEST_BYTES,
        )
        try:
            can_open = browser.can_prepare(request).ok
        except ValueError:  # its key is not ASCII
            can_open = False
        if not can_open:
            return self._error(request, Refusal(426, "The page gets its data here; open / instead."))
        connection = _connection_of(request)
        client = self._watching[connection] = Client(browser, self._shown)
        try:
            await browser.prepare(request)
            await client.serve()
        finally:
            connection.cut()
            del self._watching[connection]
        return browser


def _connection_of(request: web.Request) -> Connection:
    connection = request.protocol
    assert isinstance(connection, Connection)
    return connection


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY_HEADERS)


def _forget_handlers() -> None:
    """aiohttp caches the handlers of up to 1024 routes, and with them all that a server has shown, long after its end."""
    cache = getattr(web_app, "_cached_build_middleware", None)
    if cache is not None:
        cache.cache_clear()


def _log_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.warning("%s", context.get("message"), exc_info=context.get("exception"))
