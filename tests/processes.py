"""Starts `wxgate serve` as a process of its own, as in production, and stops it as an orchestrator would."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from graph.simulator.serving import WeChatSimulator
from tests.server import ENCRYPTION_KEYS

# Seconds. Generous, because a loaded machine is slow to start Python; a healthy server takes one or two.
READY_WITHIN: Final = 30.0
STOPPED_WITHIN: Final = 20.0


def serve_environment(wechat: WeChatSimulator, database_url: str, **variables: str) -> dict[str, str]:
    """The settings that `wxgate serve` needs; `variables` add to it or replace."""
    return {
        "WXGATE_WECHAT_APP_ID": wechat.app_id,
        "WXGATE_WECHAT_APP_SECRET": wechat.app_secret,
        "WXGATE_WECHAT_BASE_URL": wechat.base_url,
        "WXGATE_DATABASE_URL": database_url,
        "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
        "WXGATE_DRAIN_SECONDS": "0",
        **variables,
    }


@dataclass(frozen=True)
class ServerProcess:
    """Where a server listens, and which process it is."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve_process(
    variables: Mapping[str, str], output: Path, *, probe: str = "/readyz", stop: bool = True
) -> Iterator[str]:
    """The base URL of a server that answers `probe` with 200; all that it prints goes to the file `output`.

    At the end it gets SIGTERM and must exit with 0. With `stop=False` the test has seen to its end itself.
    """
    with server_process(variables, output, probe=probe, stop=stop) as server:
        yield server.url


@contextmanager
def server_process(
    variables: Mapping[str, str],
    output: Path,
    *,
    probe: str = "/readyz",
    stop: bool = True,
    descriptors: int | None = None,
    directory: Path | None = None,
) -> Iterator[ServerProcess]:
    """As `serve_process`, for who looks at the process itself, lets it have so many descriptors only, or has another
    version of the server in a directory.
    """
    limited = [] if descriptors is None else ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh"]
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WXGATE_")}
    with (
        output.open("wb") as file,
        subprocess.Popen(
            [*limited, sys.executable, "-m", "graph", "serve", "--port", str(port)],
            env={**inherited, **variables},
            cwd=directory,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            server = ServerProcess(port, process.pid)
            await_answer(process, f"{server.url}{probe}", output)
            yield server
            if stop:
                process.send_signal(signal.SIGTERM)
            assert process.wait(STOPPED_WITHIN) == 0, output.read_text("utf-8")
        finally:
            process.kill()


def free_port(in_a_row: int = 1) -> int:
    """A port that nothing listens on just now; or the first of several that follow one another."""
    while True:
        with contextlib.ExitStack() as listeners:
            try:
                first: int = listeners.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
                for port in range(first + 1, first + in_a_row):
                    listeners.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return first


def await_answer(process: "subprocess.Popen[bytes]", url: str, output: Path) -> None:
    """Returns once a process answers at a URL; `output` is what it has printed, should it not."""
    deadline = time.monotonic() + READY_WITHIN
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get(url).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    message = f"no server after {READY_WITHIN} s or exit code {process.poll()}:\n{output.read_text('utf-8')}"
    raise AssertionError(message)
