"""The door of a server that stops: who was let in stays in, who was not finds it closed."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from graph.server.closing import last_call

from tests.http.connections import GET, PATIENT, echo, read_answer, serving
from tests.ports import CLOSED, wait_until_closed

PATIENCE = 30


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


async def test_who_is_in_the_queue_can_still_be_accepted(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname(), PATIENCE) as client:
        client.sendall(b"hello")
        await last_call([listener])
        client.sendall(b" there")
        accepted, _ = listener.accept()
        with accepted:
            listener.close()
            accepted.settimeout(PATIENCE)
            client.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: accepted.recv(100), b"")) == b"hello there"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the door cannot be held")
async def test_a_newcomer_gets_into_no_queue_and_is_refused_once_it_is_closed(listener: socket.socket) -> None:
    await last_call([listener])
    loop = asyncio.get_running_loop()
    with socket.socket() as newcomer:
        newcomer.setblocking(False)
        knocking = asyncio.ensure_future(loop.sock_connect(newcomer, listener.getsockname()))
        await asyncio.wait([knocking], timeout=0.3)
        assert not knocking.done()
        listener.close()
        # The kernel knocks again by itself, and now gets an answer: a proxy knows that nothing was lost.
        with pytest.raises(CLOSED):
            await asyncio.wait_for(knocking, PATIENCE)


@pytest.mark.parametrize("sent", [0, 10], ids=["nothing", "half a head"])
async def test_the_first_request_of_a_new_connection_is_answered_although_the_server_stops(sent: int) -> None:
    async with serving(echo, replace(PATIENT, parting_seconds=PATIENCE)) as server:
        reader, writer = await server.connect()
        writer.write(GET[:sent])
        while not server.uvicorn.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        # Whoever knocks while the door is held comes again a second later.
        server.uvicorn.config.timeout_graceful_shutdown = PATIENCE
        server.uvicorn.should_exit = True
        await wait_until_closed(server.port, seconds=PATIENCE)
        writer.write(GET[sent:])
        answer = await read_answer(reader)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()


async def test_a_new_connection_on_which_nothing_comes_is_closed_soon() -> None:
    async with serving(echo, replace(PATIENT, parting_seconds=0.05)) as server:
        reader, writer = await server.connect()
        while not server.uvicorn.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        server.uvicorn.should_exit = True
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()
