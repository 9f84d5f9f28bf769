"""A server that may open few files, and more connections than that: clients with a request are served."""

import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, Process, environment, invoke, listening
from tests.processes import serve_environment

DESCRIPTORS: Final = 256
CONNECTIONS: Final = 300
SERVE: Final = ("sh", "-c", 'ulimit $0 && exec "$@"', f"-n {DESCRIPTORS}", sys.executable, "-m", "graph", "serve")


@pytest.fixture
def variables(wechat_simulator: WeChatSimulator, tmp_path: Path) -> dict[str, str]:
    settings = serve_environment(wechat_simulator, f"sqlite://{tmp_path / 'wxgate.db'}")
    invoke("migrate", **settings)
    return settings


def connect(server: Process, stack: ExitStack, address: str) -> socket.socket:
    """A client at an address of its own, who says nothing."""
    port = int(server.url.rpartition(":")[2])
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(address, 0)))


def test_idle_connections_beyond_the_limit_of_descriptors_keep_no_client_from_a_login(
    wechat_simulator: WeChatSimulator, variables: dict[str, str], tmp_path: Path
) -> None:
    with listening(SERVE, tmp_path, environment(**variables)) as server, ExitStack() as clients:
        for number in range(CONNECTIONS):
            connect(server, clients, f"127.0.1.{1 + number // 10}")
        for person in ("alice", "bob"):
            token = server.login(wechat_simulator.login(person))["token"]
            assert server.me(token) is not None
        assert server.get("/readyz").status_code == 200
        # Of one address not all are taken, and it is said.
        for _ in range(CONNECTIONS):
            connect(server, clients, "127.0.2.1")
        server.wait_for(r"WARNING +connections are refused  reason=too many from one address  open=\d+")
        assert server.login(wechat_simulator.login("alice"))["isNewUser"] is False
    assert "descriptors" not in server.output


def test_a_soft_limit_of_descriptors_is_raised_to_the_hard_one(
    wechat_simulator: WeChatSimulator, variables: dict[str, str], tmp_path: Path
) -> None:
    variables["WXGATE_LIMIT_HEAD_SECONDS"] = "60"
    soft = (*SERVE[:3], f"-S -n {DESCRIPTORS}", *SERVE[4:])
    with listening(soft, tmp_path, environment(**variables)) as server, ExitStack() as clients:
        first, *_ = [connect(server, clients, f"127.0.1.{1 + number // 10}") for number in range(CONNECTIONS)]
        assert server.login(wechat_simulator.login("alice"))["isNewUser"] is True
        first.sendall(b"GET /livez HTTP/1.1\r\nHost: server\r\n\r\n")
        assert first.recv(1000).startswith(b"HTTP/1.1 200")
