"""Parsing ``mqtts://user@broker.local:8883`` into the broker's address and the account."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import unquote, urlsplit

from ...errors import OptionError
from ...support.checks import is_text
from ...support.credentials import without_credentials

PASSWORD_VARIABLE = "EDGEVID_MQTT_PASSWORD"
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class BrokerAddress:
    """The address of a broker, and the account there. Its text contains no password."""

    host: str
    port: int
    tls: bool
    user: Optional[str] = None
    password: Optional[str] = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_broker_address(url: str, password: Optional[str] = None) -> BrokerAddress:
    """Read a broker's URL.

    Args:
        url: ``mqtt://[user[:password]@]host[:1883]``, or ``mqtts://`` for TLS (port 8883). Special characters of user and
            password are percent-encoded.
        password: overrides the URL's; without either, the variable EDGEVID_MQTT_PASSWORD is used.

    Raises:
        OptionError: it is not such a URL, or there is a password without a user.
    """
    if not isinstance(url, str):
        raise _bad(url, "it is not a string")
    if re.search(r"[\s\x00-\x1f\x7f]", url) or not is_text(url):
        raise _bad(url, "it holds white space or control characters, or is not text")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # the resolver would fail later, in another thread
    except ValueError as error:
        # The original message may contain part of the password.
        reason = "its port is not a number from 1 to 65535" if "port" in str(error).lower() else "it cannot be read"
        raise _bad(url, reason) from None
    if parts.scheme not in _PORTS:
        raise _bad(url, "it does not begin with mqtt:// or mqtts://")
    if not host:
        raise _bad(url, "it names no host")
    if port == 0:
        raise _bad(url, "its port is not a number from 1 to 65535")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _bad(url, "something follows the host and the port")
    user = unquote(parts.username) if parts.username else None
    if user is None and (password or parts.password):
        raise _bad(url, "a password was given without a user")
    if user is not None and password is None:
        password = unquote(parts.password) if parts.password else os.environ.get(PASSWORD_VARIABLE)
    return BrokerAddress(host, port or _PORTS[parts.scheme], parts.scheme == "mqtts", user, password or None)


def _bad(url: object, reason: str) -> OptionError:
    shown = repr(url)
    if isinstance(url, str):
        shown = repr(without_credentials("***@" + url.rpartition("@")[2] if "@" in url else url))
    return OptionError(
        f"The MQTT broker {shown} was given, but {reason}; expected mqtt://[user@]host[:1883], or mqtts://[user@]host[:8883] for "
        "TLS, with special characters of the user and the password percent-encoded (@ as %40). The password may come from the "
        f"variable {PASSWORD_VARIABLE}."
    )
