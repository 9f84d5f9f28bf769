"""`wxgate serve --workers`: several processes behind one port, kept at it by their parent."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

import httpx
import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, Process, environment, invoke, run, serving
from tests.processes import serve_environment
from tests.server import ANOTHER_K1, ME

COUNT: Final = 2


@pytest.fixture
def variables(wechat_simulator: WeChatSimulator, tmp_path: Path) -> dict[str, str]:
    settings = serve_environment(wechat_simulator, f"sqlite://{tmp_path / 'wxgate.db'}")
    invoke("migrate", **settings)
    return settings


def children_of(parent: int) -> list[int]:
    """The ids of a process's children, the first one first."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in children.read_text("utf-8").split()]


def started(server: Process, count: int) -> None:
    """Returns when so many more workers serve."""
    for _ in range(count):
        server.wait_for("Application startup complete")


def test_they_share_the_port_and_say_so_once(
    variables: dict[str, str], tmp_path: Path, wechat_simulator: WeChatSimulator
) -> None:
    with serving("serve", "--workers", str(COUNT), cwd=tmp_path, **variables) as server:
        token = server.login(wechat_simulator.login("alice"))["token"]
        for _ in range(20):  # each on a connection of its own
            assert server.me(token)["id"]
        assert len(children_of(server.popen.pid)) == COUNT
    assert re.findall(r"listening .*", server.output) == [f"listening  host=127.0.0.1  port={port(server)}  workers=2"]
    assert server.output.count("Started server process") == COUNT


def port(server: Process) -> int | None:
    return httpx.URL(server.url).port


def test_connections_that_come_together_are_shared_out(variables: dict[str, str], tmp_path: Path) -> None:
    """A worker that took everything would leave the others' cores idle."""
    with serving("serve", "--workers", str(COUNT), cwd=tmp_path, **variables) as server:
        started(server, COUNT)
        clients = [httpx.Client(trust_env=False, timeout=PATIENCE) for _ in range(60)]
        for client in clients:
            assert client.post(f"{server.url}/graphql", json={"query": ME}).status_code == 200
        connections = [open_connections(pid, port(server)) for pid in children_of(server.popen.pid)]
        for client in clients:
            client.close()
    assert sum(connections) >= len(clients)
    assert min(connections) > len(clients) / 10


