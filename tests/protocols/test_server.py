"""How the server accepts connections, and that it frees its address."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest
from starlette.types import Receive, Scope, Send

from graph.server import server as serving
from graph.server.sockets import listen
from tests.ports import CLOSED

CLIENTS: Final = 64
REQUEST: Final = b"GET %b HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n"
# Seconds; what takes longer waits for ever.
TIMEOUT: Final = 20


class Iterations:
    """An application that responds with the number of the event loop's iteration; `/block` holds the loop up."""

    def __init__(self) -> None:
        self.number = 0
        self.blocks = threading.Event()
        self.go_on = threading.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/block":
            self._count()
            self.blocks.set()
            assert self.go_on.wait(TIMEOUT)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(self.number).encode()})

    def _count(self) -> None:
        self.number += 1
        asyncio.get_running_loop().call_soon(self._count)


@contextmanager
def running(app: Iterations) -> Iterator[tuple[str, int]]:
    """The address of a server in another thread, which ends with the block since `keep_running` is False then."""
    keep_running = threading.Event()
    keep_running.set()
    with listen("127.0.0.1", 0) as listener:
        arguments = {"app": app, "listeners": [listener], "keep_running": keep_running.is_set}
        thread = threading.Thread(target=serving.run, kwargs=arguments)
        thread.start()
        yield listener.getsockname()
        keep_running.clear()
        thread.join(TIMEOUT)
        assert not thread.is_alive()
        assert listener.fileno() == -1


def response_to(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(9999), b""))


@pytest.mark.parametrize("duplicates", [1, serving._DUPLICATES])
def test_connections_made_while_the_event_loop_is_busy_are_accepted_together(
    monkeypatch: pytest.MonkeyPatch, duplicates: int
) -> None:
    monkeypatch.setattr(serving, "_DUPLICATES", duplicates)
    app = Iterations()
    with running(app) as address, ExitStack() as opened:

        def ask(path: bytes) -> socket.socket:
            client = opened.enter_context(socket.create_connection(address, TIMEOUT))
            client.sendall(REQUEST % path)
            return client

        first = ask(b"/block")
        assert app.blocks.wait(TIMEOUT)
        clients = [ask(b"/") for _ in range(CLIENTS)]
        app.go_on.set()
        numbers = {int(response_to(client).rpartition(b"\r\n\r\n")[2]) for client in clients}
        assert response_to(first)
    # Another iteration may pass between accepting and reading.
    assert (len(numbers) <= CLIENTS // 4) is (duplicates > 1), numbers


def test_no_duplicate_of_a_listening_socket_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the `accept` of another worker would wait: it is a property of what they share."""
    blocking: list[bool] = []

    def run(_server: object, sockets: list[socket.socket]) -> None:
        blocking.extend(os.get_blocking(each.fileno()) for each in sockets)

    monkeypatch.setattr("uvicorn.Server.run", run)
    with listen("127.0.0.1", 0) as listener:
        os.set_blocking(listener.fileno(), False)  # by another worker
        serving.run(Iterations(), [listener])
    assert blocking == [False] * serving._DUPLICATES


def test_a_server_that_ended_has_freed_its_address() -> None:
    with running(Iterations()) as address:
        pass
    with pytest.raises(CLOSED):
        socket.create_connection(address, TIMEOUT)


def test_what_is_written_to_a_connection_leaves_at_once_whichever_event_loop_serves() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), TIMEOUT):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
