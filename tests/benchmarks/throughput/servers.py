"""Starts the servers that are compared, each as one process on a core of its own."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.gate import APP_ID, APP_SECRET, ENCRYPTION_KEYS
from tests.processes import free_port


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    url: str
    pid: int


@contextlib.contextmanager
def wxgate(database_url: str, output: Path, **variables: str) -> Iterator[Server]:
    """`wxgate serve` with everything on that production has, its log in a file."""
    environment = {
        "WXGATE_WECHAT_APP_ID": APP_ID,
        "WXGATE_WECHAT_APP_SECRET": APP_SECRET,
        "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
        "WXGATE_DATABASE_URL": database_url,
        "WXGATE_LOG_FORMAT": "json",
        "WXGATE_RATE_LIMIT_LOGIN": "",
        "WXGATE_RATE_LIMIT_SUBMIT": "",
    } | variables
    port = free_port()
    with _started("wxgate", port, ["-m", "graph", "serve", "--port", str(port)], environment, output) as server:
        yield server


@contextlib.contextmanager
def natural(name: str, database_url: str, output: Path) -> Iterator[Server]:
    """h, or with `-` for a database what uvicorn alone can do."""
    port = free_port()
    command = ["-m", "tests.benchmarks.throughput.natural", str(port), database_url]
    with _started(name, port, command, {}, output) as server:
        yield server


@contextlib.contextmanager
def _started(name: str, port: int, command: list[str], variables: Mapping[str, str], output: Path) -> Iterator[Server]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("WXGATE_")}
    with (
        output.open("wb") as file,
        subprocess.Popen(
            ["taskset", "-c", "1", sys.executable, *command], env={**inherited, **variables}, stdout=file, stderr=file
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            _await(f"{url}/livez", process, output)
            yield Server(name, url, process.pid)
        finally:
            process.terminate()


def _await(url: str, process: "subprocess.Popen[bytes]", output: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, trust_env=False)
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(output.read_text("utf-8"))
