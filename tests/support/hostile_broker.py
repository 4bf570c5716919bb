"""A program at a broker's address that does what the test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Callable, Optional

CONNACK = b"\x20\x02\x00\x00"


def packet(command: int, body: bytes, length: Optional[int] = None) -> bytes:
    """An MQTT packet that claims a body of ``length`` bytes (default: its true length)."""
    left, lengths = len(body) if length is None else length, b""
    while not lengths or left:
        lengths += bytes([left % 128 | (128 if left > 127 else 0)])
        left //= 128
    return bytes([command]) + lengths + body


def message(topic: str, payload: bytes, qos: int = 0, number: int = 1) -> bytes:
    name = topic.encode()
    return packet(
        0x30 | qos << 1,
        len(name).to_bytes(2, "big") + name + (number.to_bytes(2, "big") if qos else b"") + payload,
    )


class HostileBroker:
    """After each client's CONNECT, calls ``behave`` with the client's socket, in a thread, and then closes the connection.

    Attributes:
        arrivals: when each client came, on ``time.monotonic()``.
        ended: for how many clients ``behave`` has returned.
    """

    def __init__(self, behave: Callable[[socket.socket, int], object]) -> None:
        self._behave = behave
        self.arrivals: list[float] = []
        self.ended = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, name="hostile broker", daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self.arrivals.append(time.monotonic())
                threading.Thread(target=self._serve, args=(client, len(self.arrivals)), daemon=True).start()

    def _serve(self, client: socket.socket, number: int) -> None:
        with client:
            client.settimeout(30)
            with contextlib.suppress(OSError):
                client.recv(4096)
                self._behave(client, number)
            self.ended += 1

    def __enter__(self) -> HostileBroker:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
