"""A real server with limits that a test reaches at once, and clients that speak bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.http.middleware import HostAndConcurrencyMiddleware, RequestMiddleware
from graph.server.connections import Connections
from graph.server.limits import ConnectionLimits, RequestLimits, StreamedLimits
from graph.server.server import protocol_class
from graph.server.sockets import listen
from tests.secret_patterns import secrets_in

# What a test that waits for the end of something reaches soon, and one that does not never.
SOON, NEVER = 0.3, 40.0
PATIENT = ConnectionLimits(
    url_bytes=200, headers=10, head_bytes=1024, head_seconds=NEVER, unread_seconds=NEVER, pipelined=3, idle_seconds=1
)
IMPATIENT = PATIENT.model_copy(update={"head_seconds": SOON, "unread_seconds": SOON})
BODIES = RequestLimits(body_bytes=65_536, body_seconds=NEVER, request_seconds=NEVER)
STREAMED = {"/streamed": StreamedLimits(body_bytes=300_000, body_seconds=NEVER, request_seconds=NEVER)}
GET = b"GET / HTTP/1.1\r\nHost: server\r\n\r\n"
LAST = b"POST /last HTTP/1.1\r\nHost: server\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def post(body: bytes = b"{}", *headers: str, path: str = "/", length: bool = True) -> bytes:
    """A request in full."""
    lines = [f"POST {path} HTTP/1.1", "Host: server", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: bytes, trailers: bytes = b"", path: str = "/") -> bytes:
    """The same in chunks."""
    sizes = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return post(sizes + b"0\r\n" + trailers + b"\r\n", "Transfer-Encoding: chunked", path=path, length=False)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Responds with the size of the body, the path and the names of the headers."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    names = [name.decode() for name, _ in scope["headers"]]
    body = json.dumps({"size": size, "path": scope["path"], "headers": names}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Worker:
    """An application that responds when it may."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        await self.go_on.wait()
        await echo(scope, receive, send)


@dataclass
class Response:
    """One response as it arrived."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error code of a response that has the shape, the headers and the discretion of every refusal."""
        [error] = self.json["errors"]
        assert self.headers["content-type"] == "application/json; charset=utf-8"
        assert self.headers["cache-control"] == "no-store"
        assert self.headers["x-content-type-options"] == "nosniff"
        assert self.headers["x-request-id"] == error["extensions"]["requestId"]
        assert self.headers["connection"] == "close"
        assert secrets_in(error["message"]) == []
        return str(error["extensions"]["code"])


@dataclass
class Server:
    """Where to connect to, and the state behind it."""

    port: int
    uvicorn: uvicorn.Server
    connections: Connections

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, *pieces: bytes) -> Response:
        """Sends the pieces on a new connection, one after the other, and reads one response."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        response: Response = await read_response(reader)
        writer.close()
        return response

    async def exchange(self, *pieces: bytes, iterations: int = 5) -> list[Response]:
        """All responses until the server closes, to pieces that come some iterations of the event loop apart."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            for _ in range(iterations):
                await asyncio.sleep(0)
        responses = []
        while (response := await read_response(reader, optional=True)) is not None:
            responses.append(response)
        writer.close()
        return responses

    async def is_left_alone(self) -> None:
        """Returns when the last connection has ended, and no task is left."""
        await until(lambda: not self.uvicorn.server_state.connections and not self.uvicorn.server_state.tasks)
        assert self.connections.open == 0
        assert (self.connections._pending, dict(self.connections._pending_of_owner)) == (0, {})


async def until(holds: Callable[[], bool]) -> None:
    """Returns once something holds, which it must do before long."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)


async def read_response(reader: asyncio.StreamReader, *, optional: bool = False) -> Any:
    """One response with a length, which must come before the limits of a patient server are reached."""
    async with asyncio.timeout(NEVER / 2):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        except asyncio.IncompleteReadError as error:
            if optional and not error.partial:
                return None
            raise
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(int(status.split()[1]), headers, body)


@asynccontextmanager
async def serving(
    app: ASGIApp,
    limits: ConnectionLimits = PATIENT,
    *,
    bodies: RequestLimits = BODIES,
    routes: Mapping[str, RequestLimits] = STREAMED,
    concurrency: int = 500,
    **of_connections: Any,
) -> AsyncIterator[Server]:
    """The application, within the middleware that turns refusals into responses, behind the protocol."""
    shared = Connections(limits, **of_connections)
    inner = HostAndConcurrencyMiddleware(
        app, hosts=(), concurrency=concurrency, probes=frozenset(), shortcut=("/none", app)
    )
    surrounded = RequestMiddleware(inner, [], [], bodies, routes)
    config = uvicorn.Config(
        surrounded,
        http=protocol_class(surrounded, shared, bodies, routes),
        ws="none",
        lifespan="off",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        try:
            yield Server(listener.getsockname()[1], server, shared)
        finally:
            server.should_exit = True
            await task
