"""Where a request comes from, as far as that can be known."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from starlette.types import Scope

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# How networks without IPv4 write its addresses (RFC 6052): all of IPv4 is in one /64 there.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class ClientAddresses:
    """Tells clients apart; `trusted` are the proxies (addresses or networks) whose `X-Forwarded-For` counts."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = tuple(ipaddress.ip_network(network) for network in trusted)

    def client_of(self, scope: Scope) -> str:
        """The client's IPv4 address, or the /64 network of its IPv6 address, which is what one household has.

        From the right, each trusted proxy vouches for the address on its left; the first address that none vouches for
        is the client's. A client can write what it likes on the left of that.
        """
        peer = scope.get("client")
        address = _parsed(peer[0]) if peer else None
        if address is None:
            return "unknown"
        hops = scope["state"]["headers"].get(b"x-forwarded-for", "").split(",")
        while hops and self._is_trusted(address) and (before := _parsed(hops.pop())):
            address = before
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
        return str(address)

    def is_proxy(self, peer: str) -> bool:
        """Whether a connection from this address carries requests of many clients."""
        address = _parsed(peer)
        return address is not None and self._is_trusted(address)

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _parsed(text: str) -> _Address | None:
    """An address, with or without the port that some proxies add; an IPv4 address within IPv6 is what it is."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped or address
