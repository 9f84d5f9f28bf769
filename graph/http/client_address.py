"""Where a request comes from, as far as that can be known."""

import ipaddress
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.types import Scope

_log = logging.getLogger(__name__)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# How networks without IPv4 write its addresses (RFC 6052): all of IPv4 is in one /64 there.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# What proxies name their clients in.
_HEADERS: Final = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"cf-connecting-ip")
# The address in a member of `Forwarded` (RFC 7239).
_FOR: Final = re.compile(r'(?:^|;)\s*for\s*=\s*"?([^";]*)', re.IGNORECASE)


class ClientAddresses:
    """Tells clients apart; `trusted` are the proxies (addresses or networks) whose word counts, in `header`.

    The header may have one address, a list of them, or the members of RFC 7239.
    """

    def __init__(self, trusted: Iterable[str] = (), header: str = "X-Forwarded-For") -> None:
        self._trusted = tuple(ipaddress.ip_network(network) for network in trusted)
        self._header = header.lower().encode()
        self._warned = False

    def client_of(self, scope: Scope) -> str:
        """The client's IPv4 address, or the /56 network of its IPv6 address, which is what one household has.

        From the right, each trusted proxy vouches for the address on its left; the first address that none vouches for
        is the client's. A client can write what it likes on the left of that.
        """
        peer = scope.get("client")
        address = _parsed(peer[0]) if peer else None
        if address is None:
            return "unknown"
        headers: Mapping[bytes, str] = scope["state"]["headers"]
        self._warn_of_proxy(headers, trusted=self._is_trusted(address))
        hops = headers.get(self._header, "").split(",")
        if self._header == b"forwarded":
            hops = [found[1] if (found := _FOR.search(hop)) else "" for hop in hops]
        while hops and self._is_trusted(address) and (before := _parsed(hops.pop())):
            address = before
        return _counted(address)

    def _warn_of_proxy(self, headers: Mapping[bytes, str], *, trusted: bool) -> None:
        """Once, of a proxy whose clients all count as one because a setting is missing."""
        named = next((name for name in (self._header, *_HEADERS) if name in headers), None)
        if self._warned or named is None or (trusted and named == self._header):
            return
        self._warned = True
        setting = "WXGATE_HTTP_CLIENT_ADDRESS_HEADER" if trusted else "WXGATE_HTTP_TRUSTED_PROXIES"
        msg = f"all clients of a proxy count as one address: see {setting}"
        _log.warning(msg, extra={"header": named.decode()})

    def owner_of(self, peer: str) -> str | None:
        """Whom a connection from this address counts for, None for a trusted proxy, which carries many clients."""
        address = _parsed(peer)
        return "unknown" if address is None else None if self._is_trusted(address) else _counted(address)

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _counted(address: _Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        # Each IPv4 address has a /48 of 6to4, which has 256 networks of a household's size.
        return str(address.sixtofour or ipaddress.IPv6Network((int(address) >> 72 << 72, 56)))
    return str(address)


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
