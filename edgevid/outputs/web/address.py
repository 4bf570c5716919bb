"""The address of the page: parsing it, listening on it, and the URL to open."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from contextlib import suppress
from typing import Optional, Union
from urllib.parse import quote

from ...errors import EdgevidError, OptionError

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080
DEFAULT_ADDRESS = f"{DEFAULT_HOST}:{DEFAULT_PORT}"

_ADDRESS = re.compile(r"(\[(?P<ipv6>[^\]]+)\]|(?P<name>[^:\[\]]*))(:(?P<port>[0-9]{1,5}))?")
_HOST_NAME = re.compile(r"(?=.{0,253}$)(\w([\w-]*[^\W_])?(\.\w([\w-]*[^\W_])?)*\.?)?", re.ASCII)
# The kernel's send buffer for a browser that does not read: small, since pictures age.
_SEND_BUFFER_BYTES = 128 * 1024
_BACKLOG = 64


def parse_address(text: str) -> tuple[str, int]:
    """Parse ``HOST:PORT``, ``HOST``, ``PORT`` or ``:PORT`` into host and port; the default is 127.0.0.1:8080.

    An IPv6 address with a port is written in brackets.

    >>> parse_address("0.0.0.0:9000"), parse_address("9000"), parse_address("[::1]:80")
    (('0.0.0.0', 9000), ('127.0.0.1', 9000), ('::1', 80))

    Raises:
        OptionError: it is none of these.
    """
    given = text.strip()
    if given.isdecimal():
        given = f":{given}"
    elif _is_ipv6(given):
        given = f"[{given}]"
    parts = _ADDRESS.fullmatch(given)
    if given and parts is not None:
        ipv6, name, port = parts["ipv6"], parts["name"], int(parts["port"] or DEFAULT_PORT)
        if port <= 65535 and (_is_ipv6(ipv6) if ipv6 else _HOST_NAME.fullmatch(name)):
            return ipv6 or name or DEFAULT_HOST, port
    raise OptionError(
        f"The address {text!r} was given; expected HOST:PORT, HOST or PORT, the port from 0 to 65535, such as "
        "0.0.0.0:8080, 9000 or [::1]:8080."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server bound to ``host``."""
    ip = _ip(host)
    return _is_localhost(host) if ip is None else ip.is_loopback


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes any free port.

    Raises:
        EdgevidError: the address is not available; the message says why.
    """
    try:
        # "localhost" may mean two addresses; the one that browsers try last is enough, and the same on every machine.
        name = DEFAULT_HOST if _is_localhost(host) else host
        family, _, _, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
        both = family == socket.AF_INET6 and _is_wildcard(host) and socket.has_dualstack_ipv6()
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        where = f"{f'[{host}]' if ':' in host else host}:{port}"
        raise EdgevidError(f"The web page cannot be served at {where}: {_why_not(port, error)}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)  # its connections inherit it
    return listener


def page_url(host: str, port: int, token: Optional[str], *, https: bool = False) -> str:
    """The URL to open in a browser. For a server on all networks, it has this machine's address on the default one."""
    name = _own_address(host) if _is_wildcard(host) else host
    name = f"[{name.replace('%', '%25')}]" if ":" in name else name
    return f"http{'s' * https}://{name}:{port}/" + (f"?token={quote(token, safe='')}" if token else "")


def _ip(host: str) -> Optional[Union[ipaddress.IPv4Address, ipaddress.IPv6Address]]:
    with suppress(ValueError):
        return ipaddress.ip_address(host)
    return None


def _is_ipv6(host: str) -> bool:
    return isinstance(_ip(host), ipaddress.IPv6Address)


def _is_wildcard(host: str) -> bool:
    ip = _ip(host)
    return ip is not None and ip.is_unspecified


def _is_localhost(host: str) -> bool:
    return host.lower().rstrip(".") == "localhost"


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return f"another program uses this port. Choose another one, such as {other}, or port 0 for any that is free."
    if error.errno == errno.EACCES:
        return f"ports below 1024 are for root. Choose another one, such as {DEFAULT_PORT}."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return (
            "that is not an address of this machine. Use 127.0.0.1 for browsers on this machine, or 0.0.0.0 for those on all of "
            "its networks."
        )
    return f"{os.strerror(error.errno) if error.errno else error}."


def _own_address(wildcard: str) -> str:
    """This machine's address on its default route; its host name if there is none."""
    family, far_away = (socket.AF_INET6, "2001:db8::1") if ":" in wildcard else (socket.AF_INET, "192.0.2.1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far_away, 9))  # chooses a route; sends nothing
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()
