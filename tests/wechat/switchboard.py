"""A far side that sees every connection, and answers when it is let."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast


class Line(asyncio.Protocol):
    """A connection, seen from the far side. It `is_open` until the client has closed it."""

    transport: asyncio.Transport

    def __init__(self, switchboard: "Switchboard") -> None:
        self._switchboard = switchboard
        self._heard = b""
        self.asked: list[str] = []
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From the event loop."""
        self.transport = cast("asyncio.Transport", transport)
        self._switchboard.lines.append(self)

    def data_received(self, data: bytes) -> None:
        """From the event loop."""
        *heads, self._heard = (self._heard + data).split(b"\r\n\r\n")
        for head in heads:
            self.asked.append(head.split(b" ")[1].decode())
            if self._switchboard.answers:
                self.answer()

    def connection_lost(self, _: Exception | None) -> None:
        """From the event loop."""
        self.is_open = False

    def answer(self) -> None:
        """Says what the last request asked for."""
        self.transport.write(self._switchboard.form(self.asked[-1].encode()))


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Switchboard:
    """Answers every request with its own target, at once if `answers`, else when the `Line` is told to."""

    def __init__(self, *, answers: bool = True, form: Callable[[bytes], bytes] = plain) -> None:
        self.answers = answers
        self.form = form
        self.lines: list[Line] = []

    @property
    def open(self) -> list[Line]:
        return [line for line in self.lines if line.is_open]

    @property
    def asked(self) -> list[str]:
        return [target for line in self.lines for target in line.asked]

    async def is_asked(self, times: int) -> None:
        """Returns when so many requests have come, which they must do before long."""
        await until(lambda: len(self.asked) == times)

    async def are(self, many: int) -> None:
        """Returns when as many lines are open, which must come to be before long."""
        await until(lambda: len(self.open) == many)


async def until(holds: Callable[[], object]) -> None:
    """Returns once something holds, which it must do before long."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.002)


@asynccontextmanager
async def answering(
    switchboard: Switchboard, context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """The origin."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(switchboard), host, 0, ssl=context)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http{'s' if context else ''}://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.close()
        for line in switchboard.open:
            line.transport.abort()
        await server.wait_closed()
