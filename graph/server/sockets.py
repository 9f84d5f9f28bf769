"""Listening TCP sockets, for one family of addresses or for both."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Final

_BACKLOG: Final = 2048
# An address for documentation (RFC 5737): whatever leads there leads to the network.
_ELSEWHERE: Final = ("192.0.2.1", 9)
_LOCALHOST: Final = ("127.0.0.1", "::1")
_NO_SUCH_ADDRESS: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # IPv6 may be switched off


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets that listen on one port, closed at the end; port 0 picks a free one.

    `::` takes IPv4 as well; `localhost` is both loopback addresses, as far as the machine has them. Raises `OSError`.
    """
    with contextlib.ExitStack() as opened:
        listeners: list[socket.socket] = []
        for address in _LOCALHOST if host == "localhost" else (host,):
            try:
                listener = listen(address, listeners[0].getsockname()[1] if listeners else port)
            except OSError as error:
                if not listeners or error.errno not in _NO_SUCH_ADDRESS:
                    raise
            else:
                listeners.append(opened.enter_context(listener))
        yield listeners


def in_url(host: str) -> str:
    """A host as URLs write it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def network_address() -> str | None:
    """This machine's IPv4 address for its neighbours, None without a network. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        return str(probe.getsockname()[0])


def listen(address: str, port: int) -> socket.socket:
    """One listening socket. Raises `OSError` with a message that names the address and the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    both = address == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server((address, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {address} port {port}: {error.strerror}") from None
    # Connections inherit it. uvloop sets it for each of them, asyncio only where a socket names its protocol.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
