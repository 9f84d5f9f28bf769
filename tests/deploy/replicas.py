"""Replicas of the server on one machine, which can be stopped, killed and started again on their ports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.processes import READY_WITHIN, STOPPED_WITHIN, free_port

# Longer than the proxy leaves a replica alone that refused, as its configuration asks for.
DRAIN_SECONDS: Final = "2.5"


@dataclass
class Replica:
    """One server process after another on one port. All that they print goes to one file."""

    variables: Mapping[str, str]
    output: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self, **variables: str) -> None:
        """Starts a process, with other variables if they are given from now on, and waits until it is ready."""
        self.variables = {**self.variables, **variables}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WXGATE_")}
        with self.output.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "graph", "serve", "--port", str(self.port)],
                env={**inherited, **self.variables},
                stdout=file,
                stderr=file,
            )
        deadline = time.monotonic() + READY_WITHIN
        with httpx.Client(trust_env=False) as client:
            while not self._is_ready(client):
                assert time.monotonic() < deadline, self.printed()
                assert self._process.poll() is None, self.printed()
                time.sleep(0.05)

    def _is_ready(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"http://127.0.0.1:{self.port}/readyz").is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """SIGTERM, as an orchestrator's; the process must end in good order."""
        assert self._signal(signal.SIGTERM, STOPPED_WITHIN) == 0, self.printed()

    def kill(self) -> None:
        """Ends it as a kernel out of memory would; returns when it is gone."""
        assert self._signal(signal.SIGKILL, STOPPED_WITHIN) == -signal.SIGKILL

    def _signal(self, number: signal.Signals, patience: float) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(patience)

    def end(self) -> None:
        """For whatever state a test has left it in."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def printed(self) -> str:
        """What its processes have said."""
        return self.output.read_text("utf-8")


@contextmanager
def two_replicas(variables: Mapping[str, str], directory: Path) -> Iterator[tuple[Replica, Replica]]:
    """Two that are ready."""
    environment = {**variables, "WXGATE_DRAIN_SECONDS": DRAIN_SECONDS, "WXGATE_LOG_FORMAT": "json"}
    first, second = [Replica(environment, directory / f"replica-{number}.log") for number in (1, 2)]
    try:
        first.start()
        second.start()
        yield first, second
    finally:
        first.end()
        second.end()
