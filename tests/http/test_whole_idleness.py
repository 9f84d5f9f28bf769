"""How long a connection idles whose requests go one way and the other, by a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from graph.server.outbox import Outbox
from graph.server.whole import WholeRequests

from graph.server.protocol import ConnectionLimits
from tests.http.test_whole_connections import Worker
from tests.http.ways import PATH, UVICORN, WHOLE, post
from tests.manual_loop import SlowedLoop, slowed

IDLE = 75
REQUESTS = {WHOLE: post(), UVICORN: post(path="/other")}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": SlowedLoop}


class Client:
    """One connection to a server of its own, and the seconds that pass for both."""

    def __init__(self, worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._worker = worker
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Sends, and lets the server see it."""
        self._writer.write(data)
        await self.passes(0)

    async def is_answered(self, way: str) -> None:
        """Asks, and is answered that way."""
        self._worker.go_on.set()
        await self.send(REQUESTS[way])
        await self.reads_answer()
        assert self._worker.ways[-1] == way

    async def reads_answer(self) -> None:
        """Takes one answer."""
        assert (await self._reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await self._reader.readexactly(2)

    async def passes(self, seconds: float) -> None:
        """Time, in which what is on its way arrives."""
        await slowed().pass_time(seconds)

    async def is_closed(self) -> bool:
        """Whether the server has ended the connection."""
        await self.passes(0)
        return self._reader.at_eof()


@asynccontextmanager
async def connected(worker: Worker) -> AsyncIterator[Client]:
    """A connection whose server closes it when it has idled."""
    loop = asyncio.get_running_loop()
    config = uvicorn.Config(worker, lifespan="off", log_config=None, timeout_keep_alive=IDLE)
    attributes = {"limits": ConnectionLimits(head_seconds=5), "outbox": Outbox(), "path": PATH}
    kind = type("Limited", (WholeRequests,), attributes)
    state = uvicorn.server.ServerState()
    async with await loop.create_server(lambda: kind(config, state, {}, loop), "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield Client(worker, reader, writer)
        writer.close()
        worker.go_on.set()
        while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)


@pytest.mark.parametrize("last", [WHOLE, UVICORN])
@pytest.mark.parametrize("first", [WHOLE, UVICORN])
@pytest.mark.parametrize("between", [0, 50, 74])
async def test_a_connection_idles_as_long_after_its_last_answer_however_it_went(
    first: str, last: str, between: int
) -> None:
    async with connected(Worker()) as client:
        await client.is_answered(first)
        await client.passes(between)
        await client.is_answered(last)
        for _ in range(IDLE - 1):
            await client.passes(1)
        assert not await client.is_closed()
        await client.passes(2)
        assert await client.is_closed()


@pytest.mark.parametrize("way", [WHOLE, UVICORN])
async def test_a_connection_does_not_idle_while_a_request_is_at_work(way: str) -> None:
    worker = Worker()
    async with connected(worker) as client:
        await client.is_answered(WHOLE)
        worker.go_on.clear()
        await client.passes(10)
        await client.send(REQUESTS[way])
        for _ in range(5):
            await client.passes(60)
        worker.go_on.set()
        await client.reads_answer()
        for _ in range(IDLE - 1):
            await client.passes(1)
        assert not await client.is_closed()
        for _ in range(2):
            await client.passes(1)
        assert await client.is_closed()


async def test_a_head_that_has_begun_is_not_idle() -> None:
    async with connected(Worker()) as client:
        await client.is_answered(WHOLE)
        await client.passes(IDLE - 1)
        await client.send(post()[:10])
        await client.passes(2)
        await client.send(post()[10:])
        await client.reads_answer()


async def test_one_timer_is_enough_for_many_requests_and_none_outlives_the_connection() -> None:
    async with connected(Worker()) as client:
        for _ in range(100):
            await client.is_answered(WHOLE)
        await client.passes(1)
        assert slowed().waiting() == [IDLE - 1]
    await slowed().pass_time(0)
    assert slowed().waiting() == []
