"""One connected browser: it requests an update when it has shown the last one, and gets the newest there is.

Nothing queues up for a slow browser, and a paused or hidden one costs nothing. An update is one binary message: 4 bytes,
big-endian, the length of the JSON; the JSON; the JPEGs of the sources that have ``picture_bytes``, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Optional

from aiohttp import WSMsgType, web

from ...support.sensors import readings
from .board import Board
from .panel import Panel
from .pictures import Pictures

# A browser is sent something this often, so that it can tell a dead connection from a quiet camera.
_KEEP_ALIVE_SECONDS = 2.0
# A browser that accepts nothing for this long is gone. (Read at each use: tests shorten it.)
SEND_SECONDS = 5.0
HEARTBEAT_SECONDS = 8.0
# A browser asks only once per answer; a client that asks more often is no browser.
_MAX_REQUESTS_A_SECOND = 100
MAX_REQUEST_BYTES = 64
_READINGS_SECONDS = 2.0


@dataclass
class Shown:
    """What browsers are shown.

    Attributes:
        board, pictures: the sources.
        common: sent to each browser once: title, durations.
        seconds_apart: minimum time between two updates of a browser.
        panel: an additional panel; None: none.
    """

    board: Board
    pictures: Pictures
    common: dict[str, Any]
    seconds_apart: float
    panel: Optional[Panel] = None
    _readings: tuple[float, dict[str, Any]] = field(default=(float("-inf"), {}))

    @property
    def version(self) -> tuple[int, int]:
        """Changes with anything that is shown."""
        return self.board.version, -1 if self.panel is None else self.panel.version

    def panel_state(self) -> dict[str, Any]:
        """The panel's state, under its name; empty without a panel."""
        return {} if self.panel is None else {self.panel.name: self.panel.state()}

    def machine(self) -> dict[str, Any]:
        """The machine's readings, taken once in a while for all browsers."""
        if time.monotonic() - self._readings[0] >= _READINGS_SECONDS:
            self._readings = (time.monotonic(), readings())
        return self._readings[1]


class Client:
    """An open WebSocket."""

    def __init__(self, socket: web.WebSocketResponse, shown: Shown) -> None:
        self._socket = socket
        self._shown = shown
        self._asked = asyncio.Event()
        self._stopping = asyncio.Event()
        self._seen: dict[int, int] = {}
        self._pictures_sent: dict[int, int] = {}
        self._version = (-1, -1)  # of what is shown, when it was last sent
        self._labels: Optional[tuple[str, ...]] = None  # that were sent

    def stop(self) -> None:
        """Stop the server: send the browser the final state and close."""
        self._stopping.set()
        self._asked.set()

    async def serve(self) -> None:
        """Run until the browser leaves or stops accepting data, or the server stops."""
        tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._send())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            # The cause is not reported: a browser may vanish in many ways.
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        requests, since = 0, time.monotonic()
        while (await self._socket.receive()).type is WSMsgType.TEXT:
            now = time.monotonic()
            if now - since > 1.0:
                requests, since = 0, now
            requests += 1
            if requests > _MAX_REQUESTS_A_SECOND:
                return
            self._asked.set()

    async def _send(self) -> None:
        first = True
        while not self._stopping.is_set():
            await self._asked.wait()
            if not first:
                await self._until_there_is_news()
            await self._send_update(first)
            first = False
        if self._version != self._shown.version:  # the final state, whether the browser asked or not
            await self._send_update(first)
        await asyncio.wait_for(self._socket.close(code=1001, message=b"edgevid has stopped"), SEND_SECONDS)

    async def _send_update(self, first: bool) -> None:
        self._asked.clear()
        # aiohttp would wait as long as a browser does not read.
        await asyncio.wait_for(self._socket.send_bytes(self._update(first)), SEND_SECONDS)

    async def _until_there_is_news(self) -> None:
        patience = time.monotonic() + _KEEP_ALIVE_SECONDS
        while not self._stopping.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._shown.seconds_apart)
            if self._shown.version != self._version or time.monotonic() >= patience:
                return

    def _update(self, first: bool) -> bytes:
        """The newest of everything, as one message."""
        board = self._shown.board
        panel_version, self._version = self._version[1], self._shown.version
        labels = board.labels
        sources = board.news(self._seen)
        jpegs = []
        for source in sources:
            source["picture_bytes"] = 0
            newest = board.picture(str(source["number"]))
            if newest is None:
                continue
            picture = self._shown.pictures.picture(*newest)
            if self._pictures_sent.get(source["number"]) == picture.number:
                continue
            self._pictures_sent[source["number"]] = picture.number
            source.update(picture_bytes=len(picture.jpeg), picture_size=[picture.width, picture.height])
            jpegs.append(picture.jpeg)
        state: dict[str, Any] = {}
        if first or labels != self._labels:
            self._labels = labels
            state.update(self._shown.common, labels=list(labels))
        if first or self._version[1] != panel_version:
            state.update(self._shown.panel_state())
        state = {**state, "machine": self._shown.machine(), "sources": sources}
        text = json.dumps(state, separators=(",", ":")).encode()
        return b"".join([len(text).to_bytes(4, "big"), text, *jpegs])
