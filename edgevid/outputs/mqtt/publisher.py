"""The connection to the broker: paho's thread, and what it is given to send."""

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

from ...errors import ExtraNotInstalledError, OptionError
from ...runner.messages import Message
from ...runner.state import SourceState
from ...support.checks import check_int, check_number, is_text, shown
from .broker_address import BrokerAddress, parse_broker_address
from .outbox import OFFLINE, Outbox
from .topics import Topics, check_node_id, check_prefix, slug

_LOGGER = logging.getLogger("edgevid.outputs.mqtt")

_CONNECT_SECONDS = 5.0
_KEEPALIVE_SECONDS = 30
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 1, 30
_CLOSE_SECONDS = 1.5  # for what is left, and half as long again for the thread to end
_MAX_IN_FLIGHT = 20  # messages that paho has not sent, or whose arrival the broker has not confirmed


class MqttPublisher:
    """An :class:`~edgevid.runner.messages.Output` that publishes to an MQTT broker: :mod:`edgevid.outputs.mqtt`.

    The network has a thread of its own, so that inference never waits for it. A broker that is absent, at the start or later, is
    tried again and again (after 1 s, then less and less often, at least every 30 s). Meanwhile the latest state of each source
    is kept, and the newest ``max_events`` events. When the broker is back, all retained topics are published anew, for it may
    have lost them.

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
        interval_seconds: a source's state is published when it changes, and at most this often: what came sooner is published
            with the first frame after the interval. Events are sent at once.
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
        self.address = parse_broker_address(url, password)
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
        # What became of the last attempt to connect, and whether its first message, by paho's number, was sent
        self._connected = self._refused = self._failed = self._up = False
        self._first: Optional[int] = None
        # paho's numbers of messages: those on their way, with their QoS, and those that have arrived since
        self._in_flight: dict[int, int] = {}
        self._arrived: deque[int] = deque()
        self._asked, self._publishing = False, threading.Lock()
        self._closed = False
        self._client = _make_client(self.address, self.topics, ca_file)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_birth
        self._client.loop_start()

    def take(self, message: Message, state: SourceState) -> None:
        """Something happened in a source. From any thread; never waits for the network."""
        if not self._closed:
            self._outbox.take(message, state)
            self._publish()

    def close(self) -> None:
        """Send what is left, say "offline" and end the thread. A second call does nothing.

        Takes about 2 s at most; a thread that is in the middle of a connection attempt then ends within seconds by itself.
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
        client.disconnect()
        # loop_stop() waits for as long as it takes; this does not.
        stopping = threading.Thread(target=client.loop_stop, name="edgevid mqtt", daemon=True)
        stopping.start()
        if self._up and time.monotonic() >= deadline and (connection := client.socket()) is not None:
            # The broker reads nothing, not even that this is the end.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        stopping.join(_CLOSE_SECONDS / 2)
        lost = self._outbox.events_waiting + sum(self._in_flight.values())
        if lost:
            self._say(f"Events that were not sent to the MQTT broker {self.address}: {lost}")
        self._client = None  # its sockets go with it

    def _publish(self) -> None:
        """Hand paho what is due. Any thread may ask, paho's own too; one at a time does it, for all.

        None waits for the one at work: paho calls ``on_publish`` with a lock of its own held, which ``publish`` needs.
        """
        self._asked = True
        while self._asked and self._publishing.acquire(blocking=False):
            try:
                self._asked = False
                self._publish_due()
            finally:
                self._publishing.release()

    def _publish_due(self) -> None:
        # What the network does not take stays in the outbox, which is bounded; paho's own queue drops the newest.
        client = self._client
        while self._arrived:
            self._in_flight.pop(self._arrived.popleft(), None)
        while self._up and client is not None and len(self._in_flight) < _MAX_IN_FLIGHT:
            publication = self._outbox.next()
            if publication is None:
                return
            self._in_flight[client.publish(*publication).mid] = publication.qos

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._failed = self._refused = reason.is_failure
        if self._client is None:  # close() did not wait for this attempt
            client.disconnect()
            return
        if reason.is_failure:
            account = "a client without a user" if self.address.user is None else f"the user {self.address.user!r}"
            self._say(
                f"The MQTT broker {self.address} refuses {account}: {reason}. Check user and password; it is tried again and "
                "again"
            )
            return
        self._connected = True
        self._last_said = None
        dropped = self._outbox.events_dropped
        self._say(
            f"Connected to the MQTT broker {self.address}; topics {self.topics.prefix}/{self.topics.node_id}/#"
            + (f". Events dropped so far: {dropped}" if dropped else ""),
            logging.INFO,
        )
        if self._birth_topic is not None:
            client.subscribe(self._birth_topic)
        # paho sends again what was not acknowledged when this returns, so that new events wait for the first message. What
        # was sent with QoS 0 is lost.
        self._arrived.extend(mid for mid, qos in self._in_flight.copy().items() if qos == 0)
        self._outbox.republish()
        first = self._outbox.next()
        self._first = client.publish(*first).mid if first is not None else None

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
        self._say(f"{text}; it is tried again and again")

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        was_connected, self._connected, self._up, self._failed = self._connected, False, False, True
        if self._closed or self._refused:
            return
        if was_connected:
            self._say(f"The connection to the MQTT broker {self.address} was lost ({reason}); it is tried again")
        else:
            self._say(
                f"The MQTT broker {self.address} ended the connection without an answer; check the port, and whether it "
                "wants mqtt:// or mqtts://. It is tried again and again"
            )

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        """A message of QoS 0 was sent, or the broker has one of QoS 1."""
        self._arrived.append(mid)
        if mid == self._first:
            self._up = True
        self._publish()

    def _on_birth(self, client: Any, userdata: Any, message: Any) -> None:
        # A retained birth message is old: all was published when the connection began.
        if message.topic == self._birth_topic and message.payload == b"online" and not message.retain:
            self._outbox.republish()
            self._publish()

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
        except Exception:  # the caller's code must not end paho's thread
            _LOGGER.exception("on_message failed")


def _make_client(address: BrokerAddress, topics: Topics, ca_file: Optional[Union[str, Path]]) -> Any:
    """A ``paho.mqtt.client.Client`` whose loop is not yet started."""
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"MQTT needs paho-mqtt 2 or newer, which cannot be imported ({error}): pip install 'edgevid[mqtt]'"
        ) from error

    # A broker ends the connection of another client with the same id; 23 characters are what every broker takes.
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"edgevid-{topics.node_id[:6]}-{os.urandom(4).hex()}")
    client.connect_timeout = _CONNECT_SECONDS
    client.max_inflight_messages = 0  # bounded by _MAX_IN_FLIGHT
    client.reconnect_delay_set(_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS)
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        try:
            client.tls_set_context(ssl.create_default_context(cafile=None if ca_file is None else str(ca_file)))
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise OptionError(
                f"ca_file={str(ca_file)!r} was given, but cannot be read as PEM certificates: {error}"
            ) from error
    elif ca_file is not None:
        raise OptionError(
            f"ca_file={str(ca_file)!r} was given with mqtt://; expected mqtts://, which is checked by it."
        )
    client.will_set(topics.availability, OFFLINE, qos=1, retain=True)
    client.connect_async(address.host, address.port, keepalive=_KEEPALIVE_SECONDS)
    return client


def _wait(condition: Callable[[], object], deadline: float) -> None:
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
