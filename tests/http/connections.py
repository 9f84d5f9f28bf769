"""A server of its own with limits that a test reaches at once, and clients that speak bytes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import uvicorn
from graph.server.outbox import Outbox
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.server.protocol import BoundedProtocol, ConnectionLimits
from graph.server.sockets import listen
from tests.secret_patterns import secrets_in

# What a test that waits for the end of something reaches soon, and one that does not never.
SOON, NEVER = 0.3, 40.0
PATIENT = ConnectionLimits(
    url=200,
    headers=10,
    head=1000,
    head_seconds=NEVER,
    pipelined=3,
    leftover=4 * 1024 * 1024,
    leftover_seconds=NEVER,
    unread_seconds=NEVER,
)
IMPATIENT = replace(PATIENT, head_seconds=SOON, leftover_seconds=SOON, unread_seconds=SOON)
GET = b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request with the size of its body and the names of its headers."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = json.dumps({"size": size, "headers": [name.decode() for name, _ in scope["headers"]]}).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Answer:
    """What came back before the server closed, or the first answer on a connection that stays open."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Server:
    """Where to connect to, and the state of the one who listens."""

    port: int
    uvicorn: uvicorn.Server

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, *pieces: bytes) -> Answer:
        """Sends the pieces on a new connection, one after the other, and reads one answer."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        answer = await read_answer(reader)
        writer.close()
        return answer

    async def is_left_alone(self) -> None:
        """Returns when the last connection has ended, and nobody works for it any more."""
        async with asyncio.timeout(10):
            while self.uvicorn.server_state.connections or self.uvicorn.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer, which must come before the limits of a patient server are reached."""
    async with asyncio.timeout(NEVER / 2):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(status.split()[1]), headers, json.loads(body))


@asynccontextmanager
async def serving(
    app: ASGIApp, limits: ConnectionLimits, *, protocol: type[BoundedProtocol] = BoundedProtocol, **attributes: object
) -> AsyncIterator[Server]:
    """The application behind the protocol with these limits, and with these attributes of its class."""
    config = uvicorn.Config(
        app,
        http=type("Limited", (protocol,), {"limits": limits, "outbox": Outbox(), **attributes}),
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=1,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield Server(listener.getsockname()[1], server)
        finally:
            server.should_exit = True
            await task


def code(answer: Answer) -> str:
    """The error code of an answer that has the shape, the headers and the discretion of every other."""
    [error] = answer.body["errors"]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == error["extensions"]["requestId"]
    assert answer.headers["connection"] == "close"
    assert secrets_in(error["message"]) == []
    return str(error["extensions"]["code"])
