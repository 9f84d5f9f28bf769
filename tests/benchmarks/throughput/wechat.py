"""A WeChat that costs next to nothing: code2Session, with a response after the milliseconds that the code begins with.

    python -m tests.benchmarks.throughput.wechat PORT

A code is `<milliseconds>.<user>.<anything that makes it new>`. A benchmark of a server must not measure its WeChat: no
framework, and no parser beyond what wxgate's own requests need. Any other path is answered with the number of different
codes that have been taken so far: a code that WeChat has taken is spent.
"""

import asyncio
import base64
import re
import sys
from typing import Final, cast

import uvloop

#: A session_key that stays the same, as it mostly does for users who come back.
SESSION_KEY: Final = base64.b64encode(bytes(range(16))).decode()
#: What the openids of users begin with that only exist while logins are measured.
OPENID_PREFIX: Final = "oLOGIN"
#: The codes that have been taken.
taken: Final[set[bytes]] = set()

_CODE: Final = re.compile(rb"js_code=(\d+)\.(\d+)\.\d+")
_BODY: Final = b'{"openid":"%s%022d","session_key":"%s"}'
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def code(milliseconds: int, user: int, serial: int) -> str:
    """A code that has not been used if its serial number has not."""
    return f"{milliseconds}.{user}.{serial}"


def respond(head: bytes) -> tuple[float, bytes]:
    """After how many seconds to respond to a request, and what."""
    found = _CODE.search(head)
    if found is None:
        body = str(len(taken)).encode()
        return 0.0, _HEAD % len(body) + body
    taken.add(found[0])
    body = _BODY % (OPENID_PREFIX.encode(), int(found[2]), SESSION_KEY.encode())
    return int(found[1]) / 1000, _HEAD % len(body) + body


class Connection(asyncio.Protocol):
    """One connection, on which requests without bodies come one after another."""

    def __init__(self) -> None:
        self._arrived = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        head, complete, rest = self._arrived.partition(b"\r\n\r\n")
        if complete:
            self._arrived = rest
            seconds, response = respond(head)
            if seconds:
                self._loop.call_later(seconds, self._write, response)
            else:
                self._write(response)

    def _write(self, response: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(response)


async def main() -> None:
    """Listens until it is stopped."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
