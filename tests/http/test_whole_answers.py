"""What applications may do to a whole request, and what its client sees of it."""

import asyncio

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.http.connections import read_answer
from tests.http.ways import UVICORN, WHOLE, Reply, both_ways, exchange, post, replies_in, telling, uvicorns_way, way_of

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b"answer"}
LAST = post(b"", "Connection: close")


def sending(*messages: Message) -> ASGIApp:
    """An application that answers with these messages, whoever asks."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for message in messages:
            await send(message)

    return app


def with_headers(*headers: tuple[bytes, bytes], status: int = 200, body: bytes = b"answer") -> ASGIApp:
    return telling(sending({**START, "status": status, "headers": list(headers)}, {**BODY, "body": body}))


async def raising(_scope: Scope, receive: Receive, _send: Send) -> None:
    await receive()
    msg = "a defect"
    raise ValueError(msg)


async def raising_late(_scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send({**BODY, "more_body": True})
    await raising(_scope, receive, send)


async def both(app: ASGIApp, *requests: bytes) -> tuple[list[Reply], list[Reply]]:
    """The answers to requests in one write on each of the two ways, which the server has really gone."""
    ways: list[str] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        ways.append(way_of(receive))
        await app(scope, receive, send)

    answered = []
    for open_server, way in (both_ways, WHOLE), (uvicorns_way, UVICORN):
        async with open_server(noting) as server:
            answered.append(await exchange(server, b"".join(requests)))
            await server.is_left_alone()
        assert ways[0] == way
        ways.clear()
    return answered[0], answered[1]


FAILURES: dict[str, ASGIApp] = {
    "raises": raising,
    "answers nothing": sending(),
    "begins with the body": sending(BODY),
    "says what no application says": sending({"type": "http.response.pathsend"}),
}
HALVES: dict[str, ASGIApp] = {
    "raises after a part": raising_late,
    "only begins": sending(START),
    "begins twice": sending(START, START),
    "never ends": sending(START, {**BODY, "more_body": True}),
    "says what no application says": sending(START, {**BODY, "type": "http.response.trailers"}),
    "ends a line in a value": with_headers((b"x-a", b"b\r\nx-injected: c")),
    "ends a head in a value": with_headers((b"x-a", b"b\r\n\r\ninjected")),
    "breaks a line": with_headers((b"x-a", b"b\nx-injected: c")),
    "returns": with_headers((b"x-a", b"b\rx-injected: c")),
    "has a NUL": with_headers((b"x-a", b"b\x00injected")),
    "ends a line in a name": with_headers((b"x-injected: a\r\nx-b", b"c")),
    "says too little": with_headers((b"content-length", b"2")),
    "says too much": with_headers((b"content-length", b"200")),
    "has a body where there is none": with_headers(status=204),
    "has a status of its own": with_headers(status=999),
}


@pytest.mark.parametrize("app", FAILURES.values(), ids=FAILURES)
async def test_an_application_that_does_not_answer_is_answered_for_as_uvicorn_does(app: ASGIApp) -> None:
    whole, plain = await both(app, post(), post())
    assert [reply.status for reply in plain] == [500]
    assert [reply.same for reply in whole] == [reply.same for reply in plain]
    assert ("connection", "close") in whole[0].headers


@pytest.mark.parametrize("app", HALVES.values(), ids=HALVES)
async def test_nothing_of_an_answer_leaves_that_goes_wrong_on_its_way(app: ASGIApp) -> None:
    async with both_ways(app) as server:
        [reply] = await exchange(server, post() + post())
        await server.is_left_alone()
    assert (reply.status, reply.body) == (500, b"Internal Server Error")
    assert ("connection", "close") in reply.headers
    assert "injected" not in str(reply)


ANSWERS: dict[str, ASGIApp] = {
    "a length": with_headers((b"content-length", b"6")),
    "an end to the connection": with_headers((b"content-length", b"6"), (b"connection", b"close")),
    "an error": with_headers((b"content-length", b"6"), status=503),
}


@pytest.mark.parametrize("app", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_the_same_both_ways(app: ASGIApp) -> None:
    received = []
    for open_server, way in (both_ways, b"Exchange"), (uvicorns_way, b"RequestResponseCycle"):
        async with open_server(app) as server:
            reader, writer = await server.connect()
            writer.write(post(b"", "Connection: close"))
            answer = await reader.read()
            writer.close()
        lines = answer.replace(b"x-way: " + way, b"x-way").split(b"\r\n")
        received.append(sorted(line for line in lines if not line.startswith(b"date: ")))
    assert received[0] == received[1]
    assert b"x-way" in received[0]


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_has_no_length(status: int) -> None:
    async with both_ways(with_headers(status=status, body=b"")) as server:
        reader, writer = await server.connect()
        writer.write(post(b"", "Connection: close"))
        head = await reader.read()
        writer.close()
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-way: Exchange" in head
    assert b"content-length" not in head
    assert head.endswith(b"\r\n\r\n")


async def test_an_answer_in_pieces_leaves_in_one_with_its_length() -> None:
    pieces = [{**BODY, "body": b"piece %d " % number, "more_body": True} for number in range(40)]
    async with both_ways(telling(sending(START, *pieces, {"type": "http.response.body"}))) as server:
        [reply] = await exchange(server, LAST)
    assert reply.way == WHOLE
    assert reply.body == b"".join(b"piece %d " % number for number in range(40))


async def test_the_headers_of_an_answer_may_be_left_out() -> None:
    async with both_ways(sending({"type": "http.response.start", "status": 200}, BODY)) as server:
        [reply] = await exchange(server, LAST)
    assert (reply.status, reply.body) == (200, b"answer")


@pytest.mark.parametrize("header", [(b"transfer-encoding", b"chunked"), (b"connection", b"keep-alive")])
async def test_how_an_answer_is_framed_is_not_for_the_application(header: tuple[bytes, bytes]) -> None:
    async with both_ways(with_headers(header)) as server:
        replies = await exchange(server, post(), LAST, turns=20)
    assert [(reply.way, reply.body) for reply in replies] == [(WHOLE, b"answer")] * 2
    assert header[0].decode() not in dict(replies[0].headers)


async def test_who_answers_twice_is_told_and_its_client_is_not() -> None:
    raised: list[str] = []

    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(START, BODY)(scope, receive, send)
        for message in (START, BODY):
            try:
                await send(message)
            except RuntimeError as error:
                raised.append(str(error))

    async with both_ways(telling(twice)) as server:
        replies = await exchange(server, post(), LAST, turns=20)
    assert [(reply.way, reply.body) for reply in replies] == [(WHOLE, b"answer")] * 2
    assert len(raised) == 4


async def test_an_application_hears_that_its_client_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    waits = asyncio.Event()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([way_of(receive), (await receive())["type"]])
        impatient = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        impatient.cancel()
        news = [asyncio.ensure_future(receive()) for _ in range(2)]
        await asyncio.sleep(0)
        waits.set()
        heard.extend([message["type"] for message in await asyncio.gather(*news)])
        heard.append((await receive())["type"])
        await send(START)
        await send(BODY)
        heard.append("sent")

    async with both_ways(app) as server:
        _, writer = await server.connect()
        writer.write(post())
        await waits.wait()
        writer.transport.abort()
        await server.is_left_alone()
    assert heard == [WHOLE, "http.request", "http.disconnect", "http.disconnect", "http.disconnect", "sent"]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_an_application_hears_that_its_client_has_its_answer() -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first = await receive()
        news = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send(START)
        await send(BODY)
        heard.extend([first["type"], (await news)["type"], (await receive())["type"]])

    async with both_ways(telling(app)) as server:
        reader, writer = await server.connect()
        writer.write(post())
        [reply] = replies_in(await reader.readuntil(b"answer"))
        assert reply.way == WHOLE
        writer.write(post())
        [second] = replies_in(await reader.readuntil(b"answer"))
        assert second.way == WHOLE
        writer.close()
        await server.is_left_alone()
    assert heard == ["http.request", "http.disconnect", "http.disconnect"] * 2


async def test_a_client_that_goes_before_its_answer_takes_nobody_along() -> None:
    async with both_ways(with_headers((b"content-length", b"4"), body=b"null")) as server:
        for _ in range(10):
            _, gone = await server.connect()
            reader, stays = await server.connect()
            gone.write(post() * 3)
            stays.write(post())
            gone.transport.abort()
            assert (await read_answer(reader)).headers["x-way"] == WHOLE
            stays.close()
        await server.is_left_alone()
