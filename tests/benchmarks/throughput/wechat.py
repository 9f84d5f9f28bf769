"""A WeChat that costs next to nothing: code2Session, answered after the milliseconds that the code begins with.

    python -m tests.benchmarks.throughput.wechat PORT

A code is `<milliseconds>.<person>.<anything that makes it new>`. Whoever measures a server must not measure its WeChat:
no framework, no parser beyond what wxgate's own requests need, no memory of codes.
"""

import asyncio
import base64
import re
import sys
from typing import Final, cast

import uvloop

#: A session_key that stays the same, as it mostly does for people who come back.
SESSION_KEY: Final = base64.b64encode(bytes(range(16))).decode()
#: What the openids of those begin with who only exist while logins are measured.
PASSING: Final = "oPASSING"

_CODE: Final = re.compile(rb"js_code=(\d+)\.(\d+)\.")
_BODY: Final = '{"openid":"%s%020d","session_key":"%s"}'
_HEAD: Final = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def code(milliseconds: int, person: int, serial: int) -> str:
    """A code that has not been used if its serial number has not."""
    return f"{milliseconds}.{person}.{serial}"


def answer(head: bytes) -> tuple[float, bytes]:
    """After how many seconds to answer a request, and what."""
    found = _CODE.search(head)
    if found is None:
        return 0.0, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    body = _BODY % (PASSING, int(found[2]), SESSION_KEY)
    return int(found[1]) / 1000, (_HEAD % len(body) + body).encode()


class Connection(asyncio.Protocol):
    """One connection, on which requests without bodies come one after another."""

    def __init__(self) -> None:
        self._arrived = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps what answers are written to."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        """Answers as soon as the head is complete, and the time has come."""
        self._arrived += data
        head, complete, rest = self._arrived.partition(b"\r\n\r\n")
        if complete:
            self._arrived = rest
            seconds, text = answer(head)
            if seconds:
                self._loop.call_later(seconds, self._write, text)
            else:
                self._write(text)

    def _write(self, text: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(text)


async def main() -> None:
    """Listens until it is stopped."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
