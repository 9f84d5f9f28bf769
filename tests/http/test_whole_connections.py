"""Connections that change between the two ways, idle, break, half close, and outlive their server."""

import asyncio
import gc
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from graph.server.outbox import Outbox
from graph.server.whole import WholeRequests
from starlette.types import Message, Receive, Scope, Send

from tests.http.connections import IMPATIENT, PATIENT, Server, read_answer, serving
from tests.http.test_lingering import read_nothing
from tests.http.ways import PATH, UVICORN, WHOLE, both_ways, exchange, mirror, post, replies_in, telling, way_of

HUGE = 16_000_000  # more than the buffers of both sides
LAST = post(b"", "Connection: close")
LETTING_GO = (b"connection", b"close")


class Worker:
    """An application that answers when it is told to."""

    def __init__(self, size: int = 2) -> None:
        self.ways: list[str] = []
        self.go_on = asyncio.Event()
        self.ended: list[str] = []
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers `{}`, and as many blanks as its size wants."""
        self.ways.append(way_of(receive))
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        headers = [(b"content-length", b"%d" % self._size)]
        await telling(_answering(headers, b"{}" + b" " * (self._size - 2)))(scope, receive, send)
        self.ended.append("answered")

    async def is_at_work(self, requests: int = 1) -> None:
        """Returns when so many requests have come to it."""
        await until(lambda: len(self.ways) >= requests)


def _answering(headers: list[tuple[bytes, bytes]], body: bytes) -> Callable[[Scope, Receive, Send], Any]:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return app


async def until(holds: Callable[[], bool]) -> None:
    """Returns once something holds, which it must do before long."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_one_connection_goes_one_way_and_the_other() -> None:
    order = [(post(), WHOLE), (post(path="/other"), UVICORN), (post(b""), WHOLE), (post(), WHOLE)]
    async with both_ways(mirror) as server:
        reader, writer = await server.connect()
        for request_bytes, way in order:
            writer.write(request_bytes)
            assert (await read_answer(reader)).headers["x-way"] == way
        writer.close()
        await server.is_left_alone()
        assert server.uvicorn.server_state.total_requests == len(order)


async def test_the_second_of_two_requests_in_a_row_is_uvicorns_and_whoever_comes_after_them_is_whole() -> None:
    async with both_ways(mirror) as server:
        reader, writer = await server.connect()
        for _ in range(3):
            writer.write(post(b"1") + post(b"22") + post(b"333"))
            answers = [await read_answer(reader) for _ in range(3)]
            assert [answer.headers["x-way"] for answer in answers] == [WHOLE, UVICORN, UVICORN]
            assert [answer.body["size"] for answer in answers] == [1, 2, 3]
        writer.close()
        await server.is_left_alone()
        assert server.uvicorn.server_state.total_requests == 9


async def test_a_request_behind_one_that_has_come_in_pieces_waits_for_its_turn() -> None:
    async with both_ways(mirror) as server:
        split = post(b"first")
        replies = await exchange(server, split[:-2], split[-2:] + post(b"second!") + LAST)
    assert [reply.way for reply in replies] == [UVICORN] * 3
    assert [reply.asked["size"] for reply in replies] == [5, 7, 0]


async def test_a_request_behind_a_body_that_comes_after_its_answer_is_whole() -> None:
    async with both_ways(telling(_answering([(b"content-length", b"2")], b"{}"))) as server:
        reader, writer = await server.connect()
        writer.write(post(b"abcde")[:-2])
        assert (await read_answer(reader)).headers["x-way"] == UVICORN
        writer.write(b"de" + post(b"abcde"))
        assert (await read_answer(reader)).headers["x-way"] == WHOLE
        writer.close()


@pytest.mark.parametrize("behind", [b"\x16\x03\x01 nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n"])
async def test_a_whole_request_has_its_answer_whatever_comes_behind_it(behind: bytes) -> None:
    async with both_ways(mirror) as server:
        [reply] = await exchange(server, post() + behind + post(path="/smuggled"))
    assert (reply.way, reply.asked["path"]) == (WHOLE, PATH.decode())
    assert ("connection", "close") in reply.headers


async def test_much_in_one_write_is_answered_as_much_in_pieces() -> None:
    much = post(b"x" * 200_000)
    async with both_ways(mirror) as server:
        [at_once, _] = await exchange(server, much + LAST)
        [in_pieces, _] = await exchange(
            server, *(much[start : start + 9_000] for start in range(0, len(much), 9_000)), LAST
        )
    assert at_once.asked["size"] == 200_000
    assert at_once.same == in_pieces.same


async def test_a_body_of_more_than_uvicorn_takes_at_a_time_is_whole() -> None:
    """Fed by hand: how much a socket gives at once is the kernel's affair."""
    worker = Worker()
    config = uvicorn.Config(worker, lifespan="off", log_config=None)
    kind = type("Limited", (WholeRequests,), {"limits": PATIENT, "outbox": Outbox(), "path": PATH})
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: kind(config, state, {}, loop), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    await until(lambda: bool(state.connections))
    [protocol] = state.connections
    protocol.data_received(post(b"x" * 200_000))
    protocol.data_received(post(path="/next"))
    worker.go_on.set()
    assert [(await read_answer(reader)).headers["x-way"] for _ in range(2)] == [WHOLE, UVICORN]
    writer.close()
    server.close()
    await until(lambda: not state.connections and not state.tasks)


