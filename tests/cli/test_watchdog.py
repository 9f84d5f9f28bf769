"""What is sent to systemd: that the server has started, and that it is well."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, environment, invoke, serving
from tests.processes import serve_environment

WELL: Final = b"READY=1\nWATCHDOG=1"


@pytest.fixture
def variables(wechat_simulator: WeChatSimulator, tmp_path: Path) -> dict[str, str]:
    settings = serve_environment(wechat_simulator, f"sqlite://{tmp_path / 'wxgate.db'}")
    invoke("migrate", **settings)
    return settings


@contextmanager
def systemd(address: str) -> Iterator[socket.socket]:
    """What listens at `$NOTIFY_SOCKET`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0"))
        listener.settimeout(PATIENCE)
        yield listener


def waiting(listener: socket.socket) -> list[bytes]:
    """What has come and was not read."""
    listener.setblocking(False)
    found = []
    try:
        while True:
            found.append(listener.recv(100))
    except BlockingIOError:
        listener.settimeout(PATIENCE)
        return found


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("kind", ["a path", "an abstract name"])
def test_systemd_hears_of_a_server_that_answers_again_and_again(
    variables: dict[str, str], tmp_path: Path, kind: str, workers: str
) -> None:
    address = str(tmp_path / "notify") if kind == "a path" else f"@wxgate-{os.getpid()}"
    with (
        systemd(address) as listener,
        serving("serve", "--workers", workers, cwd=tmp_path, NOTIFY_SOCKET=address, **variables) as server,
    ):
        assert listener.recv(100) == WELL
        assert server.get("/readyz").status_code == 200
        assert [listener.recv(100) for _ in range(2)] == [WELL, WELL]


def test_workers_of_which_none_answers_are_not_well(variables: dict[str, str], tmp_path: Path) -> None:
    dying = "import importlib, os; serve = importlib.import_module('graph.cli.serve'); "
    dying += "serve.run = lambda *_, **__: os._exit(7); serve.serve()"
    with systemd(str(tmp_path / "notify")) as listener:
        ended = subprocess.run(
            [sys.executable, "-c", dying, "--workers", "2", "--port", "0"],
            env=environment(NOTIFY_SOCKET=str(tmp_path / "notify"), **variables),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "a worker died: another follows" in ended.stderr
        assert waiting(listener) == []
