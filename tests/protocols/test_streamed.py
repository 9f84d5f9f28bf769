"""Routes whose application reads the body of a request in pieces."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from tests.protocols.serving import post, serving, until
from tests.protocols.test_responses import BODY, START


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


@pytest.mark.parametrize("too_large", [True, False])
async def test_a_streamed_body_that_breaks_off_is_a_disconnect(too_large: bool) -> None:
    heard: list[str] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while not heard or heard[-1] != "http.disconnect":
            heard.append((await receive())["type"])

    async with serving(app) as server:
        _, writer = await server.connect()
        writer.write(post(b"", "Transfer-Encoding: chunked", path="/streamed", length=False) + b"3\r\nabc\r\n")
        await until(lambda: heard == ["http.request"])
        if too_large:
            writer.write(b"fffff\r\n" + b"x" * 400_000)
        else:
            writer.transport.abort()
        await until(lambda: heard[-1] == "http.disconnect")
        writer.close()
        await server.is_left_alone()
