"""Answers over a real socket: whole, in order, by as few writes as can be, whoever asks for them and however."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from graph.server.protocol import BoundedProtocol
from tests.http.connections import PATIENT, Server, read_answer, serving

MUCH = 65_537
PIECES = 40


async def manifold(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers as the path says: at once, after the body, in pieces that come one by one, or much."""
    path = scope["path"]
    if path == "/after-the-body":
        while (await receive()).get("more_body"):
            pass
    if path == "/in-pieces":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(PIECES):
            await send({"type": "http.response.body", "body": b"piece %d\n" % number, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})
        return
    body = b"x" * MUCH if path == "/much" else b'"%s"' % path.encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(manifold, PATIENT) as opened:
        yield opened


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What reaches the transports of asyncio, each write by itself."""
    written: list[bytes] = []
    made = BoundedProtocol.connection_made

    def noting(protocol: BoundedProtocol, transport: asyncio.Transport) -> None:
        write = transport.write

        def noted(data: bytes | bytearray | memoryview) -> None:
            written.append(bytes(data))
            write(data)

        monkeypatch.setattr(transport, "write", noted)
        made(protocol, transport)

    monkeypatch.setattr(BoundedProtocol, "connection_made", noting)
    return written


on_both_loops = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": uvloop}) for uvloop in (False, True)], ids=["asyncio", "uvloop"]
)


def get(path: str, *, method: str = "GET", close: bool = False) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: gate\r\n"
    return f"{head}{'Connection: close' if close else 'Accept: */*'}\r\n\r\n".encode()


async def all_of(server: Server, request: bytes) -> bytes:
    """What comes back on a connection until the server closes it."""
    reader, writer = await server.connect()
    writer.write(request)
    async with asyncio.timeout(20):
        received = await reader.read()
    writer.close()
    return received


async def test_head_and_body_of_an_answer_are_one_write(server: Server, writes: list[bytes]) -> None:
    reader, writer = await server.connect()
    for number in range(3):
        writer.write(get(f"/{number}"))
        assert (await read_answer(reader)).body == f"/{number}"
    writer.close()
    assert [data.partition(b" ")[0] for data in writes] == [b"HTTP/1.1"] * 3
    assert [data[-4:] for data in writes] == [b'"/%d"' % number for number in range(3)]


async def test_an_answer_that_closes_its_connection_is_one_write_too(server: Server, writes: list[bytes]) -> None:
    received = await all_of(server, get("/last", close=True))
    assert writes == [received]
    assert received.endswith(b'\r\n\r\n"/last"')


async def test_a_refusal_is_one_write(server: Server, writes: list[bytes]) -> None:
    received = await all_of(server, b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert writes == [received]


async def test_answers_to_requests_in_a_row_come_whole_and_in_their_order(server: Server, writes: list[bytes]) -> None:
    reader, writer = await server.connect()
    writer.write(b"".join(get(f"/{number}") for number in range(4)))
    assert [(await read_answer(reader)).body for _ in range(4)] == ["/0", "/1", "/2", "/3"]
    writer.close()
    assert len(writes) <= 4


@on_both_loops
async def test_a_head_is_asked_for_without_a_body(server: Server) -> None:
    request = get("/much", method="HEAD") + get("/second", method="HEAD") + get("/third", close=True)
    received = await all_of(server, request)
    first, second, third, body = received.split(b"\r\n\r\n")
    assert b"content-length: %d" % MUCH in first
    assert b"content-length: 9" in second
    assert third.startswith(b"HTTP/1.1 200 ")
    assert body == b'"/third"'


@on_both_loops
async def test_whoever_waits_to_be_told_to_send_its_body_is_told_and_then_answered(server: Server) -> None:
    reader, writer = await server.connect()
    head = b"POST /after-the-body HTTP/1.1\r\nHost: gate\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    for _ in range(2):
        writer.write(head)
        async with asyncio.timeout(20):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abcde")
        assert (await read_answer(reader)).body == "/after-the-body"
    writer.close()


@on_both_loops
async def test_whoever_has_its_answer_without_a_body_is_not_told_to_send_one(server: Server) -> None:
    head = b"POST /at-once HTTP/1.1\r\nHost: gate\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    assert (await server.ask(head)).body == "/at-once"


@on_both_loops
async def test_an_answer_in_pieces_arrives_whole(server: Server) -> None:
    received = await all_of(server, get("/in-pieces", close=True))
    head, _, chunks = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    pieces = [b"piece %d\n" % number for number in range(PIECES)]
    assert chunks == b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@on_both_loops
async def test_each_piece_of_an_answer_leaves_without_waiting_for_the_next(server: Server) -> None:
    """An event stream that said something only once it says the next thing would be of no use."""
    go_on = asyncio.Event()

    async def streaming(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"last"})

    async with serving(streaming, PATIENT) as slow:
        reader, writer = await slow.connect()
        writer.write(get("/"))
        async with asyncio.timeout(20):
            await reader.readuntil(b"first\r\n")
            go_on.set()
            await reader.readuntil(b"last\r\n0\r\n\r\n")
        writer.close()


@on_both_loops
async def test_much_arrives_whole_beside_little(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(get("/first") + get("/much") + get("/last", close=True))
    assert (await read_answer(reader)).body == "/first"
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: %d" % MUCH in head
        assert await reader.readexactly(MUCH) == b"x" * MUCH
    assert (await read_answer(reader)).body == "/last"
    assert await reader.read() == b""
    writer.close()


@on_both_loops
async def test_a_client_that_leaves_before_its_answer_takes_nobody_along(server: Server) -> None:
    for _ in range(10):
        _, gone = await server.connect()
        reader, stays = await server.connect()
        gone.write(get("/gone") * 3)
        stays.write(get("/stays"))
        gone.transport.abort()
        assert (await read_answer(reader)).body == "/stays"
        stays.close()
    await server.is_left_alone()
