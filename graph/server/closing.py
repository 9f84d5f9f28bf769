"""Closes a listening socket so that nobody who was let in is turned out.

Closing it resets the connections that wait in its queue, and what their clients may have sent already is lost: a proxy
must not send a login a second time. Who finds the door closed has lost nothing: a proxy may knock at another.
"""

import asyncio
import ctypes
import socket
import struct
from collections.abc import Iterable
from typing import Final

# Longer than a handshake takes within a data centre, and than the event loop takes to accept who is waiting.
LAST_CALL_SECONDS: Final = 0.1

# From Linux's headers; Python's `socket` has no name for it.
_SO_ATTACH_FILTER: Final = 26
_FLAGS_OF_TCP: Final = 13
_SYN: Final = 0x02
# A classic BPF program, instructions of (code, jump if true, jump if false, operand) upon the TCP header.
_DROP_NEWCOMERS: Final = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, _FLAGS_OF_TCP),  # load the byte
        (0x45, 0, 1, _SYN),  # any of these bits?
        (0x06, 0, 0, 0),  # then keep nothing of the packet
        (0x06, 0, 0, 0xFFFFFFFF),  # or all of it
    )
)


def turn_newcomers_away(listener: socket.socket) -> None:
    """Makes Linux ignore who asks for a connection from now on; handshakes under way go on. No privilege is needed.

    A client that is ignored asks again after a second. Elsewhere than on Linux this does nothing.
    """
    program = ctypes.create_string_buffer(_DROP_NEWCOMERS)
    try:
        listener.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("HP", len(_DROP_NEWCOMERS) // 8, ctypes.addressof(program)),
        )
    except OSError:
        # Then a request that comes in the very moment of closing may be lost, as with most servers.
        return


async def last_call(listeners: Iterable[socket.socket]) -> None:
    """Returns when the sockets can be closed: nobody is in their queues, and nobody gets there any more."""
    for listener in listeners:
        turn_newcomers_away(listener)
    await asyncio.sleep(LAST_CALL_SECONDS)
