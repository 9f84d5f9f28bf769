"""Many who come at once are let in together, not one in each turn of the event loop."""

import asyncio
import os
import socket
import threading
from contextlib import ExitStack
from typing import Final

import pytest
from starlette.types import Receive, Scope, Send

from graph.server import server as serving
from graph.server.sockets import listen
from tests.ports import CLOSED

CLIENTS: Final = 64
REQUEST: Final = b"GET %b HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"
# Seconds; whatever takes longer waits for ever.
PATIENCE: Final = 20


class Turns:
    """An application that tells in which turn of the event loop it was asked, and can keep the loop from turning."""

    def __init__(self) -> None:
        self.number = 0
        self.is_stuck = threading.Event()
        self.go_on = threading.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """The number of the turn; for `/stick`, once `go_on` is set."""
        if scope["path"] == "/stick":
            self._turn()
            self.is_stuck.set()
            assert self.go_on.wait(PATIENCE)
        body = str(self.number).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    def _turn(self) -> None:
        self.number += 1
        asyncio.get_running_loop().call_soon(self._turn)


@pytest.mark.parametrize("doors", [1, serving._DUPLICATES])
def test_who_comes_while_the_event_loop_is_busy_is_let_in_soon_after(
    monkeypatch: pytest.MonkeyPatch, doors: int
) -> None:
    monkeypatch.setattr(serving, "_DUPLICATES", doors)
    turns, running = Turns(), threading.Event()
    running.set()
    with ExitStack() as opened:
        listener = opened.enter_context(listen("127.0.0.1", 0))
        address = listener.getsockname()
        server = threading.Thread(target=serving.run, args=(turns, [listener]), kwargs={"keep_running": running.is_set})
        server.start()

        def ask(path: bytes) -> socket.socket:
            client = opened.enter_context(socket.create_connection(address, PATIENCE))
            client.sendall(REQUEST % path)
            return client

        first = ask(b"/stick")
        assert turns.is_stuck.wait(PATIENCE)
        clients = [ask(b"/") for _ in range(CLIENTS)]
        turns.go_on.set()
        told = {int(_answer(client).rpartition(b"\r\n\r\n")[2]) for client in clients}
        assert _answer(first)
        running.clear()
        server.join(PATIENCE)
        assert not server.is_alive()
        assert listener.fileno() == -1
    # Another turn may pass between being let in and being heard.
    assert (len(told) <= CLIENTS // 4) is (doors > 1), told


def _answer(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(9999), b""))


def test_a_worker_that_starts_makes_no_other_wait_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether `accept` waits is a property of what they share."""
    waits: list[bool] = []

    def run(_server: object, sockets: list[socket.socket]) -> None:
        waits.extend(os.get_blocking(door.fileno()) for door in sockets)

    monkeypatch.setattr("uvicorn.Server.run", run)
    with listen("127.0.0.1", 0) as listener:
        os.set_blocking(listener.fileno(), False)  # by another worker
        serving.run(Turns(), [listener], lifespan=None)
    assert waits == [False] * serving._DUPLICATES


def test_the_address_is_free_again() -> None:
    running = threading.Event()
    running.set()
    with listen("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        server = threading.Thread(
            target=serving.run, args=(Turns(), [listener]), kwargs={"keep_running": running.is_set}
        )
        server.start()
        running.clear()
        server.join(PATIENCE)
    with pytest.raises(CLOSED):
        socket.create_connection(address, PATIENCE)
