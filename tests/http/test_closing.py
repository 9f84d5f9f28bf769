"""The door of a server that stops: who was let in stays in, who was not finds it closed."""

import asyncio
import socket
import sys
from collections.abc import Iterator

import pytest

from graph.http.closing import last_call

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
        with pytest.raises(ConnectionRefusedError):
            await asyncio.wait_for(knocking, PATIENCE)
