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

_SILENT_SECONDS = 5.0  # a broker that has said nothing for so long is mentioned
_HELLO_SECONDS = 2.0  # in which the broker sends what it has of the last run; one that lets us read nothing never does
_AGAIN_SECONDS = 10.0  # the least time between two requests of Home Assistant that are fulfilled
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
        node_id: of this device in topics, ``[a-zA-Z0-9_-]``; default: made of ``name`` or, where there is none, of the host's
            name and ``sources``. Two programs that share a broker need different ones, and are told where they do not.
        sources: names of what is streamed, so that programs on one host differ, each the same at every start.
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
        # What became of the last attempt to connect, and whether it is so far that messages may be sent
        self._connected = self._refused = self._failed = self._up = False
        self._silent = self._flooded = False
        self._connected_at, self._pauses = 0.0, Pauses()
        # The beginning of a connection, at which it is asked what of the last run and which other program is there
        self._greeted, self._greeting, self._alarm = True, threading.Lock(), Alarm("edgevid mqtt")
        self._hello, self._met_another = os.urandom(8).hex().encode(), False
        # When all was last published again for Home Assistant, and when it is to be again
        self._again_at: Optional[float] = None
        self._last_again = float("-inf")
        # paho's numbers of messages: those on their way, with their QoS, and those that have arrived since
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
        self._alarm.cancel()
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
                f"The MQTT broker {self.address} is reached, but says nothing; check the port, and whether it wants mqtt:// or "
                "mqtts://. It is tried again and again"
            )

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._alarm.cancel()
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
        self._connected, self._connected_at = True, time.monotonic()
        self._last_said = None
        dropped = self._outbox.events_dropped
        self._say(
            f"Connected to the MQTT broker {self.address}; topics {self.topics.prefix}/{self.topics.node_id}/#"
            + (f". Events dropped so far: {dropped}" if dropped else ""),
            logging.INFO,
        )
        # paho sends again what was not acknowledged when this returns, and new messages come after that. What was sent with QoS 0
        # is lost.
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
        # It comes back behind what the broker retains.
        if not self._greeted:
            client.publish(self.topics.hello, self._hello)

    def _greet(self) -> None:
        """Publish all that is retained, and then "online"."""
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
        self._say(f"{text}; it is tried again and again")

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        was_connected, self._connected, self._up, self._failed = self._connected, False, False, True
        self._alarm.cancel()
        if was_connected:
            self._pauses.set(client, time.monotonic() - self._connected_at)
        if self._closed or self._refused or self._silent:
            return
        if self._flooded:
            self._say(
                f"The MQTT broker {self.address} sends more than a broker has to say; the connection was ended. It is tried again"
            )
        elif was_connected:
            self._say(f"The connection to the MQTT broker {self.address} was lost ({reason}); it is tried again")
        else:
            self._say(
                f"The MQTT broker {self.address} ended the connection without an answer; check the port, and whether it "
                "wants mqtt:// or mqtts://. It is tried again and again"
            )

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        """A message of QoS 0 was sent, or the broker has one of QoS 1."""
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
            # One that is retained is old: all was published when the connection began.
            if message.payload == b"online" and not message.retain and self._again_at is None:
                self._again_at = max(time.monotonic(), self._last_again + _AGAIN_SECONDS)
        elif topic == self.topics.hello:
            self._on_hello(client, message.payload)
        elif topic == self.topics.availability:
            # Of another program of this name, or the last will of a connection of ours that was lost
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
                f"Another program publishes to the MQTT broker {self.address} as {self.topics.node_id!r} too, and what both "
                "publish is mixed up; give each a name of its own (name, --mqtt-name)"
            )

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


def _wait(condition: Callable[[], object], deadline: float) -> None:
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
