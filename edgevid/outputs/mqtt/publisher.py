"""The connection to the broker: one thread that empties the outbox and comes back when the broker does."""

from __future__ import annotations

import contextlib
import logging
import math
import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional, Union

from ...errors import OptionError
from ...runner.messages import Observation
from ...sources.base import SourceStatus
from .address import parse_address
from .client import make_client
from .outbox import OFFLINE, Message, Outbox
from .topics import Topics, check_node_id, check_prefix, slug

_LOGGER = logging.getLogger("edgevid.outputs.mqtt")

_CLOSE_SECONDS = 2.0
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 1.0, 30.0
_TICK_SECONDS = 1.0  # how often paho looks after its keepalive
_MAX_IN_FLIGHT = 20  # QoS 1 messages that the broker has not acknowledged; the other events wait in the outbox
_MAX_AT_ONCE = 100  # messages, until the broker is listened to again


class MqttPublisher:
    """A :class:`~edgevid.runner.messages.Watcher` that publishes to an MQTT broker: :mod:`edgevid.outputs.mqtt`.

    ``observe`` and ``status`` only remember: the network has a thread of its own, so that inference never waits for it. A broker
    that is absent, at the start or later, is tried again and again (after 1 s, then less and less often, at least every 30 s).
    Meanwhile the latest state of each source is kept, and the newest ``max_events`` events. When the broker is back, all
    retained topics are published anew, for it may have lost them.

    Args:
        url: ``mqtt://[user[:password]@]host[:1883]``, or ``mqtts://`` for TLS (port 8883).
        labels: the recogniser's classes.
        name: of this device, for people; default: the host's name.
        node_id: of this device in topics, ``[a-zA-Z0-9_-]``; default: made of ``name``. Two programs that share a broker need
            different ones.
        topic_prefix: of all topics.
        discovery_prefix: Home Assistant's; None leaves discovery out.
        password: instead of the URL's; default: the variable EDGEVID_MQTT_PASSWORD, which no list of processes shows.
        ca_file: PEM file of the authorities that vouch for a ``mqtts://`` broker; default: those of the system.
        interval_seconds: a source's state is published when it changes, and at most this often. Events are sent at once.
        stats_seconds: how often a source's stats are published.
        max_events: events that are kept while the broker is away; of more, the oldest are dropped, and counted.
        on_message: told in a sentence when the connection comes or fails; called from the publisher's thread. Default:
            the logger "edgevid.outputs.mqtt", whose warnings Python prints on stderr.

    Raises:
        OptionError: a bad URL, name or number. ExtraNotInstalledError: paho-mqtt is absent.
    """

    def __init__(
        self,
        url: str,
        labels: Sequence[str],
        *,
        name: Optional[str] = None,
        node_id: Optional[str] = None,
        topic_prefix: str = "edgevid",
        discovery_prefix: Optional[str] = "homeassistant",
        password: Optional[str] = None,
        ca_file: Optional[Union[str, Path]] = None,
        interval_seconds: float = 1.0,
        stats_seconds: float = 10.0,
        max_events: int = 1000,
        on_message: Optional[Callable[[str], None]] = None,
    ) -> None:
        self.address = parse_address(url, password)
        name = socket.gethostname() if name is None else name
        if not isinstance(name, str) or not name.strip():
            raise OptionError(f"name={name!r} was given; expected a name for this device, such as 'front door'.")
        self.topics = Topics(
            check_prefix("topic_prefix", topic_prefix), slug(name) if node_id is None else check_node_id(node_id)
        )
        if isinstance(max_events, bool) or not isinstance(max_events, int) or max_events < 1:
            raise OptionError(f"max_events={max_events!r} was given; expected an int of 1 or more.")
        self._outbox = Outbox(
            self.topics,
            name,
            labels,
            discovery_prefix=None if discovery_prefix is None else check_prefix("discovery_prefix", discovery_prefix),
            interval_seconds=_check_seconds("interval_seconds", interval_seconds),
            stats_seconds=_check_seconds("stats_seconds", stats_seconds),
            max_events=max_events,
        )
        self._birth_topic = None if discovery_prefix is None else f"{discovery_prefix}/status"
        self._on_message = on_message
        self._last_said: Optional[str] = None
        self._client = make_client(self.address, self.topics, ca_file, _MAX_IN_FLIGHT)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_publish = self._acknowledged
        self._client.on_message = self._received
        self._up = False  # from the broker's yes until the connection ends
        self._refused = False
        self._end_reason = ""
        self._in_flight: set[int] = set()  # QoS 1, by paho's number; paho itself sends them again after a reconnect
        self._farewell = 0  # the number of the last message; paho counts from 1
        self._closing = threading.Event()
        self._deadline = math.inf
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"edgevid mqtt {self.address}", daemon=True)
        self._thread.start()

    def observe(self, observation: Observation) -> None:
        if not self._closing.is_set() and self._outbox.observe(observation):
            self._wake()

    def status(self, status: SourceStatus) -> None:
        if not self._closing.is_set():
            self._outbox.status(status)
            self._wake()

    def close(self) -> None:
        """Send what is left, say "offline" and end the thread.

        Waits at most 2 s; a thread that is in the middle of a connection attempt then ends within a few seconds by itself.
        """
        if not self._closing.is_set():
            # The thread keeps a part of the time to end in.
            self._deadline = time.monotonic() + 0.75 * _CLOSE_SECONDS
            self._closing.set()
            self._wake()
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_SECONDS)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # it is full, so the thread will wake; or closed, so there is none
            self._wake_writer.send(b"\0")

    def _run(self) -> None:
        delay = _FIRST_RETRY_SECONDS
        try:
            while True:
                self._up = self._refused = False
                try:
                    self._serve()
                except Exception as error:  # a broken connection in whatever dress; the next may be better
                    self._say(f"{self._cannot_be_reached(error)}; it is tried again and again")
                if self._up:
                    delay = _FIRST_RETRY_SECONDS
                if self._closing.wait(delay):
                    return
                delay = min(2 * delay, _LAST_RETRY_SECONDS)
        finally:
            self._up = False
            for open_socket in (self._client.socket(), self._wake_reader, self._wake_writer):
                if open_socket is not None:
                    open_socket.close()
            lost = self._outbox.events_waiting + len(self._in_flight - {self._farewell})
            if lost:
                self._say(f"Events that were not sent to the MQTT broker {self.address}: {lost}")

    def _serve(self) -> None:
        """One connection, from its beginning to its end."""
        self._client.reconnect()
        while self._client.socket() is not None and not self._closing.is_set():
            self._send()
            self._listen()
        if self._closing.is_set():
            self._leave()
        elif self._up:
            self._say(
                f"The connection to the MQTT broker {self.address} was lost ({self._end_reason}); it is tried again"
            )
        elif not self._refused:
            self._say(
                f"The MQTT broker {self.address} ended the connection without an answer; check the port, and whether it "
                "wants mqtt:// or mqtts://. It is tried again and again"
            )

    def _leave(self) -> None:
        """Send what is left and say goodbye, as far as there is time."""
        self._step_while(lambda: not self._up)
        if not self._up:
            return
        self._outbox.hurry()
        self._step_while(lambda: self._outbox.due_in() is not None or self._outbox.events_waiting or self._in_flight)
        # QoS 1, so that the connection is not closed before the broker has read it.
        self._farewell = self._publish(Message(self.topics.availability, OFFLINE, qos=1, retain=True))
        self._step_while(lambda: self._in_flight)
        self._client.disconnect()
        self._step_while(lambda: True)

    def _step_while(self, condition: Callable[[], object]) -> None:
        while self._client.socket() is not None and condition() and time.monotonic() < self._deadline:
            self._send()
            if condition():
                self._listen()

    def _listen(self) -> None:
        """Wait for the network, for something to send, or for a second."""
        connection = self._client.socket()
        if connection is None:
            return
        writing = [connection] if self._client.want_write() else []
        # TLS may have read bytes ahead that select() does not know of.
        wait = 0.0 if getattr(connection, "pending", int)() else self._wait_seconds(bool(writing))
        readable, writable, _ = select.select([connection, self._wake_reader], writing, [], wait)
        if self._wake_reader in readable:
            self._wake_reader.recv(4096)
        if connection in readable or wait == 0.0:
            self._client.loop_read()
        if writable:
            self._client.loop_write()
        self._client.loop_misc()

    def _wait_seconds(self, writing: bool) -> float:
        wait = min(_TICK_SECONDS, max(self._deadline - time.monotonic(), 0.0))
        due_in = self._outbox.due_in() if self._up and not writing else None
        return wait if due_in is None else min(wait, due_in)

    def _send(self) -> None:
        # What the network does not take stays in the outbox, which is bounded; paho's own queue is not.
        for _ in range(_MAX_AT_ONCE):
            if not self._up or self._client.want_write() or self._client.socket() is None:
                return
            message = self._outbox.take_greeting()
            if message is None and len(self._in_flight) < _MAX_IN_FLIGHT:
                message = self._outbox.take_event()
            if message is None:
                message = self._outbox.take_latest()
            if message is None:
                return
            self._publish(message)

    def _publish(self, message: Message) -> int:
        number: int = self._client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain).mid
        if message.qos:
            self._in_flight.add(number)
        return number

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refused = True
            account = "a client without a user" if self.address.user is None else f"the user {self.address.user!r}"
            self._say(
                f"The MQTT broker {self.address} refuses {account}: {reason}. Check user and password; it is tried again and "
                "again"
            )
            return
        self._up = True
        self._last_said = None
        dropped = self._outbox.events_dropped
        self._say(
            f"Connected to the MQTT broker {self.address}; topics {self.topics.prefix}/{self.topics.node_id}/#"
            + (f". Events dropped so far: {dropped}" if dropped else ""),
            logging.INFO,
        )
        if self._birth_topic is not None:
            client.subscribe(self._birth_topic)
        self._outbox.republish()

    def _disconnected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._end_reason = str(reason)

    def _acknowledged(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        self._in_flight.discard(mid)

    def _received(self, client: Any, userdata: Any, message: Any) -> None:
        # A retained birth message is old: all was published when the connection began.
        if message.topic == self._birth_topic and message.payload == b"online" and not message.retain:
            self._outbox.republish()

    def _cannot_be_reached(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"The certificate of the MQTT broker {self.address} is not accepted ({error.verify_message}); name the file "
                "of its authority (ca_file)"
            )
        return f"The MQTT broker {self.address} cannot be reached ({error})"

    def _say(self, text: str, level: int = logging.WARNING) -> None:
        """Tell people, once until something else happens."""
        if text == self._last_said:
            return
        if level >= logging.WARNING:
            self._last_said = text
        if self._on_message is None:
            _LOGGER.log(level, text)
            return
        try:
            self._on_message(text)
        except Exception:  # the caller's code must not end this thread
            _LOGGER.exception("on_message failed")


def _check_seconds(name: str, seconds: float) -> float:
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds < math.inf:
        return float(seconds)
    raise OptionError(f"{name}={seconds!r} was given; expected a number of seconds, 0 or more.")
