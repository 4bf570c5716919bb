"""A paho-mqtt client hardened so that a malicious broker can neither fill the memory nor end its thread."""

from __future__ import annotations

import os
import ssl
import time
from pathlib import Path
from typing import Any, Callable, Optional, Union

from ...errors import ExtraNotInstalledError, OptionError
from ...support.extras import install_command
from ...support.files import MAX_TEXT, read_content
from ...support.retry import Retry
from .broker_address import BrokerAddress

_CONNECT_SECONDS = 5.0
_KEEPALIVE_SECONDS = 15
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 1, 30
_SHORT_LIFE_SECONDS = 10.0  # of a connection
# How much a broker may send: a burst, and an average rate. A broker sends little: a few bytes for each published message, and
# the retained messages of the last run.
_MAX_BURST_BYTES = 256 * 1024
_MAX_BYTES_A_SECOND = 32 * 1024
_MAX_PACKET_BYTES = 64 * 1024
# All packets that a broker sends to a client that subscribes with QoS 0 and publishes with 0 or 1: CONNACK, PUBLISH, PUBACK,
# SUBACK, UNSUBACK, PINGRESP. None of them makes paho keep or answer anything.
_EXPECTED = {0x20, 0x30, 0x40, 0x90, 0xB0, 0xD0}


class Allowance:
    """A token bucket: limits a burst and the average rate.

    Args:
        burst: size of the bucket.
        per_second: refill rate.
        clock: returns the time in seconds.
    """

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._left, self._since = burst, clock()

    def take(self, amount: float) -> bool:
        """Take ``amount`` from the bucket. False: there is not enough left."""
        now = self._clock()
        self._left = min(self._left + (now - self._since) * self._per_second, self._burst) - amount
        self._since = now
        return self._left >= 0


class Pauses:
    """The wait before a reconnection. It grows while a broker keeps closing new connections soon."""

    def __init__(self) -> None:
        self._retry = Retry(_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS)

    def set(self, client: Any, lived_seconds: float) -> None:
        """Set the client's wait after a connection that lasted that long. paho itself handles failed attempts."""
        if lived_seconds >= _SHORT_LIFE_SECONDS:
            self._retry.reset()
        client.reconnect_delay_set(self._retry.next_delay(), _LAST_RETRY_SECONDS)


def make_client(
    address: BrokerAddress, name: str, ca_file: Optional[Union[str, Path]], on_flood: Callable[[], object]
) -> Any:
    """A ``paho.mqtt.client.Client`` whose loop is not started.

    Args:
        address: the broker.
        name: the beginning of the client's id.
        ca_file: PEM file of the certificate authorities to trust for TLS.
        on_flood: called, in paho's thread, when the broker exceeded its limit and the connection was closed.

    Raises:
        OptionError: ``ca_file`` cannot be read, or is not needed. ExtraNotInstalledError: paho-mqtt is absent.
    """
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"MQTT needs paho-mqtt 2 or newer, which cannot be imported ({error}): {install_command('mqtt')}"
        ) from error

    # A broker disconnects another client with the same id. Every broker accepts ids of 23 characters.
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"edgevid-{name[:6]}-{os.urandom(4).hex()}")
    client.connect_timeout = _CONNECT_SECONDS
    client.max_inflight_messages = 0  # the publisher limits them
    client.reconnect_delay_set(_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS)
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        try:
            if ca_file is not None:
                read_content(Path(ca_file), MAX_TEXT)  # OpenSSL would wait for a pipe
            context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
            if ca_file is not None:
                # Python 3.13 requires extensions that home-made certificates usually lack.
                context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            client.tls_set_context(context)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise OptionError(
                f"ca_file={str(ca_file)!r} was given, but cannot be read as PEM certificates: {error}"
            ) from error
    elif ca_file is not None:
        raise OptionError(f"ca_file={str(ca_file)!r} was given with mqtt://; it is only used with mqtts://.")
    _guard(client, on_flood)
    client.connect_async(address.host, address.port, keepalive=_KEEPALIVE_SECONDS)
    return client


def _guard(client: Any, on_flood: Callable[[], object]) -> None:
    """Limit what is read, and so what is kept and answered; keep packets from ending the reading thread.

    paho has no hooks for this, so two of its methods are replaced. The tests with a hostile broker fail if a version of paho
    has other methods.
    """
    from paho.mqtt.enums import MQTTErrorCode

    receive, handle = client._sock_recv, client._packet_handle
    allowance = Allowance(_MAX_BURST_BYTES, _MAX_BYTES_A_SECOND)

    def receive_bounded(size: int) -> bytes:  # size: what is left of the packet
        data: bytes = b"" if size > _MAX_PACKET_BYTES else receive(size)
        if size <= _MAX_PACKET_BYTES and allowance.take(len(data)):
            return data
        on_flood()
        return b""  # as if the broker had closed the connection

    def handle_expected() -> Any:
        command = client._in_packet["command"]
        kind, qos = command & 0xF0, command & 0x06
        if kind not in _EXPECTED or (kind == 0x30 and qos) or (kind == 0x20 and client.is_connected()):
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        try:
            return handle()
        except Exception:  # paho's parser may raise anything for invalid bytes
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    client._sock_recv, client._packet_handle = receive_bounded, handle_expected
