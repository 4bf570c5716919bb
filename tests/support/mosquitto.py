"""A real broker, a client that listens to it, and a gate between it and a client that can be shut."""

from __future__ import annotations

import contextlib
import getpass
import json
import shutil
import signal
import socket
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

from .system import free_port
from .waiting import reached

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
PATIENCE = 60.0  # seconds that a busy machine may need for what takes milliseconds


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Wait until ``condition`` gives something true, and return that."""
    value = reached(condition, PATIENCE)
    assert value, f"in {PATIENCE:g} s it did not happen: {what}"
    return value


class Mosquitto:
    """A broker on a free port of this machine.

    Args:
        folder: for its files.
        options: further lines of its configuration.
        persistent: it keeps retained messages over a restart.
    """

    def __init__(self, folder: Path, *options: str, persistent: bool = False) -> None:
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        # A broker that root starts drops its privileges, and could not read the test's files.
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"user {getpass.getuser()}",
            f"persistence {str(persistent).lower()}",
        ]
        lines += [f"persistence_location {folder}/", "log_type error", "max_queued_messages 0", "sys_interval 0"]
        if not any(option.startswith("allow_anonymous") for option in options):
            lines.append("allow_anonymous true")
        self._config.write_text("\n".join([*lines, *options]) + "\n")
        self._process: Optional[subprocess.Popen[bytes]] = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        self._process = process = subprocess.Popen([MOSQUITTO, "-c", str(self._config)])

        def answers() -> bool:
            assert process.poll() is None, f"mosquitto ended with {process.returncode}"
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                return False
            return True

        wait_for(answers, "the broker listens")

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


class Received(NamedTuple):
    topic: str
    payload: str
    qos: int
    retain: bool

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Listener:
    """A client that subscribed to everything. ``received`` is what came, in order."""

    def __init__(self, port: int, **login: str) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.received: list[Received] = []
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        if login:
            self._client.username_pw_set(login["user"], login["password"])
        self._client.on_message = lambda client, data, message: self.received.append(
            Received(message.topic, message.payload.decode(), message.qos, message.retain)
        )
        self._client.on_subscribe = lambda *args: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe("#", qos=1)
        assert subscribed.wait(PATIENCE)

    def publish(self, topic: str, payload: str, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE)

    def of(self, topic: str) -> list[Received]:
        """What came on a topic, in order."""
        return [message for message in list(self.received) if message.topic == topic]

    def wait(self, topic: str, condition: Callable[[Received], Any] = lambda message: True) -> Received:
        """The first message on a topic for which ``condition`` holds; waits until there is one."""
        found: Received = wait_for(
            lambda: next((message for message in self.of(topic) if condition(message)), None), f"a message on {topic}"
        )
        return found

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def retained(port: int, **login: str) -> dict[str, str]:
    """Topic -> payload of all that a broker retains now."""
    with Listener(port, **login) as listener:
        # The broker sends what is retained before it handles the next message of the same client.
        last = f"test/{uuid.uuid4().hex}"
        listener.publish(last, "")
        listener.wait(last)
        return {message.topic: message.payload for message in listener.received if message.retain}


class Gate:
    """A port that forwards to another one while the gate is open."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._target_port = target_port
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        server = socket.create_server(("127.0.0.1", self.port))
        self._sockets.append(server)
        self._start(self._accept, server)

    def shut(self) -> None:
        """End all connections; new ones are refused."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._sockets, self._threads = [], []

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                self._sockets.append(client)
                target = socket.create_connection(("127.0.0.1", self._target_port))
                self._sockets.append(target)
                self._start(self._pump, client, target)
                self._start(self._pump, target, client)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _start(self, work: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def __enter__(self) -> Gate:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.shut()
