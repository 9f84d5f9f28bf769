"""How `wxgate serve` stops: announced, drained, closed, and with nothing lost."""

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest
import uvicorn

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, Process, invoke, serving
from tests.ports import CLOSED
from tests.processes import serve_environment
from tests.server import ME

# Longer than any test: the test ends it.
FOR_EVER: Final = "600"
KNOCKERS: Final = 8


@pytest.fixture
def variables(wechat_simulator: WeChatSimulator, tmp_path: Path) -> dict[str, str]:
    """SQLite alone: how a server stops does not depend on the database."""
    environment = serve_environment(wechat_simulator, f"sqlite://{tmp_path / 'wxgate.db'}")
    invoke("migrate", **environment)
    return environment | {"WXGATE_DRAIN_SECONDS": FOR_EVER}


def drain(server: Process) -> None:
    """Sends SIGTERM, and returns when the server has noticed."""
    server.terminate()
    server.wait_for("draining  seconds=")


def ask(server: Process, client: httpx.Client) -> httpx.Response:
    return client.post(f"{server.url}/graphql", json={"query": ME})


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_is_asked_to_stop_is_not_ready_and_serves_on(
    workers: str, variables: dict[str, str], tmp_path: Path
) -> None:
    with serving("serve", "--workers", workers, cwd=tmp_path, **variables) as server:
        assert server.get("/readyz").status_code == 200
        drain(server)
        readiness = server.get("/readyz")
        assert (readiness.status_code, readiness.json()["reason"]) == (503, "shutting down")
        assert server.get("/livez").status_code == 200
        assert server.graphql(ME)["me"] is None
        server.terminate()
        assert server.wait() == 0


def test_each_response_of_a_draining_server_closes_its_connection(variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", cwd=tmp_path, **variables) as server, httpx.Client(trust_env=False, timeout=PATIENCE) as kept:
        assert "connection" not in ask(server, kept).headers
        drain(server)
        # For longer than uvicorn keeps the headers that it puts into every answer.
        for _ in range(15):
            answer = ask(server, kept)
            assert answer.status_code == 200
            assert answer.headers.get_list("connection") == ["close"]
            assert len(answer.headers.get_list("date")) == 1
        server.terminate()


def test_a_second_signal_ends_the_draining(variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", cwd=tmp_path, **variables) as server:
        drain(server)
        server.terminate()
        assert server.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_at_a_terminal_skips_the_draining(workers: str, variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", "--workers", workers, cwd=tmp_path, **variables) as server:
        server.popen.send_signal(signal.SIGINT)
        assert server.wait() == 0
    assert "draining" not in server.output


def test_a_connection_that_idles_does_not_hold_up_the_end(variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", cwd=tmp_path, **(variables | {"WXGATE_DRAIN_SECONDS": "0"})) as server:
        with httpx.Client(trust_env=False, timeout=PATIENCE) as idle:
            assert ask(server, idle).status_code == 200
            server.terminate()
            assert server.wait() == 0
        address = ("127.0.0.1", httpx.URL(server.url).port or 0)
        with pytest.raises(CLOSED):
            socket.create_connection(address, PATIENCE)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_connection_gets_a_response_until_the_port_is_closed(
    workers: str, variables: dict[str, str], tmp_path: Path
) -> None:
    """As a proxy meets it that makes a connection for each request: what it has sent it must not send elsewhere."""
    variables["WXGATE_DRAIN_SECONDS"] = "0.5"
    with (
        ThreadPoolExecutor(KNOCKERS) as pool,
        serving("serve", "--workers", workers, cwd=tmp_path, **variables) as server,
    ):
        port = httpx.URL(server.url).port or 0
        knocking = [pool.submit(knock_until_refused, port) for _ in range(KNOCKERS)]
        server.terminate()
        responses = [response for knocker in knocking for response in knocker.result()]
    assert len(responses) >= KNOCKERS
    assert set(responses) == {b"HTTP/1.1 200 OK"}


def knock_until_refused(port: int) -> list[bytes]:
    """What requests on a connection each were answered with."""
    answers: list[bytes] = []
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
        except CLOSED:
            return answers
        with connection:
            try:
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: server\r\n\r\n")
                answers.append(connection.recv(1000).partition(b"\r\n")[0])
            except ConnectionResetError:
                answers.append(b"reset")


def test_development_stops_at_once(tmp_path: Path) -> None:
    with serving("dev", cwd=tmp_path) as server:
        server.terminate()
        server.wait_for("draining  seconds=0")


def test_uvicorn_has_what_the_draining_leans_on() -> None:
    state = uvicorn.server.ServerState()
    assert state.default_headers == []
    server = uvicorn.Server(uvicorn.Config("nowhere:app"))
    assert (server.should_exit, server.force_exit, server.server_state.default_headers) == (False, False, [])
    for method in ("handle_exit", "on_tick", "shutdown"):
        assert callable(getattr(server, method))
