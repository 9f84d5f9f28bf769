"""What applications may do with a request, and what its client sees of it."""

import asyncio
import socket
import struct

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.server.protocol import HttpProtocol
from tests.protocols.serving import GET, IMPATIENT, LAST, echo, post, read_response, serving, until

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b"response"}
PIECE: Message = {**BODY, "body": b"piece ", "more_body": True}
HUGE = 16_000_000  # more than the buffers of both sides


def sending(*messages: Message) -> ASGIApp:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for message in messages:
            await send(dict(message))

    return app


def with_headers(*headers: tuple[bytes, bytes], status: int = 200, body: bytes = b"response") -> ASGIApp:
    return sending({**START, "status": status, "headers": list(headers)}, {**BODY, "body": body})


FAILURES: dict[str, ASGIApp] = {
    "nothing": sending(),
    "the body first": sending(BODY),
    "an unknown message": sending({"type": "http.response.pathsend"}),
    "only a start": sending(START),
    "two starts": sending(START, START),
    "a header with a line end": with_headers((b"x-a", b"b\r\nx-injected: c")),
    "a header with LF": with_headers((b"x-a", b"b\nx-injected: c")),
    "a header with CR": with_headers((b"x-a", b"b\rx-injected: c")),
    "a header with NUL": with_headers((b"x-a", b"b\x00injected")),
    "a name with a line end": with_headers((b"x-injected: a\r\nx-b", b"c")),
    "too short a length": with_headers((b"content-length", b"2")),
    "too long a length": with_headers((b"content-length", b"200")),
    "an unknown status": with_headers(status=999),
}


@pytest.mark.parametrize("app", FAILURES.values(), ids=FAILURES)
async def test_where_an_application_does_not_respond_properly_its_client_gets_500(app: ASGIApp) -> None:
    async with serving(app) as server:
        responses = await server.exchange(post() + post())
        await server.is_left_alone()
    assert {response.status for response in responses} == {500}
    assert "injected" not in str(responses)


@pytest.mark.parametrize("status", [204, 304])
async def test_a_response_without_a_body_has_no_length(status: int) -> None:
    async with serving(with_headers(status=status, body=b"")) as server:
        [first, second] = await server.exchange(post() + LAST)
    assert (first.status, second.status) == (status, status)
    assert "content-length" not in first.headers


async def test_a_head_has_the_length_of_the_body_and_no_body() -> None:
    async with serving(echo) as server:
        reader, writer = await server.connect()
        writer.write(GET.replace(b"GET", b"HEAD") + LAST)
        head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert b"content-length: " in head
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_the_application_does_not_decide_how_its_response_is_framed() -> None:
    async with serving(with_headers((b"transfer-encoding", b"chunked"), (b"connection", b"keep-alive"))) as server:
        [first, _] = await server.exchange(post() + LAST)
    assert first.body == b"response"
    assert "transfer-encoding" not in first.headers
    async with serving(with_headers((b"connection", b"close"))) as server:
        assert len(await server.exchange(post() + LAST)) == 1


@pytest.mark.parametrize("request_bytes", [LAST, LAST.replace(b"HTTP/1.1", b"HTTP/1.0")], ids=["1.1", "1.0"])
@pytest.mark.parametrize("length", [[], [(b"content-length", b"12")]], ids=["no length", "a length"])
async def test_each_piece_of_a_streamed_response_leaves_at_once(
    request_bytes: bytes, length: list[tuple[bytes, bytes]]
) -> None:
    go_on = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({**START, "headers": length})
        await send(dict(PIECE))
        await go_on.wait()
        await send({**PIECE, "more_body": False})

    async with serving(app) as server:
        reader, writer = await server.connect()
        writer.write(request_bytes)
        async with asyncio.timeout(20):
            received = await reader.readuntil(b"piece ")
            go_on.set()
            received += await reader.read()
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    chunked = not length and b"1.1" in request_bytes
    assert (b"transfer-encoding: chunked" in head) is chunked
    assert body == (b"6\r\npiece \r\n" * 2 + b"0\r\n\r\n" if chunked else b"piece " * 2)


async def test_a_response_that_breaks_off_ends_its_connection() -> None:
    async with serving(sending(START, PIECE)) as server:
        reader, writer = await server.connect()
        writer.write(post())
        try:
            received = await reader.read()
        except ConnectionError:
            received = b""
        writer.close()
    assert not received.endswith(b"0\r\n\r\n")


