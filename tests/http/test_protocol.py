"""The limits on the heads of requests, over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tests.http.connections import GET, IMPATIENT, PATIENT, Server, code, echo, read_answer, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(echo, PATIENT) as opened:
        yield opened


@pytest.fixture
async def impatient() -> AsyncIterator[Server]:
    async with serving(echo, IMPATIENT) as opened:
        yield opened


async def test_a_request_within_the_limits_is_answered_and_the_connection_kept(server: Server) -> None:
    reader, writer = await server.connect()
    for _ in range(3):
        writer.write(GET)
        assert (await read_answer(reader)).status == 200
    writer.close()


async def test_a_body_counts_for_no_limit_of_the_head(server: Server) -> None:
    body = b"x" * 100_000
    head = f"POST / HTTP/1.1\r\nHost: gate\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert (await server.ask(head, body)).body["size"] == len(body)
    assert (await server.ask(head + body)).body["size"] == len(body)


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


async def test_a_trailer_does_not_pass_for_a_header(server: Server) -> None:
    head = b"POST / HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await server.ask(head + b"5\r\nabcde\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert answer.body == {"size": 5, "headers": ["host", "transfer-encoding"]}


@pytest.mark.parametrize("trailer", [b"A: " + b"b" * 600, b"A: b\r\n" * 100], ids=["one", "many"])
async def test_trailers_are_as_limited_as_headers(server: Server, trailer: bytes) -> None:
    reader, writer = await server.connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
    await asyncio.sleep(0.05)
    writer.write(b"0\r\n" + trailer)
    await asyncio.sleep(0.05)
    writer.write(trailer)
    answer = await read_answer(reader)
    assert (answer.status, code(answer)) == (431, "BAD_REQUEST")
    writer.close()


async def test_a_head_that_does_not_end_in_time_is_refused(impatient: Server) -> None:
    answer = await impatient.ask(b"GET / HTTP/1.1\r\nA: b\r\n")
    assert (answer.status, code(answer)) == (408, "REQUEST_TIMEOUT")


async def test_a_connection_without_a_byte_is_not_kept(impatient: Server) -> None:
    answer = await impatient.ask()
    assert (answer.status, code(answer)) == (408, "REQUEST_TIMEOUT")


async def test_a_second_head_has_a_deadline_of_its_own(impatient: Server) -> None:
    reader, writer = await impatient.connect()
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


async def test_no_connection_is_left_over(impatient: Server) -> None:
    await asyncio.gather(*(impatient.ask(b"GET / HTTP/1.1\r\nA: ") for _ in range(20)))
    await impatient.is_left_alone()


def test_the_seam_is_where_the_protocol_leans_on_it() -> None:
    # Names without a promise: uvicorn calls them, or the protocol reads and sets what they leave.
    for name in (
        "on_message_begin",
        "on_url",
        "on_header",
        "on_headers_complete",
        "on_body",
        "on_message_complete",
        "on_response_complete",
        "pause_writing",
        "resume_writing",
        "send_400_response",
    ):
        assert callable(getattr(HttpToolsProtocol, name))
    assert {"cycle", "pipeline", "parser", "headers", "timeout_keep_alive_task"} <= attributes_of(HttpToolsProtocol)
    assert {"response_started", "response_complete", "keep_alive"} <= attributes_of(RequestResponseCycle)


def attributes_of(kind: type) -> set[str]:
    """What the instances of a class are given when they are made."""
    return set(kind.__init__.__code__.co_names)  # type: ignore[misc]


async def test_a_long_url_before_long_headers_is_no_longer_for_arriving_in_pieces(server: Server) -> None:
    head = b"GET /" + b"u" * 190 + b" HTTP/1.1\r\nHost: gate\r\nX: " + b"x" * 900 + b"\r\n\r\n"
    assert (await server.ask(head)).status == 200
    reader, writer = await server.connect()
    for start in range(0, len(head), 100):
        writer.write(head[start : start + 100])
        await writer.drain()
        await asyncio.sleep(0.005)
    assert (await read_answer(reader)).status == 200
    writer.close()
