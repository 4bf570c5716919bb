"""paho's client, set up and not yet connected."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any, Optional, Union

from ...errors import ExtraNotInstalledError, OptionError
from .address import BrokerAddress
from .outbox import OFFLINE
from .topics import Topics

_CONNECT_SECONDS = 5.0
_KEEPALIVE_SECONDS = 30


def make_client(address: BrokerAddress, topics: Topics, ca_file: Optional[Union[str, Path]], max_in_flight: int) -> Any:
    """A ``paho.mqtt.client.Client`` for one thread that reads, writes and reconnects itself.

    Raises:
        ExtraNotInstalledError: paho-mqtt is absent or too old. OptionError: ``ca_file`` cannot be used.
    """
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"MQTT needs paho-mqtt 2 or newer, which cannot be imported ({error}): pip install 'edgevid[mqtt]'"
        ) from error

    # A broker ends the connection of another client with the same id; 23 characters are what every broker takes.
    client_id = f"edgevid-{topics.node_id[:6]}-{os.urandom(4).hex()}"
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    client.connect_timeout = _CONNECT_SECONDS
    client.max_inflight_messages = max_in_flight + 1  # and the last message of all
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        client.tls_set_context(_tls_context(ca_file))
    elif ca_file is not None:
        raise OptionError(
            f"ca_file={str(ca_file)!r} was given with mqtt://; expected mqtts://, which is checked by it."
        )
    client.will_set(topics.availability, OFFLINE, qos=1, retain=True)
    client.connect_async(address.host, address.port, keepalive=_KEEPALIVE_SECONDS)
    return client


def _tls_context(ca_file: Optional[Union[str, Path]]) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise OptionError(
            f"ca_file={str(ca_file)!r} was given, but cannot be read as PEM certificates: {error}"
        ) from error
