"""The connection to the broker: runs paho's thread and hands it what to send."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Optional, Union

from ...errors import OptionError
from ...runner.messages import Message
from ...runner.state import SourceState
from ...support.checks import check_int, check_number, is_text, shown
from .alarm import Alarm
from .broker_address import parse_broker_address
from .client import Pauses, make_client
from .outbox import OFFLINE, Outbox
from .topics import Topics, check_node_id, check_prefix, default_node_id, slug

_LOGGER = logging.getLogger("edgevid.outputs.mqtt")

_SILENT_SECONDS = 5.0  # a broker that has said nothing for so long is reported
_HELLO_SECONDS = 2.0  # the broker's time to send retained messages of the last run; it may refuse to
_AGAIN_SECONDS = 10.0  # minimum time between two responses to Home Assistant's requests
_CLOSE_SECONDS = 1.5  # to send what is left; the thread gets half of that again to end
_MAX_IN_FLIGHT = 20  # messages not yet sent by paho, or not yet acknowledged by the broker


class MqttPublisher:
    """An :class:`~edgevid.runner.messages.Output` that publishes to an MQTT broker: :mod:`edgevid.outputs.mqtt`.

    The network has its own thread, so that inference never waits for it. If the broker is absent, at the start or later, the
    connection is retried (after 1 s, then less often, at least every 30 s). Meanwhile the latest state of each source and the
    newest ``max_events`` events are kept. When the broker is back, all retained topics are published again, because it may
    have lost them.

    Args:
        url: ``mqtt://[user[:password]@]host[:1883]``, or ``mqtts://`` for TLS (port 8883).
        labels: the recogniser's classes.
        name: name of this device, for people; default: the host name.
        node_id: name of this device in topics, ``[a-zA-Z0-9_-]``; default: made from ``name`` or, without one, from the host
            name and ``sources``. Programs that share a broker need different ones; a warning says when they clash.
        sources: names of the sources, used to give each program on a host its own ``node_id``, the same at every start.
        topic_prefix: prefix of all topics.
        discovery_prefix: Home Assistant's discovery prefix; None disables discovery.
        password: overrides the URL's; default: the variable EDGEVID_MQTT_PASSWORD, which process lists do not show.
        ca_file: PEM file of the certificate authorities to trust for ``mqtts://``; default: the system's.
        interval_seconds: minimum time between two states of a source. States are published when they change; a change within
            the interval is published with the first frame after it. Events are sent at once.
        stats_seconds: how often a source's stats are published.
        max_events: number of events to keep while the broker is away; beyond it the oldest are dropped and counted.
        on_message: called with a sentence when the connection is made or fails, in the publisher's thread. Default:
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
        sources: Sequence[str] = (),
        topic_prefix: str = "edgevid",
        discovery_prefix: Optional[str] = "homeassistant",
        password: Optional[str] = None,
        ca_file: Optional[Union[str, Path]] = None,
        interval_seconds: float = 1.0,
        stats_seconds: float = 10.0,
        max_events: int = 1000,
        on_message: Optional[Callable[[str], None]] = None,
    ) -> None:
        self.address = parse_broker_address(url, password)
        if node_id is None and name is None:
            node_id = default_node_id(socket.gethostname(), sources)
        name = socket.gethostname() if name is None else name
        if not isinstance(name, str) or not name.strip() or not is_text(name):
            raise OptionError(f"name={shown(name)} was given; expected a name for this device, such as 'front door'.")
        self.topics = Topics(
            check_prefix("topic_prefix", topic_prefix), slug(name) if node_id is None else check_node_id(node_id)
        )
        self._outbox = Outbox(
            self.topics,
            name,
            labels,
            discovery_prefix=None if discovery_prefix is None else check_prefix("discovery_prefix", discovery_prefix),
            interval_seconds=check_number("interval_seconds", interval_seconds, 0, unit="seconds"),
            stats_seconds=check_number("stats_seconds", stats_seconds, 0, unit="seconds"),
            max_events=check_int("max_events", max_events, 1),
        )
        self._birth_topic = None if discovery_prefix is None else f"{discovery_prefix}/status"
        self._on_message = on_message
        self._last_said: Optional[str] = None
        # The result of the last attempt to connect, and whether messages may be sent yet
        self._connected = self._refused = self._failed = self._up = False
        self._silent = self._flooded = False
        self._connected_at, self._pauses = 0.0, Pauses()
        # The start of a connection, in which we look for retained messages of the last run and for another program
        self._greeted, self._greeting, self._alarm = True, threading.Lock(), Alarm("edgevid mqtt")
        self._hello, self._met_another = os.urandom(8).hex().encode(), False
        # When everything was last published again for Home Assistant, and when it is due again
        self._again_at: Optional[float] = None
        self._last_again = float("-inf")
        # paho's message numbers: those under way, with their QoS, and those acknowledged since
        self._in_flight: dict[int, int] = {}
        self._arrived: deque[int] = deque()
        self._asked, self._publishing = False, threading.Lock()
        self._closed = False
        self._client = make_client(self.address, self.topics.node_id, ca_file, self._on_flood)
        self._client.will_set(self.topics.availability, OFFLINE, qos=1, retain=True)
        self._client.on_socket_open = self._on_socket_open
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_incoming
        self._client.loop_start()

    def take(self, message: Message, state: SourceState) -> None:
        """Something happened in a source. Callable from any thread; never waits for the network."""
        if not self._closed:
            self._outbox.take(message, state)
            self._publish()

    def close(self) -> None:
        """Send what is left, say "offline" and end the thread. A second call does nothing.

        Takes about 2 s at most; a thread that is in the middle of a connection attempt ends by itself within seconds after.
        """
        if self._closed:
            return
        self._closed = True
        client, deadline = self._client, time.monotonic() + _CLOSE_SECONDS
        self._outbox.hurry()
        self._publish()
        _wait(lambda: self._failed or (self._up and self._outbox.is_empty and not self._in_flight), deadline)
        if self._up:
            # QoS 1, so that the connection is not closed before the broker has read it.
            farewell = client.publish(self.topics.availability, OFFLINE, qos=1, retain=True)
            with suppress(RuntimeError):  # the connection has just ended
                _wait(lambda: farewell.is_published() or not self._up, deadline)
        self._alarm.cancel()
        client.disconnect()
        # loop_stop() would wait without a limit
        stopping = threading.Thread(target=client.loop_stop, name="edgevid mqtt", daemon=True)
        stopping.start()
        if self._up and time.monotonic() >= deadline and (connection := client.socket()) is not None:
            # The broker reads nothing, not even the goodbye.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        stopping.join(_CLOSE_SECONDS / 2)
        lost = self._outbox.events_waiting + sum(self._in_flight.values())
        if lost:
            self._say(f"Events that were not sent to the MQTT broker {self.address}: {lost}")
        self._client = None  # closes its sockets

    def _publish(self) -> None:
        """Hand paho what is due. Any thread may call it, paho's own too; one at a time does the work for all.

        No caller waits for it: paho calls ``on_publish`` while it holds a lock that ``publish`` needs.
        """
        self._asked = True
        while self._asked and self._publishing.acquire(blocking=False):
            try:
                self._asked = False
                self._publish_due()
            finally:
                self._publishing.release()

    def _publish_due(self) -> None:
        # Messages that the network does not take stay in the outbox, which is bounded; paho's own queue drops the newest.
        client = self._client
        if self._again_at is not None and time.monotonic() >= self._again_at:
            self._again_at, self._last_again = None, time.monotonic()
            self._outbox.republish()
        while self._arrived:
            self._in_flight.pop(self._arrived.popleft(), None)
        while self._up and client is not None and len(self._in_flight) < _MAX_IN_FLIGHT:
            publication = self._outbox.next()
            if publication is None:
                return
            self._in_flight[client.publish(*publication).mid] = publication.qos

    def _on_socket_open(self, client: Any, userdata: Any, connection: Any) -> None:
        self._silent = self._flooded = False
        self._alarm.set(_SILENT_SECONDS, self._mention_silence)

    def _mention_silence(self) -> None:
        if not (self._closed or self._connected):
            self._silent = True
            self._say(
                f"The MQTT broker {self.address} accepts connections but says nothing; check the port, and whether it needs "
                "mqtt:// or mqtts://. Retrying"
            )

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._alarm.cancel()
        self._failed = self._refused = reason.is_failure
        if self._client is None:  # close() did not wait for this attempt
            client.disconnect()
            return
        if reason.is_failure:
            account = "a client without a user" if self.address.user is None else f"the user {self.address.user!r}"
            self._say(f"The MQTT broker {self.address} refuses {account}: {reason}. Check user and password; retrying")
            return
        self._connected, self._connected_at = True, time.monotonic()
        self._last_said = None
        dropped = self._outbox.events_dropped
        self._say(
            f"Connected to the MQTT broker {self.address}; topics {self.topics.prefix}/{self.topics.node_id}/#"
            + (f". Events dropped so far: {dropped}" if dropped else ""),
            logging.INFO,
        )
        # After this returns, paho resends messages that were not acknowledged, and then new ones. Messages sent with QoS 0
        # are lost.
        self._arrived.extend(mid for mid, qos in self._in_flight.copy().items() if qos == 0)
        self._greeted = False
        topics = [*self._topics_of_sources, self.topics.availability, self.topics.hello]
        if self._birth_topic is not None:
            topics.append(self._birth_topic)
        client.subscribe([(topic, 0) for topic in topics])
        self._alarm.set(_HELLO_SECONDS, self._greet)

    @property
    def _topics_of_sources(self) -> list[str]:
        return [self.topics.of_source("+", leaf) for leaf in ("state", "stats")]

    def _on_subscribe(self, client: Any, userdata: Any, mid: int, reasons: Any, properties: Any) -> None:
        # Our hello comes back after all that the broker retains.
        if not self._greeted:
            client.publish(self.topics.hello, self._hello)

    def _greet(self) -> None:
        """Publish all retained topics, and then "online"."""
        client = self._client
        with self._greeting:
            if self._greeted or not self._connected or client is None:
                return
            self._greeted = True
        self._alarm.cancel()
        client.unsubscribe(self._topics_of_sources)
        self._outbox.republish()
        self._up = True
        self._publish()

    def _on_connect_fail(self, client: Any, userdata: Any) -> None:
        self._failed = True
        if self._closed:
            return
        error = sys.exc_info()[1]  # paho calls this where it handles the error
        if isinstance(error, ssl.SSLCertVerificationError):
            text = (
                f"The certificate of the MQTT broker {self.address} is not accepted ({error.verify_message}); name the file "
                "of its authority (ca_file)"
            )
        else:
            text = f"The MQTT broker {self.address} cannot be reached ({error})"
        self._say(f"{text}; retrying")

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        was_connected, self._connected, self._up, self._failed = self._connected, False, False, True
        self._alarm.cancel()
        if was_connected:
            self._pauses.set(client, time.monotonic() - self._connected_at)
        if self._closed or self._refused or self._silent:
            return
        if self._flooded:
            self._say(f"The MQTT broker {self.address} sends too much; the connection was closed. Retrying")
        elif was_connected:
            self._say(f"The connection to the MQTT broker {self.address} was lost ({reason}); retrying")
        else:
            self._say(
                f"The MQTT broker {self.address} ended the connection without an answer; check the port, and whether it "
                "needs mqtt:// or mqtts://. Retrying"
            )

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        """A message with QoS 0 was sent, or the broker acknowledged one with QoS 1."""
        self._arrived.append(mid)
        self._publish()

    def _on_flood(self) -> None:
        self._flooded = True

    def _on_incoming(self, client: Any, userdata: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        if topic == self._birth_topic:
            # A retained one is old: everything was published when the connection began.
            if message.payload == b"online" and not message.retain and self._again_at is None:
                self._again_at = max(time.monotonic(), self._last_again + _AGAIN_SECONDS)
        elif topic == self.topics.hello:
            self._on_hello(client, message.payload)
        elif topic == self.topics.availability:
            # From another program of this name, or the last will of a lost connection of ours
            if message.payload == OFFLINE.encode() and self._up and not self._closed:
                self._outbox.say_online()
        elif message.retain and message.payload:
            self._outbox.replace_stale(topic)
        self._publish()

    def _on_hello(self, client: Any, whose: bytes) -> None:
        if whose == self._hello:
            self._greet()
        elif not self._met_another:
            self._met_another = True
            client.publish(self.topics.hello, self._hello)  # so that it knows too
            self._say(
                f"Another program publishes to the MQTT broker {self.address} as {self.topics.node_id!r} too, so their messages "
                "are mixed up; give each program its own name (name, --mqtt-name)"
            )

    def _say(self, text: str, level: int = logging.WARNING) -> None:
        """Report to the user, but not the same text twice in a row."""
        if text == self._last_said:
            return
        if level >= logging.WARNING:
            self._last_said = text
        if self._on_message is None:
            _LOGGER.log(level, text)
            return
        try:
            self._on_message(text)
        except Exception:  # the caller's code must not end paho's thread
            _LOGGER.exception("on_message failed")


def _wait(condition: Callable[[], object], deadline: float) -> None:
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
