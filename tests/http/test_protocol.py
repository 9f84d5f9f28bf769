"""The limits on connections, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graph.http.protocol import BoundedProtocol, ConnectionLimits
from graph.serving import listen
from tests.secrecy import secrets_in

LIMITS = ConnectionLimits(url=200, headers=10, head=1000, head_seconds=0.3)
GET = b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n"


class Impatient(BoundedProtocol):
    """The protocol with limits that a test reaches at once."""

    limits = LIMITS


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request with the size of its body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = json.dumps({"size": size}).encode()
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


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    status, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(status.split()[1]), headers, json.loads(body))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    config = uvicorn.Config(echo, http=Impatient, ws="none", lifespan="off", log_config=None, timeout_keep_alive=1)
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield Server(listener.getsockname()[1], server)
        server.should_exit = True
        await serving


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


async def test_a_request_within_the_limits_is_answered_and_the_connection_kept(server: Server) -> None:
    reader, writer = await server.connect()
    for _ in range(3):
        writer.write(GET)
        assert (await read_answer(reader)).status == 200
    writer.close()


async def test_a_body_counts_for_no_limit_of_the_head(server: Server) -> None:
    body = b"x" * 100_000
    head = f"POST / HTTP/1.1\r\nHost: gate\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert (await server.ask(head, body)).body == {"size": len(body)}
    assert (await server.ask(head + body)).body == {"size": len(body)}


async def test_a_long_url_is_refused(server: Server) -> None:
    answer = await server.ask(b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: gate\r\n\r\n")
    assert (answer.status, code(answer)) == (414, "BAD_REQUEST")


async def test_many_headers_are_refused(server: Server) -> None:
    answer = await server.ask(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 11 + b"\r\n")
    assert (answer.status, code(answer)) == (431, "BAD_REQUEST")


async def test_headers_that_are_long_together_are_refused(server: Server) -> None:
    answer = await server.ask(b"GET / HTTP/1.1\r\n" + (b"A: " + b"b" * 200 + b"\r\n") * 6 + b"\r\n")
    assert (answer.status, code(answer)) == (431, "BAD_REQUEST")


async def test_a_header_without_end_is_refused_before_it_ends(server: Server) -> None:
    answer = await server.ask(b"GET / HTTP/1.1\r\nA: ", b"b" * 600, b"b" * 600)
    assert (answer.status, code(answer)) == (431, "BAD_REQUEST")


async def test_a_head_that_does_not_end_in_time_is_refused(server: Server) -> None:
    answer = await server.ask(b"GET / HTTP/1.1\r\nA: b\r\n")
    assert (answer.status, code(answer)) == (408, "REQUEST_TIMEOUT")


async def test_a_connection_without_a_byte_is_not_kept(server: Server) -> None:
    answer = await server.ask()
    assert (answer.status, code(answer)) == (408, "REQUEST_TIMEOUT")


async def test_a_second_head_has_a_deadline_of_its_own(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(GET)
    assert (await read_answer(reader)).status == 200
    writer.write(b"GET / HTTP/1.1\r\nA: ")
    assert (await read_answer(reader)).status == 408
    assert await reader.read() == b""
    writer.close()


async def test_an_answered_connection_without_another_request_is_closed(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(GET)
    await read_answer(reader)
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n : b\r\n\r\n",
    ],
    ids=["TLS", "length and chunks", "two lengths", "NUL in a name", "no name"],
)
async def test_what_two_parsers_could_read_differently_is_refused_once(server: Server, request_bytes: bytes) -> None:
    reader, writer = await server.connect()
    writer.write(request_bytes)
    answer = await read_answer(reader)
    assert (answer.status, code(answer)) == (400, "BAD_REQUEST")
    assert await reader.read() == b""
    writer.close()


async def test_no_connection_is_left_over(server: Server) -> None:
    await asyncio.gather(*(server.ask(b"GET / HTTP/1.1\r\nA: ") for _ in range(20)))
    async with asyncio.timeout(10):
        while server.uvicorn.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    assert not server.uvicorn.server_state.tasks


def test_the_seam_is_where_the_protocol_leans_on_it() -> None:
    # Names without a promise: uvicorn calls them, or the protocol reads what they leave.
    for name in ("on_message_begin", "on_url", "on_header", "on_headers_complete", "send_400_response"):
        assert callable(getattr(HttpToolsProtocol, name))
