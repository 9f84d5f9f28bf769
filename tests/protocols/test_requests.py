"""Requests over real sockets: read whole however they are cut, within limits, refused once."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocols.serving import (
    BODIES,
    GET,
    IMPATIENT,
    LAST,
    PATIENT,
    SOON,
    Server,
    chunked,
    echo,
    post,
    read_response,
    serving,
)

MEGABYTES: Final = 2_000_000
TRAILERS: Final = b"Authorization: Bearer x\r\nX-Late: y\r\n"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(echo) as opened:
        yield opened


@pytest.fixture
async def impatient() -> AsyncIterator[Server]:
    async with serving(echo, IMPATIENT, bodies=BODIES.model_copy(update={"body_seconds": SOON})) as opened:
        yield opened


REQUESTS: Final = [
    post(b'{"query":"{ me { id } }"}'),
    post(b""),
    post(b"", length=False),
    chunked(b"abcde"),
    chunked(b"ab", b"c" * 3_000, b"de"),
    chunked(),
    chunked(b"abcde").replace(b"\r\n5\r\n", b"\r\n5;a=b\r\n"),
    chunked(b"abcde", trailers=TRAILERS),
    post(b"{}", "X-A: 1", "X-A: 2"),
    post(b"x" * 30_000),
    post(path="/%62usy?x=1"),
    GET,
]


def test_however_requests_are_cut_they_have_the_same_responses_in_order() -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        server = runner.run(stack.enter_async_context(serving(echo, PATIENT.model_copy(update={"pipelined": 9}))))
        alone = {request: runner.run(server.ask(request)).json for request in REQUESTS}

        @settings(
            max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @given(
            requests=st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4),
            cuts=st.lists(st.floats(0, 1, exclude_max=True), max_size=6),
            iterations=st.integers(0, 8),
        )
        def check(requests: list[bytes], cuts: list[float], iterations: int) -> None:
            stream = b"".join(requests) + LAST
            places = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
            pieces = [stream[start:end] for start, end in pairwise(places)]
            responses = runner.run(server.exchange(*pieces, iterations=iterations))
            assert [response.json for response in responses[:-1]] == [alone[request] for request in requests]
            assert responses[-1].json["path"] == "/last"

        check()
        runner.run(stack.aclose())


async def test_a_trailer_does_not_pass_for_a_header(server: Server) -> None:
    request = chunked(b"abcde", trailers=TRAILERS)
    for cut in range(0, len(request), 3):
        [response, _] = await server.exchange(request[:cut], request[cut:] + LAST)
        assert response.json == {"size": 5, "path": "/", "headers": ["host", "transfer-encoding"]}


LIMITS: Final = {
    "a long URL": (b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "BAD_REQUEST"),
    "many headers": (post(b"{}", *["A: b"] * 11), 431, "BAD_REQUEST"),
    "long headers": (post(b"{}", *["A: " + "b" * 300] * 4), 431, "BAD_REQUEST"),
    "a long trailer": (chunked(b"abcde", trailers=b"X: " + b"x" * 1_200 + b"\r\n"), 431, "BAD_REQUEST"),
    "an announced body": (post(b"", "Content-Length: 65537", length=False), 413, "PAYLOAD_TOO_LARGE"),
    "a body in chunks": (chunked(*[b"x" * 9_000] * 8), 413, "PAYLOAD_TOO_LARGE"),
}


@pytest.mark.parametrize(("request_bytes", "status", "code"), LIMITS.values(), ids=LIMITS)
async def test_what_is_larger_than_its_limit_is_refused(
    server: Server, request_bytes: bytes, status: int, code: str
) -> None:
    middle = len(request_bytes) // 2
    for pieces in (request_bytes,), (request_bytes[:middle], request_bytes[middle:]):
        response = await server.ask(*pieces)
        assert (response.status, response.code) == (status, code)
    await server.is_left_alone()


async def test_a_header_without_end_is_refused_before_it_ends(server: Server) -> None:
    response = await server.ask(b"GET / HTTP/1.1\r\nA: ", *[b"b" * 700] * 3)
    assert (response.status, response.code) == (431, "BAD_REQUEST")


async def test_a_body_counts_for_no_limit_of_a_head(server: Server) -> None:
    body = b"x" * BODIES.body_bytes
    request = post(body) + b"GET /second HTTP/1.1\r\nHo"
    reader, writer = await server.connect()
    writer.write(request)
    assert (await read_response(reader)).json["size"] == len(body)
    writer.write(b"st: server\r\n\r\n")
    assert (await read_response(reader)).json["path"] == "/second"
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nA: b\r\n", post(b"abc")[:-1], chunked(b"abc")[:-1]])
@pytest.mark.parametrize("before", [b"", GET], ids=["first", "second"])
async def test_what_does_not_arrive_in_time_is_refused(impatient: Server, sent: bytes, before: bytes) -> None:
    if before and not sent:
        return  # an idle connection: see test_connections
    *_, response = await impatient.exchange(before + sent)
    assert (response.status, response.code) == (408, "REQUEST_TIMEOUT")
    await impatient.is_left_alone()


@pytest.mark.slow
async def test_a_new_connection_has_its_own_deadline_and_not_that_of_idle_ones() -> None:
    async with serving(echo, PATIENT.model_copy(update={"head_seconds": 2.5})) as server:
        new, new_writer = await server.connect()
        idle, writer = await server.connect()
        writer.write(GET)
        await read_response(idle)
        assert await idle.read() == b"", "it has idled for longer than it may"
        assert (await read_response(new)).code == "REQUEST_TIMEOUT"
        for each in (writer, new_writer):
            each.close()
        await server.is_left_alone()


REFUSED: Final = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "broken chunks": chunked(b"abcde").replace(b"0\r\n\r\n", b"z\r\n\r\n"),
    "a chunk longer than its size": chunked(b"abcde").replace(b"\r\n5\r\n", b"\r\n3\r\n"),
    "length and chunks": post(b"0\r\n\r\n", "Transfer-Encoding: chunked"),
    "two lengths": post(b"abcde", "Content-Length: 4"),
    "one length twice": post(b"abcde", "Content-Length: 5"),
    "a negative length": post(b"", "Content-Length: -1", length=False),
    "a coding without chunks": post(b"abcde", "Transfer-Encoding: gzip", length=False),
    "chunks within a coding": post(b"0\r\n\r\n", "Transfer-Encoding: gzip, chunked", length=False),
    "a coding behind chunks": post(b"0\r\n\r\n", "Transfer-Encoding: chunked, gzip", length=False),
    "NUL in a name": b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n : b\r\n\r\n",
    "two hosts": post(b"{}", "Host: other"),
    "two hosts in one": post().replace(b"Host: server", b"Host: x, y"),
    "no host": post().replace(b"Host: server\r\n", b""),
    "two authorizations": post(b"{}", "Authorization: Bearer a", "Authorization: Bearer b"),
    "two content types": post(b"{}", "Content-Type: a/b", "Content-Type: a/b"),
    "HTTP/2.0": post().replace(b"HTTP/1.1", b"HTTP/2.0"),
    "CONNECT": b"CONNECT server:443 HTTP/1.1\r\nHost: server\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("before", [b"", post()], ids=["first", "behind another"])
async def test_what_two_parsers_could_read_differently_is_refused_once(
    server: Server, request_bytes: bytes, before: bytes
) -> None:
    *earlier, response = await server.exchange(before + request_bytes + post(path="/smuggled"))
    assert (response.status, response.code) == (400, "BAD_REQUEST")
    assert [each.status for each in earlier] == [200] * bool(before)


@pytest.mark.parametrize("headers", [("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")])
async def test_the_wish_for_another_protocol_is_ignored(server: Server, headers: tuple[str, ...]) -> None:
    request = post(b"abcde", *headers)
    for cut in 0, 20, len(request) - 2:
        [first, second] = await server.exchange(request[:cut], request[cut:] + LAST)
        assert (first.json["size"], second.json["path"]) == (5, "/last")


async def test_the_wish_for_the_end_of_the_connection_is_not_lost_with_it(server: Server) -> None:
    [response] = await server.exchange(post(b"abcde", "Connection: Upgrade, close", "Upgrade: h2c") + LAST)
    assert (response.json["size"], response.headers["connection"]) == (5, "close")


async def test_curl_that_wishes_for_http_2_has_its_response(server: Server) -> None:
    curl = shutil.which("curl")
    assert curl, "install curl"
    process = await asyncio.create_subprocess_exec(
        curl, "-s", "--http2", "--data", "abcde", f"http://127.0.0.1:{server.port}/", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert b'"size": 5' in output


async def test_a_client_that_waits_for_100_continue_gets_it_and_a_response(server: Server) -> None:
    reader, writer = await server.connect()
    for _ in range(2):
        writer.write(post(b"", "Content-Length: 5", "Expect: 100-continue", length=False))
        async with asyncio.timeout(20):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abcde")
        assert (await read_response(reader)).json["size"] == 5
    writer.close()


async def test_a_body_too_large_is_not_asked_for(server: Server) -> None:
    response = await server.ask(post(b"", "Content-Length: 99999", "Expect: 100-continue", length=False))
    assert (response.status, response.code) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("version", "header", "kept"),
    [
        ("1.1", "A: b", True),
        ("1.1", "Connection: close", False),
        ("1.0", "A: b", False),
        ("1.0", "Connection: keep-alive", False),
    ],
)
async def test_a_connection_is_kept_as_its_client_wishes(server: Server, version: str, header: str, kept: bool) -> None:
    request = post(b"{}", header).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    assert len(await server.exchange(request + LAST)) == 1 + kept


@pytest.mark.parametrize("request_bytes", [GET, post(b"", "Connection: Upgrade", "Upgrade: h2c")], ids=["GET", "h2c"])
async def test_so_many_requests_may_wait_behind_one(server: Server, request_bytes: bytes) -> None:
    responses = await server.exchange(request_bytes * 1_500)
    assert [each.headers.get("connection") for each in responses] == [None] * PATIENT.pipelined + ["close"]


EARLY: Final = {
    "a body": (post(b"x" * MEGABYTES), 413),
    "a URL": (b"GET /" + b"a" * MEGABYTES + b" HTTP/1.1\r\n\r\n", 414),
    "a header": (b"GET / HTTP/1.1\r\nA: " + b"a" * MEGABYTES + b"\r\n\r\n", 431),
    "headers": (b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * (MEGABYTES // 6) + b"\r\n", 431),
    "no HTTP": (b"\x16\x03\x01" * (MEGABYTES // 3), 400),
}


def sent_before_reading(port: int, data: bytes) -> bytes:
    """What a client reads that first sends everything; a reset on the way fails it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(("request_bytes", "status"), EARLY.values(), ids=EARLY)
async def test_a_refusal_is_read_by_a_client_that_sends_everything_first(
    server: Server, request_bytes: bytes, status: int
) -> None:
    received = await asyncio.to_thread(sent_before_reading, server.port, request_bytes)
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    await server.is_left_alone()


async def test_a_flood_behind_a_refusal_is_cut_off(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(post(b"", "Content-Length: 1000000000", length=False))
    assert (await read_response(reader)).status == 413

    async def flow() -> None:
        while True:
            writer.write(b"x" * 100_000)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await flow()
    writer.close()
    await server.is_left_alone()