async def test_an_application_that_responds_twice_is_told_and_its_client_is_not() -> None:
    raised: list[str] = []

    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(START, BODY)(scope, receive, send)
        for message in (START, BODY):
            try:
                await send(dict(message))
            except RuntimeError as error:
                raised.append(str(error))

    async with serving(twice) as server:
        responses = await server.exchange(post(), LAST)
    assert [each.body for each in responses] == [b"response"] * 2
    assert len(raised) == 4


@pytest.mark.parametrize("client_goes", [True, False])
async def test_an_application_hears_that_its_client_has_gone_or_has_its_response(client_goes: bool) -> None:
    heard: list[str] = []
    waits = asyncio.Event()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        heard.append((await receive())["type"])
        news = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waits.set()
        if client_goes:
            heard.append((await news)["type"])
        await send(dict(START))
        await send(dict(BODY))
        heard.extend([(await news)["type"], (await receive())["type"]][client_goes:])

    async with serving(app) as server:
        _, writer = await server.connect()
        writer.write(post())
        await waits.wait()
        if client_goes:  # by a reset: a client that only sends no more may still read
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        await until(lambda: len(heard) == 3)
        writer.close()
        await server.is_left_alone()
    assert heard == ["http.request", "http.disconnect", "http.disconnect"]


async def test_head_and_body_of_a_response_are_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    made = HttpProtocol.connection_made

    def noting(protocol: HttpProtocol, transport: asyncio.Transport) -> None:
        write = transport.write

        def note(data: bytes) -> None:
            written.append(bytes(data))
            write(data)

        monkeypatch.setattr(transport, "write", note)
        made(protocol, transport)

    monkeypatch.setattr(HttpProtocol, "connection_made", noting)
    async with serving(echo) as server:
        for sent in (GET, LAST, b"\x16\x03\x01 this is no HTTP\r\n\r\n"):
            await server.ask(sent)
    assert [data.partition(b" ")[0] for data in written] == [b"HTTP/1.1"] * 3
    assert all(b"\r\n\r\n" in data and not data.endswith(b"\r\n\r\n") for data in written)


@pytest.mark.parametrize("request_bytes", [GET, LAST], ids=["kept", "closed"])
async def test_a_client_that_does_not_read_is_given_up(request_bytes: bytes) -> None:
    async with serving(with_headers(body=b"x" * HUGE), IMPATIENT) as server:
        _, writer = await server.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request_bytes)
        await until(lambda: server.uvicorn.server_state.total_requests > 0)
        await server.is_left_alone()
        writer.close()


async def test_a_client_that_reads_late_gets_everything() -> None:
    async with serving(with_headers(body=b"x" * HUGE)) as server:
        reader, writer = await server.connect()
        writer.write(GET + GET)
        await asyncio.sleep(0.1)
        for _ in range(2):
            assert len((await read_response(reader)).body) == HUGE
        writer.close()
        await server.is_left_alone()


async def test_a_streamed_response_waits_while_its_client_does_not_read() -> None:
    sent = 0

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(dict(START))
        for _ in range(1_000):
            await send({**PIECE, "body": b"x" * 65_536})
            sent += 1
        await send({**BODY, "body": b""})

    async with serving(app, IMPATIENT) as server:
        _, writer = await server.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GET)
        await until(lambda: sent > 0)
        assert sent < 500
        await server.is_left_alone()
        writer.close()


async def test_a_response_that_cannot_be_written_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    made = HttpProtocol.connection_made

    def failing(protocol: HttpProtocol, transport: asyncio.Transport) -> None:
        def write(_data: bytes) -> None:
            raise RuntimeError

        monkeypatch.setattr(transport, "write", write)
        made(protocol, transport)

    waiting, go_on = [], asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.append(scope)
        await go_on.wait()
        await echo(scope, receive, send)

    async with serving(app) as server:
        monkeypatch.setattr(HttpProtocol, "connection_made", failing)
        reader, writer = await server.connect()
        writer.write(GET)
        await until(lambda: len(waiting) == 1)
        monkeypatch.setattr(HttpProtocol, "connection_made", made)
        other_reader, other = await server.connect()
        other.write(GET)
        await until(lambda: len(waiting) == 2)
        go_on.set()  # both respond in one iteration of the event loop
        assert (await read_response(other_reader)).status == 200
        assert await reader.read() == b""
        writer.close()
        other.close()
        await server.is_left_alone()
