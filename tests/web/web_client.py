"""A small HTTP and WebSocket client, that can also do what no browser does."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import socket
import ssl
from typing import Any, NamedTuple, Optional
from urllib.parse import urlsplit


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def get(url: str, path: str = "/", *, source: str = "", tls: Optional[ssl.SSLContext] = None, **headers: str) -> Answer:
    """GET ``path`` from the server at ``url``, from the local address ``source`` or any; header underscores become dashes."""
    where = (urlsplit(url).hostname or "", urlsplit(url).port)
    options: dict[str, Any] = {"timeout": 20, "source_address": (source, 0)}
    connection = (
        http.client.HTTPSConnection(*where, **options, context=tls)
        if tls
        else http.client.HTTPConnection(*where, **options)
    )
    with contextlib.closing(connection):
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20)


class Watching:
    """A WebSocket as the page opens it. ``status`` is the HTTP status of the answer: 101 if it is open."""

    def __init__(self, url: str, *, token: Optional[str] = None, **headers: str) -> None:
        parts = urlsplit(url)
        self.socket = connect(url)
        query = f"?token={token}" if token else ""
        lines = [
            f"GET /ws{query} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            *(f"{name}: {value}" for name, value in {"Host": parts.netloc, **headers}.items()), "", "",
        ]  # fmt: skip
        self.socket.sendall("\r\n".join(lines).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                break
            head += byte
        self.status = int(head.split()[1]) if head else 0

    def ask(self) -> None:
        self.send(b"next")

    def send(self, payload: bytes, kind: int = 1) -> None:
        assert len(payload) < 126
        self.socket.sendall(bytes([0x80 | kind, 0x80 | len(payload), 0, 0, 0, 0]) + payload)  # masked with zeros

    def receive(self) -> tuple[int, bytes]:
        """Kind and payload of the next frame: 1 text, 2 binary, 8 close, 9 ping."""
        first, second = self._take(2)
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
        return first & 0x0F, self._take(length)

    def update(self) -> tuple[dict[str, Any], list[bytes]]:
        """The next update: its JSON, and the pictures in it."""
        kind, payload = self.receive()
        while kind == 9:
            self.send(payload, 10)
            kind, payload = self.receive()
        assert kind == 2, (kind, payload)
        end = 4 + int.from_bytes(payload[:4], "big")
        state = json.loads(payload[4:end])
        pictures = []
        for source in state["sources"]:
            if source["picture_bytes"]:
                pictures.append(payload[end : end + source["picture_bytes"]])
            end += source["picture_bytes"]
        assert end == len(payload)
        return state, pictures

    def next(self) -> tuple[dict[str, Any], list[bytes]]:
        self.ask()
        return self.update()

    def is_cut(self) -> bool:
        """Wait until the server has ended the connection, without reading what it sends as a browser would."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            return True
        except socket.timeout:
            return False
        return True

    def close(self) -> None:
        self.socket.close()

    def _take(self, length: int) -> bytes:
        taken = bytearray()
        while len(taken) < length:
            part = self.socket.recv(length - len(taken))
            if not part:
                raise ConnectionError("the server ended the connection")
            taken += part
        return bytes(taken)
