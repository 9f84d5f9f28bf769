"""What becomes of a connection that goes on after its answer: read for a while, and never for ever."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from graph.server.protocol import BoundedProtocol
from tests.http.connections import GET, IMPATIENT, PATIENT, Server, code, read_answer, serving

MEGABYTES = 2_000_000
HUGE = 16_000_000  # more than the buffers of both sides


async def curt(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without a look at the body; what else it does, the path says."""
    path = scope["path"]
    headers = [(b"connection", b"close")] if path == "/close" else []
    heard = (await receive())["type"] if path == "/listen" else ""
    body, filling = json.dumps({"path": path, "heard": heard}).encode(), HUGE if path.startswith("/huge") else 0
    headers.append((b"content-length", str(len(body) + filling).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body + b" " * filling, "more_body": path == "/huge"})
    if path == "/huge":
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(curt, PATIENT) as opened:
        yield opened


@pytest.fixture
async def impatient() -> AsyncIterator[Server]:
    async with serving(curt, IMPATIENT) as opened:
        yield opened


def head(path: str, length: int) -> bytes:
    """That of a request with a body."""
    return f"POST {path} HTTP/1.1\r\nHost: gate\r\nContent-Length: {length}\r\n\r\n".encode()


def sent_before_reading(port: int, data: bytes) -> bytes:
    """What a client reads that first sends everything; a reset on the way fails it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (head("/close", MEGABYTES) + b"x" * MEGABYTES, 200),
        (head("/open", MEGABYTES) + b"x" * MEGABYTES, 200),
        (b"GET /" + b"a" * MEGABYTES + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * MEGABYTES + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * (MEGABYTES // 6) + b"\r\n", 431),
        (b"\x16\x03\x01" * (MEGABYTES // 3), 400),
    ],
    ids=["a body", "a body on a kept connection", "a URL", "a header", "headers", "no HTTP"],
)
async def test_an_early_answer_is_read_by_who_sends_everything_first(
    server: Server, request_bytes: bytes, status: int
) -> None:
    received = await asyncio.to_thread(sent_before_reading, server.port, request_bytes)
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    await server.is_left_alone()


async def test_a_connection_is_kept_when_the_body_ends_after_the_answer(server: Server) -> None:
    reader, writer = await server.connect()
    for _ in range(3):
        writer.write(head("/open", 5))
        assert (await read_answer(reader)).body["path"] == "/open"
        writer.write(b"abcde")
    writer.close()


@pytest.mark.parametrize("path", ["/open", "/close"])
async def test_a_body_that_drips_after_its_answer_is_not_waited_for(impatient: Server, path: str) -> None:
    reader, writer = await impatient.connect()
    writer.write(head(path, MEGABYTES))
    assert (await read_answer(reader)).status == 200
    await drip(impatient, writer, b"x")
    assert await end_of(reader) == b""


async def test_a_connection_does_not_live_on_blank_lines(impatient: Server) -> None:
    reader, writer = await impatient.connect()
    writer.write(GET)
    assert (await read_answer(reader)).status == 200
    await drip(impatient, writer, b"\r\n")
    assert (await end_of(reader)).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("path", ["/open", "/close"])
async def test_a_flood_after_its_answer_is_cut_off(server: Server, path: str) -> None:
    reader, writer = await server.connect()
    writer.write(head(path, 1_000_000_000))
    assert (await read_answer(reader)).status == 200
    flood = asyncio.create_task(flow(writer))
    await server.is_left_alone()
    with pytest.raises(ConnectionError):
        await flood
    writer.close()


async def flow(writer: asyncio.StreamWriter) -> None:
    """Sends as fast as it is let."""
    while True:
        writer.write(b"x" * 100_000)
        await writer.drain()


async def drip(server: Server, writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Sends a piece again and again until the server has had enough."""
    async with asyncio.timeout(10):
        while server.uvicorn.server_state.connections:
            writer.write(piece)
            await asyncio.sleep(0.02)
    writer.close()


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """What was left to read."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("path", ["/huge", "/huge-at-once"])
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
async def test_a_client_that_reads_nothing_is_given_up(impatient: Server, path: str, connection: str) -> None:
    await read_nothing(impatient, f"GET {path} HTTP/1.1\r\nHost: gate\r\nConnection: {connection}\r\n\r\n")


async def test_a_closed_connection_does_not_wait_for_its_last_bytes_to_be_read(
    impatient: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few of them that the transport does not tell.
    monkeypatch.setattr(BoundedProtocol, "pause_writing", lambda _: None)
    await read_nothing(impatient, "GET /huge-at-once HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n")


async def read_nothing(server: Server, request: str) -> None:
    """Asks, takes as little of the answer as can be, and returns when the server has given up."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(request.encode())
        async with asyncio.timeout(10):
            while not server.uvicorn.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        await server.is_left_alone()


async def test_a_client_that_reads_in_the_end_has_its_answer_whole(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(b"GET /huge HTTP/1.1\r\nHost: gate\r\n\r\n")
    assert (await read_answer(reader)).body["path"] == "/huge"
    writer.write(GET)
    assert (await read_answer(reader)).status == 200
    writer.close()


async def test_requests_in_a_row_are_answered_up_to_a_number(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(GET * 50)
    answers = [await read_answer(reader) for _ in range(1 + PATIENT.pipelined)]
    assert [answer.headers.get("connection") for answer in answers] == [None, None, None, "close"]
    assert await reader.read() == b""
    writer.close()


async def test_a_good_request_has_its_answer_whatever_comes_behind_it(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(GET + b"\x16\x03\x01 nonsense \r\n\r\n" + GET)
    answer = await read_answer(reader)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await reader.read() == b""
    writer.close()


BROKEN = b"Host: gate\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nz\r\n"


async def test_a_body_that_breaks_off_in_nonsense_is_refused(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(b"POST /listen HTTP/1.1\r\n" + BROKEN)
    answer = await read_answer(reader)
    assert (answer.status, code(answer)) == (400, "BAD_REQUEST")
    assert await reader.read() == b""
    writer.close()
    await server.is_left_alone()


async def test_a_request_that_breaks_after_its_answer_gets_no_second_one(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(head("/open", 5).replace(b"Content-Length: 5", b"Transfer-Encoding: chunked"))
    assert (await read_answer(reader)).status == 200
    writer.write(b"z\r\n")
    assert await reader.read() == b""
    writer.close()


async def test_who_asks_for_another_protocol_is_answered_in_this_one_for_the_last_time(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(b"GET / HTTP/1.1\r\nHost: gate\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + GET)
    answer = await read_answer(reader)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await reader.read() == b""
    writer.close()


async def test_the_head_behind_a_body_is_not_charged_for_it(server: Server) -> None:
    reader, writer = await server.connect()
    size = 50 * PATIENT.head
    writer.write(head("/open", size) + b"x" * size + b"GET /second HTTP/1.1\r\n")
    assert (await read_answer(reader)).body["path"] == "/open"
    writer.write(b"Host: gate\r\n\r\n")
    assert (await read_answer(reader)).body["path"] == "/second"
    writer.close()
