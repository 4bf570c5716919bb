"""Reverse proxies in front of the page, and the clients behind them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Optional, Union

from ...errors import OptionError

_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class Proxies:
    """The trusted proxies; ``X-Forwarded-...`` headers from others are ignored.

    Args:
        names: addresses or networks of the proxies, such as ``127.0.0.1`` or ``172.17.0.0/16``.

    Raises:
        OptionError: one is neither.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._networks = []
        for name in names:
            try:
                self._networks.append(ipaddress.ip_network(name.strip(), strict=False))
            except (ValueError, AttributeError) as error:
                raise OptionError(
                    f"The proxy {name!r} was given; expected its address or network, such as 127.0.0.1 or 172.17.0.0/16."
                ) from error

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, peer: str) -> bool:
        """Whether ``peer`` is one of the proxies."""
        address = _address(peer)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The client behind ``peer``: the last address in ``X-Forwarded-For`` that is no proxy; ``peer`` if it is no proxy."""
        for name in reversed(forwarded_for.split(",")):
            if not self.trusts(peer) or _address(name) is None:
                break
            peer = name.strip()
        return peer


def party(peer: str) -> str:
    """The unit that limits count for: an address, or the /64 network of an IPv6 address, since a client may use all of it."""
    address = _address(peer)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return peer if address is None else str(address)


def _address(text: str) -> Optional[_Address]:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    # a dual-stack socket reports IPv4 peers as ::ffff:192.0.2.1
    return getattr(address, "ipv4_mapped", None) or address
