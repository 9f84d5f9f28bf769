"""Routes whose application reads the body of a request in pieces."""

import asyncio
import contextlib
from typing import Final

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.protocols.serving import GET, PATIENT, SOON, STREAMED, post, read_response, serving, until
from tests.protocols.test_responses import BODY, PIECE, START

OPEN: Final = post(b"", "Transfer-Encoding: chunked", path="/streamed", length=False)


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """In production it is uvloop, whose transports pause in a way of their own."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


def in_order(*sizes: int) -> bytes:
    """Requests with bodies that are streamed, of these sizes."""
    return b"".join(post(b"x" * size, path="/streamed") for size in sizes)


async def reading_all(_scope: Scope, receive: Receive, send: Send) -> None:
    """Responds with the size of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send(dict(START))
    await send({**BODY, "body": b"%d" % size})


async def reading_late(scope: Scope, receive: Receive, send: Send) -> None:
    """The same, when all of the body could have arrived before."""
    await asyncio.sleep(0.1)
    await reading_all(scope, receive, send)


async def reading_nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Responds when all of the body could have arrived."""
    await asyncio.sleep(0.1)
    await send(dict(START))
    await send({**BODY, "body": b"unread"})


async def test_a_streamed_body_arrives_in_pieces_with_back_pressure() -> None:
    go_on, sizes = asyncio.Event(), []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]
        await send(dict(START))
        await send({**BODY, "body": b"%d" % sum(sizes)})

    async with serving(app) as server:
        reader, writer = await server.connect()
        body = b"x" * 300_000
        writer.write(post(body, path="/streamed"))
        await asyncio.sleep(0.1)
        go_on.set()
        response = await reader.readuntil(b"300000")
        assert response.startswith(b"HTTP/1.1 200")
        writer.close()
        await server.is_left_alone()
    assert sizes[0] < 300_000
    assert len(sizes) > 1


async def test_a_response_before_the_end_of_a_streamed_body_closes_the_connection() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(dict(START))
        await send(dict(BODY))

    async with serving(app) as server:
        [response] = await server.exchange(post(b"x" * 300_000, path="/streamed")[:200_000])
        await server.is_left_alone()
    assert (response.body, response.headers["connection"]) == (b"response", "close")


async def test_a_client_that_leaves_before_the_end_of_its_body_is_a_disconnect() -> None:
    heard: list[str] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while not heard or heard[-1] != "http.disconnect":
            heard.append((await receive())["type"])

    async with serving(app) as server:
        _, writer = await server.connect()
        writer.write(OPEN + b"3\r\nabc\r\n")
        await until(lambda: heard == ["http.request"])
        writer.transport.abort()
        await until(lambda: heard[-1] == "http.disconnect")
        writer.close()
        await server.is_left_alone()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"fffff\r\n" + b"x" * 400_000, 413, "PAYLOAD_TOO_LARGE"),
        (b"3\r\nabc\r\nxyz\r\n", 400, "BAD_REQUEST"),
        (b"3\r\nabc\r\n", 408, "REQUEST_TIMEOUT"),
    ],
)
@pytest.mark.parametrize("app", [reading_all, reading_late])
async def test_why_the_rest_of_a_body_cannot_follow_is_the_response(
    app: ASGIApp, sent: bytes, status: int, code: str
) -> None:
    limits = STREAMED["/streamed"].model_copy(update={"body_seconds": SOON})
    async with serving(app, routes={"/streamed": limits}) as server:
        [response] = await server.exchange(OPEN, sent)
        assert (response.status, response.code) == (status, code)
        await server.is_left_alone()


async def test_a_response_that_has_begun_breaks_off_with_the_body() -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(dict(START))
        await send(dict(PIECE))
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(app) as server:
        reader, writer = await server.connect()
        writer.write(OPEN + b"3\r\nabc\r\n")
        await reader.readuntil(b"piece")
        writer.write(b"no size\r\n")
        with contextlib.suppress(ConnectionError):
            assert not (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()
        await server.is_left_alone()


async def test_bytes_that_wait_for_the_application_have_a_budget() -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await reading_all(scope, receive, send)

    async with serving(app, PATIENT.model_copy(update={"pending_bytes": 100_000})) as server:
        reader, writer = await server.connect()
        writer.write(in_order(60_000))
        await until(lambda: server.connections._pending >= 60_000)
        other, others_writer = await server.connect()
        others_writer.write(in_order(60_000))
        await asyncio.sleep(0.1)
        assert server.connections._pending <= 100_000
        go_on.set()
        refusal = await read_response(other)
        assert (refusal.status, refusal.code) == (503, "SERVICE_UNAVAILABLE")
        assert (await read_response(reader)).body == b"60000"
        assert server.connections._pending == 0
        for each in (writer, others_writer):
            each.close()
        await server.is_left_alone()


@pytest.mark.parametrize("behind", [b"", GET * 5], ids=["at work", "in line"])
async def test_a_client_that_leaves_takes_its_waiting_bytes_with_it(behind: bytes) -> None:
    go_on = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await go_on.wait()

    async with serving(app) as server:
        _, writer = await server.connect()
        writer.write(behind[: 2 * len(GET)] + in_order(50_000) + behind + in_order(40_000))
        await until(lambda: server.connections._pending >= 50_000)
        writer.transport.abort()
        go_on.set()
        await server.is_left_alone()


async def test_a_body_in_thousands_of_chunks_of_one_byte_arrives_whole() -> None:
    size = 4_000

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.1)
        await reading_all(scope, receive, send)

    async with serving(app) as server:
        reader, writer = await server.connect()
        writer.write(OPEN + b"1\r\nx\r\n" * size + b"0\r\n\r\n" + in_order(7))
        assert (await read_response(reader)).body == b"%d" % size
        assert (await read_response(reader)).body == b"7"
        writer.close()
        await server.is_left_alone()


async def test_a_body_in_more_small_chunks_than_it_is_worth_is_refused() -> None:
    async with serving(reading_all) as server:
        reader, writer = await server.connect()
        writer.write(OPEN + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n")
        response = await read_response(reader)
        assert (response.status, b"small chunks" in response.body) == (400, True)
        writer.close()
        await server.is_left_alone()


@pytest.mark.parametrize("reads", [True, False])
async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_when_it_is_read(reads: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (reading_all if reads else reading_nothing)(scope, receive, send)

    async with serving(app) as server:
        reader, writer = await server.connect()
        writer.write(post(b"abc", "Expect: 100-continue", path="/streamed")[:-3])
        first = await reader.readuntil(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 100" if reads else b"HTTP/1.1 200")
        if reads:
            writer.write(b"abc")
            assert (await read_response(reader)).body == b"3"
        writer.close()
        await server.is_left_alone()


async def test_what_is_read_of_a_body_after_its_response_is_a_disconnect() -> None:
    heard: list[str] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send(dict(START))
        await send(dict(BODY))
        heard.append((await receive())["type"])

    async with serving(app) as server:
        [response] = await server.exchange(OPEN + b"3\r\nabc\r\n")
        await server.is_left_alone()
    assert (response.body, heard) == (b"response", ["http.disconnect"])


@pytest.mark.slow
@pytest.mark.parametrize("app", [reading_all, reading_late])
@pytest.mark.parametrize("sizes", [(100_000, 200_000), (70_000, 70_000, 70_000), (300_000, 0, 100_000)])
async def test_a_connection_takes_one_streamed_body_after_another(app: ASGIApp, sizes: tuple[int, ...]) -> None:
    async with serving(app) as server:
        reader, writer = await server.connect()
        for size in sizes:
            writer.write(in_order(size))
            assert (await read_response(reader)).body == b"%d" % size
        writer.close()
        await server.is_left_alone()


@pytest.mark.parametrize("app", [reading_all, reading_late])
async def test_streamed_bodies_that_come_together_are_read_one_after_the_other(app: ASGIApp) -> None:
    async with serving(app) as server:
        reader, writer = await server.connect()
        writer.write(in_order(100_000, 200_000, 150_000) + post(b"xyz"))
        sizes = [(await read_response(reader)).body for _ in range(4)]
        writer.close()
        await server.is_left_alone()
    assert sizes == [b"100000", b"200000", b"150000", b"3"]


async def test_a_connection_goes_on_after_a_body_that_arrived_and_was_not_read() -> None:
    async with serving(reading_nothing) as server:
        reader, writer = await server.connect()
        for size in (100_000, 150_000):
            writer.write(in_order(size))
            response = await read_response(reader)
            assert response.body == b"unread"
            if response.headers.get("connection") == "close":  # it had not arrived whole
                writer.close()
                reader, writer = await server.connect()
        writer.write(in_order(10))
        assert (await read_response(reader)).body == b"unread"
        writer.close()
        await server.is_left_alone()
