"""Requests that may go one of two ways, an application that tells which, and the whole of what comes back."""

import asyncio
import hashlib
import json
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Final

from graph.server.whole import WholeRequests
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.server.protocol import BoundedProtocol
from tests.http.connections import PATIENT, Server, serving

PATH: Final = b"/busy"
WHOLE, UVICORN = "Exchange", "RequestResponseCycle"
_ROOMY: Final = replace(PATIENT, pipelined=16)


def both_ways(app: ASGIApp) -> AbstractAsyncContextManager[Server]:
    """A server that answers whole requests to `PATH` by itself."""
    return serving(app, _ROOMY, protocol=WholeRequests, path=PATH)


def uvicorns_way(app: ASGIApp) -> AbstractAsyncContextManager[Server]:
    """A server that leaves everything to uvicorn."""
    return serving(app, _ROOMY, protocol=BoundedProtocol)


def post(body: bytes = b"{}", *headers: str, path: str = PATH.decode(), length: bool = True) -> bytes:
    """A request in full."""
    lines = [f"POST {path} HTTP/1.1", "Host: gate", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: bytes, trailers: bytes = b"", path: str = PATH.decode()) -> bytes:
    """The same in chunks."""
    sizes = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return post(sizes + b"0\r\n" + trailers + b"\r\n", "Transfer-Encoding: chunked", path=path, length=False)


def way_of(receive: Receive) -> str:
    """Who brings an application its request."""
    return type(getattr(receive, "__self__", None)).__name__


def telling(app: ASGIApp) -> ASGIApp:
    """The application, whose answers say in a header which way they went."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_way(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), (b"x-way", way_of(receive).encode())]}
            await send(message)

        await app(scope, receive, send_with_way)

    return told


async def _mirror(scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    asked = {name: str(value) for name, value in scope.items() if name not in {"client", "server"}}
    content = json.dumps({**asked, "size": len(body), "digest": hashlib.sha256(body).hexdigest()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


# Answers each request with everything that it was told of it.
mirror: Final = telling(_mirror)


@dataclass
class Reply:
    """One answer; headers that no two answers share are taken out, and so is the way it went."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    way: str | None

    @property
    def same(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What must not depend on the way."""
        return self.status, self.headers, self.body

    @property
    def asked(self) -> Any:
        """What the application was told."""
        return json.loads(self.body)


_OWN: Final = {"date", "x-request-id", "x-way"}


def replies_in(received: bytes) -> list[Reply]:
    """All that a client reads until its connection is closed; nothing may be left over."""
    replies = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        assert end, head
        status, *lines = head.decode("ascii").split("\r\n")
        headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
        known = dict(headers)
        length = int(known["content-length"])
        assert len(received) >= length, received
        body, received = received[:length], received[length:]
        if request_id := known.get("x-request-id"):
            body = body.replace(request_id.encode(), b"ID")
        shared = sorted(header for header in headers if header[0] not in _OWN)
        assert re.fullmatch("HTTP/1.1 [0-9]{3} [A-Za-z ]+", status), status
        replies.append(Reply(int(status.split()[1]), shared, body, known.get("x-way")))
    return replies


async def exchange(server: Server, *pieces: bytes, turns: int = 5) -> list[Reply]:
    """What is answered until the server closes, when the pieces come some turns of the event loop apart."""
    reader, writer = await server.connect()
    for piece in pieces:
        writer.write(piece)
        for _ in range(turns):
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        received = await reader.read()
    writer.close()
    return replies_in(received)