def open_connections(pid: int, port: int | None) -> int:
    """How many connections to a port a process holds, as Linux tells it."""
    inodes = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text("utf-8").splitlines()[1:]]
    here = [row for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01"]
    return sum(f"socket:[{row[9]}]" in inodes for row in here)


def test_one_that_is_killed_is_replaced_while_the_others_serve(variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", "--workers", str(COUNT), cwd=tmp_path, **variables) as server:
        started(server, COUNT)
        before = children_of(server.popen.pid)
        os.kill(before[0], signal.SIGKILL)
        died = server.wait_for(r"a worker died: another follows  worker=(\d)  exit_code=(-?\d+)")
        assert died.groups() == ("0", "-9")
        assert server.get("/readyz").status_code == 200
        started(server, 1)
        after = children_of(server.popen.pid)
        assert len(after) == COUNT
        assert before[0] not in after
        assert before[1] in after
        assert server.get("/readyz").status_code == 200


def test_one_that_hangs_is_replaced_while_the_others_serve(variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", "--workers", str(COUNT), cwd=tmp_path, **variables) as server:
        started(server, COUNT)
        before = children_of(server.popen.pid)
        os.kill(before[0], signal.SIGSTOP)
        server.wait_for(r"a worker hangs: it is killed  worker=0")
        started(server, 1)
        after = children_of(server.popen.pid)
        assert len(after) == COUNT
        assert before[0] not in after
        assert server.get("/readyz").status_code == 200


def test_a_pause_of_parent_and_workers_is_no_hang(variables: dict[str, str], tmp_path: Path) -> None:
    """As `docker pause` makes it, or a virtual machine that is moved."""
    with serving("serve", "--workers", str(COUNT), cwd=tmp_path, **variables) as server:
        started(server, COUNT)
        workers = children_of(server.popen.pid)
        for pid in (*workers, server.popen.pid):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(11)  # longer than a worker may be silent
        os.kill(server.popen.pid, signal.SIGCONT)
        time.sleep(0.5)  # so that their parent looks before they are awake
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        assert server.get("/readyz").status_code == 200
        assert children_of(server.popen.pid) == workers
    assert "hangs" not in server.output


def test_one_that_hangs_does_not_hold_up_the_end(variables: dict[str, str], tmp_path: Path) -> None:
    drain = 2
    variables["WXGATE_DRAIN_SECONDS"] = str(drain)
    with serving("serve", "--workers", str(COUNT), cwd=tmp_path, **variables) as server:
        started(server, COUNT)
        os.kill(children_of(server.popen.pid)[0], signal.SIGSTOP)
        server.terminate()
        server.popen.wait(drain + 15)
        assert server.wait() == 128 + signal.SIGKILL
        assert "a worker hangs: it is killed  worker=0" in server.output
        server.popen.returncode = 0  # for what `serving` expects


def test_workers_that_are_killed_as_soon_as_they_start_end_the_server(variables: dict[str, str]) -> None:
    """As where there is no memory for them. None of them has served."""
    command = [sys.executable, "-m", "graph", "serve", "--workers", str(COUNT), "--port", "0"]
    with subprocess.Popen(command, env=environment(**variables), stderr=subprocess.PIPE, text=True) as parent:
        ended = threading.Event()

        def kill_all() -> None:
            while not ended.wait(0.001):
                with contextlib.suppress(OSError):  # it has gone by itself
                    for pid in children_of(parent.pid):
                        os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_all)
        killer.start()
        try:
            output = parent.communicate(timeout=PATIENCE)[1]
        finally:
            ended.set()
            killer.join()
            parent.kill()
    assert parent.returncode == 1
    assert "workers cannot start  deaths=5  exit_code=-9" in output


def test_workers_that_cannot_open_what_they_need_end_the_server(variables: dict[str, str], tmp_path: Path) -> None:
    invoke("keys", "rotate", **variables)  # notes the key as any server would
    refused = run(
        "serve", "--workers", "2", "--port", "0", cwd=tmp_path, **variables | {"WXGATE_ENCRYPTION_KEYS": ANOTHER_K1}
    )
    assert refused.returncode == 1
    assert "has another key 'k1' than the one this database was written with" in refused.stderr
    assert re.search("ERROR .* workers cannot start  deaths=1  exit_code=3", refused.stderr), "it tried again"


def test_workers_that_die_as_soon_as_they_start_end_the_server(variables: dict[str, str]) -> None:
    dying = (
        "import importlib, os; serve = importlib.import_module('graph.cli.serve'); "
        "serve.run = lambda *_, **__: os._exit(7); "
    )
    command = [sys.executable, "-c", f"{dying}serve.serve()", "--workers", str(COUNT), "--port", "0"]
    ended = subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.count("a worker died: another follows") == 4
    assert re.search(r"ERROR .* workers cannot start  deaths=5  exit_code=7", ended.stderr)


def test_a_hangup_ends_them_like_sigterm(variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", "--workers", str(COUNT), cwd=tmp_path, **variables) as server:
        started(server, COUNT)
        server.popen.send_signal(signal.SIGUSR1)
        server.popen.send_signal(signal.SIGHUP)
        assert server.wait() == 0
    assert "draining" in server.output


def test_a_signal_that_comes_while_they_start_stops_them(variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "graph", "serve", "--workers", "8", "--port", "0"]
    with subprocess.Popen(command, env=environment(**variables), stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stderr is not None
        try:
            assert any("listening" in line for line in parent.stderr)
            parent.terminate()
            output = parent.stderr.read()
            assert parent.wait(PATIENCE) == 0, output
        finally:
            parent.kill()
    assert "Traceback" not in output


def test_without_their_parent_they_end(variables: dict[str, str], tmp_path: Path) -> None:
    """Or they would hold the port against the next server."""
    command = [sys.executable, "-m", "graph", "serve", "--workers", str(COUNT), "--port", "0"]
    with subprocess.Popen(command, env=environment(**variables), stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stderr is not None
        try:
            for _ in range(COUNT):
                assert any("Application startup complete" in line for line in parent.stderr)
            orphans = children_of(parent.pid)
        finally:
            parent.kill()
        # They hold the other end of the pipe.
        assert "Finished server process" in parent.stderr.read()
    assert len(orphans) == COUNT


def test_the_parent_has_one_thread_when_it_forks(variables: dict[str, str], tmp_path: Path) -> None:
    """A lock that another thread holds at that moment would stay locked in the worker for ever."""
    with serving("serve", "--workers", "2", cwd=tmp_path, **variables) as server:
        assert len(list(Path(f"/proc/{server.popen.pid}/task").iterdir())) == 1


@pytest.mark.parametrize("count", ["0", "65", "many"])
def test_a_number_that_makes_no_sense_is_wrong_usage(count: str, tmp_path: Path) -> None:
    assert run("serve", "--workers", count, cwd=tmp_path).returncode == 2
