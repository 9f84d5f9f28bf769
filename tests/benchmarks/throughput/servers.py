"""Starts the servers that are compared, each as one process on a core of its own, and what they need on another."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.processes import free_port
from tests.server import APP_ID, APP_SECRET, ENCRYPTION_KEYS

PEERS: Final = ("mercurius", "apollo", "yoga")
"""Mercurius with its JIT, Apollo Server, graphql-yoga."""
NODE: Final = Path(__file__).with_name("node")
ALL_CORES: Final = frozenset(os.sched_getaffinity(0))
# Load, database and WeChat.
LOAD_CORE: Final = frozenset(sorted(ALL_CORES)[:1])
SERVER_CORE: Final = frozenset(sorted(ALL_CORES)[1:2])
_STARTED_WITHIN: Final = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and the seconds until its first response."""

    name: str
    url: str
    pid: int
    started_in: float


@contextlib.contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """What the block does and starts runs on these cores; what it starts stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def wxgate(
    database_url: str,
    output: Path,
    *,
    name: str = "wxgate",
    wechat_url: str = "",
    workers: int = 1,
    cores: frozenset[int] = SERVER_CORE,
    python: str = sys.executable,
) -> Iterator[Server]:
    """`wxgate serve` with everything on that production has, its log in a file.

    Except for two limits, which would refuse the load: rate limits by address, and 500 requests at work at once.
    """
    environment = {
        "WXGATE_WECHAT_APP_ID": APP_ID,
        "WXGATE_WECHAT_APP_SECRET": APP_SECRET,
        "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
        "WXGATE_DATABASE_URL": database_url,
        "WXGATE_LOG_FORMAT": "json",
        "WXGATE_RATE_LIMIT_LOGIN": "",
        "WXGATE_RATE_LIMIT_SUBMIT": "",
        "WXGATE_LIMIT_CONCURRENCY": "4096",
    } | ({"WXGATE_WECHAT_BASE_URL": wechat_url} if wechat_url else {})
    port = free_port()
    command = [python, "-m", "graph", "serve", "--port", str(port), "--workers", str(workers)]
    with _started(name, port, command, environment, output, cores=cores) as server:
        yield server


@contextlib.contextmanager
def handwritten(name: str, database_url: str, output: Path) -> Iterator[Server]:
    """h, or with `-` for a database what uvicorn alone can do."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.throughput.handwritten", str(port), database_url]
    with _started(name, port, command, {}, output) as server:
        yield server


@contextlib.contextmanager
def peer(name: str, database_url: str, output: Path) -> Iterator[Server]:
    """A server on Node, on PostgreSQL."""
    parts, port = urlsplit(database_url), free_port()
    command = ["node", str(NODE / f"{name}.js"), str(port), parse_qs(parts.query)["host"][0], parts.path[1:]]
    with _started(name, port, command, {"NODE_ENV": "production"}, output) as server:
        yield server


@contextlib.contextmanager
def wechat(output: Path) -> Iterator[str]:
    """The base URL of a WeChat that shares the core of the load."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.throughput.wechat", str(port)]
    with _started("wechat", port, command, {}, output, cores=LOAD_CORE) as server:
        yield server.url


@contextlib.contextmanager
def _started(
    name: str,
    port: int,
    command: Sequence[str],
    variables: Mapping[str, str],
    output: Path,
    *,
    cores: frozenset[int] = SERVER_CORE,
) -> Iterator[Server]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("WXGATE_")}
    with output.open("wb") as file:
        began = time.perf_counter()
        with on(cores):
            process = subprocess.Popen(command, env={**inherited, **variables}, stdout=file, stderr=file)
        with process:
            try:
                _await(port, process, output)
                seconds = time.perf_counter() - began
                yield Server(name, f"http://127.0.0.1:{port}", process.pid, seconds)
            finally:
                process.terminate()


def _await(port: int, process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if connection.recv(1):
                return
        time.sleep(0.002)
    message = f"{output.stem} did not respond; the end of its output: {output.read_text('utf-8')[-2_000:]}"
    raise RuntimeError(message)