async def test_who_sends_its_last_request_and_half_closes_is_left_alone() -> None:
    worker = Worker()
    async with both_ways(worker) as server:
        reader, writer = await server.connect()
        writer.write(post())
        writer.write_eof()
        await worker.is_at_work()
        worker.go_on.set()
        assert await reader.read() == b""  # as uvicorn's way: asyncio has closed by then
        writer.close()
        await server.is_left_alone()
    assert worker.ways == [WHOLE]


async def test_who_goes_while_a_request_is_at_work_leaves_nothing_behind() -> None:
    worker = Worker()
    async with both_ways(worker) as server:
        for behind in b"", post(), post()[:-1], post()[:10]:
            _, writer = await server.connect()
            before = len(worker.ways)
            writer.write(post() + behind)
            await worker.is_at_work(before + 1)
            writer.transport.abort()
        worker.go_on.set()
        await server.is_left_alone()
    assert worker.ways[0] == WHOLE
    assert worker.ended == ["answered"] * len(worker.ways)


async def test_who_asks_and_does_not_read_is_given_up() -> None:
    worker = Worker(HUGE)
    worker.go_on.set()
    async with serving(worker, IMPATIENT, protocol=WholeRequests, path=PATH) as server:
        await read_nothing(server, post().decode())
        await read_nothing(server, LAST.decode())
    assert worker.ways == [WHOLE] * 2


async def test_who_reads_late_has_every_answer_whole_and_the_next_waits_for_it() -> None:
    worker = Worker(HUGE)
    worker.go_on.set()
    async with both_ways(worker) as server:
        reader, writer = await server.connect()
        writer.write(post())
        await until(lambda: worker.ended == ["answered"])
        writer.write(post())
        await worker.is_at_work(2)
        await asyncio.sleep(0.05)
        assert worker.ended == ["answered"]
        for _ in range(2):
            answer = await read_answer(reader)
            assert (answer.headers["x-way"], answer.headers["content-length"]) == (WHOLE, str(HUGE))
        writer.close()
        await server.is_left_alone()


async def test_a_server_that_begins_to_drain_lets_go_of_who_is_being_answered() -> None:
    worker = Worker()
    async with both_ways(worker) as server:
        reader, writer = await server.connect()
        writer.write(post())
        await worker.is_at_work()
        server.uvicorn.server_state.default_headers = [(b"date", b"today"), LETTING_GO]
        worker.go_on.set()
        [reply] = replies_in(await reader.read())
        writer.close()
    assert (reply.way, reply.headers.count(("connection", "close"))) == (WHOLE, 1)


async def stopping(server: Server) -> None:
    """Returns once the server that stops has told its connections."""
    server.uvicorn.should_exit = True
    await until(lambda: all(not listening.is_serving() for listening in server.uvicorn.servers))
    await asyncio.sleep(0)


@pytest.mark.parametrize("behind", [b"", post()[:10]], ids=["nothing", "half a head"])
async def test_a_request_at_work_has_its_answer_from_a_server_that_stops(behind: bytes) -> None:
    worker = Worker()
    limits = replace(PATIENT, parting_seconds=0.01)
    async with serving(worker, limits, protocol=WholeRequests, path=PATH) as server:
        reader, writer = await server.connect()
        writer.write(post() + behind)
        await worker.is_at_work()
        await stopping(server)
        await asyncio.sleep(0.1)
        worker.go_on.set()
        [reply] = replies_in(await reader.read())
        writer.close()
    assert (reply.way, reply.status) == (WHOLE, 200)
    assert ("connection", "close") in reply.headers


@pytest.mark.parametrize("cut", [0, 1], ids=["whole", "in pieces"])
async def test_who_has_had_no_answer_when_time_is_up_is_told(cut: int) -> None:
    worker = Worker()
    async with both_ways(worker) as server:
        reader, writer = await server.connect()
        writer.write(post()[: len(post()) - cut])
        await worker.is_at_work()
        server.uvicorn.should_exit = True
        [reply] = replies_in(await reader.read())
        writer.close()
        await server.is_left_alone()
    assert worker.ways == [UVICORN if cut else WHOLE]
    assert worker.ended == ["cancelled"]
    assert (reply.status, reply.body) == (500, b"Internal Server Error")


async def test_the_first_request_of_a_connection_to_a_server_that_stops_is_answered_the_other_way() -> None:
    async with serving(mirror, replace(PATIENT, parting_seconds=30), protocol=WholeRequests, path=PATH) as server:
        reader, writer = await server.connect()
        await until(lambda: bool(server.uvicorn.server_state.connections))
        await stopping(server)
        writer.write(post())
        answer = await read_answer(reader)
        assert (answer.headers["x-way"], answer.headers["connection"]) == (UVICORN, "close")
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("ended", ["closed", "reset"])
@pytest.mark.parametrize("requests", [[], [post()], [post(path="/other")], [post(), post(path="/other"), post()[:40]]])
async def test_a_connection_leaves_nothing_for_the_garbage_collector(requests: list[bytes], ended: str) -> None:
    async with both_ways(mirror) as server:
        gc.collect()
        gc.disable()
        try:
            reader, writer = await server.connect()
            for request in requests:
                writer.write(request)
                if request.endswith(b"{}"):
                    await read_answer(reader)
            await until(lambda: bool(connections()))
            if ended == "reset":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()
            await server.is_left_alone()
            await until(lambda: not connections())
        finally:
            gc.enable()


def connections() -> list[WholeRequests]:
    """Those that the process knows, closed or not."""
    return [known for known in gc.get_objects() if issubclass(type(known), WholeRequests)]
