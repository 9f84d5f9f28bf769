"""The proxy of these tests does what it says, or they would test nothing."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.faults.proxy import FaultProxy, Mode, Streams, fault_proxy
from tests.ports import CLOSED

# Seconds; whatever takes longer waits for ever.
BOUND = 20


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """In front of somebody who sends back what they are sent."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(1000):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reach = partial(asyncio.open_connection, "127.0.0.1", port)
    async with asyncio.timeout(BOUND), server, fault_proxy(reach) as proxy:
        yield proxy


@asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def said_back(streams: Streams, word: bytes = b"hello") -> bytes:
    reader, writer = streams
    writer.write(word)
    return await reader.readexactly(len(word))


async def test_it_passes_on_what_it_is_given(proxy: FaultProxy) -> None:
    async with connected(proxy) as one, connected(proxy) as another:
        assert await said_back(one, b"x" * 200_000) == b"x" * 200_000
        assert await said_back(another) == b"hello"


@pytest.mark.parametrize("mode", ["delay", "trickle"])
async def test_it_slows_down_what_there_is(proxy: FaultProxy, mode: Mode) -> None:
    async with connected(proxy) as streams:
        await proxy.turn(mode, seconds=0.02)
        started = time.monotonic()
        assert await said_back(streams) == b"hello"
        # There and back; byte by byte it is at least once for each.
        assert time.monotonic() - started >= (0.04 if mode == "delay" else 0.08)


async def test_it_swallows_everything_until_it_is_told_to_pass_it_on(proxy: FaultProxy) -> None:
    async with connected(proxy) as streams:
        await proxy.turn("blackhole")
        answer = asyncio.create_task(said_back(streams))
        async with connected(proxy) as new:
            other = asyncio.create_task(said_back(new))
            await asyncio.sleep(0.1)
            assert not answer.done()
            assert not other.done()
            await proxy.turn("pass")
            assert [await answer, await other] == [b"hello", b"hello"]


async def test_it_tears_down_connections_old_and_new(proxy: FaultProxy) -> None:
    async with connected(proxy) as streams:
        assert await said_back(streams) == b"hello"
        await proxy.turn("reset")
        with pytest.raises(ConnectionResetError):
            await said_back(streams)
        with pytest.raises(ConnectionResetError):
            async with connected(proxy) as new:
                await said_back(new)
        await proxy.turn("pass")
        async with connected(proxy) as new:
            assert await said_back(new) == b"hello"


async def test_it_refuses_and_listens_again_on_the_same_port(proxy: FaultProxy) -> None:
    async with connected(proxy) as streams:
        assert await said_back(streams) == b"hello"
        await proxy.turn("refuse")
        with pytest.raises(ConnectionResetError):
            await said_back(streams)
    with pytest.raises(CLOSED):
        async with connected(proxy):
            raise AssertionError
    await proxy.turn("pass")
    async with connected(proxy) as new:
        assert await said_back(new) == b"hello"


async def test_it_loses_one_answer(proxy: FaultProxy) -> None:
    async with connected(proxy) as streams:
        await proxy.turn("lose_answer")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await said_back(streams)
    async with connected(proxy) as new:
        assert await said_back(new) == b"hello"
