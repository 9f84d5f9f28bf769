"""The server that is fired at: a process as in production, a simulated WeChat, and what it shows."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator, serve
from models.migrate import migrate
from tests.http.uploading import PUBLIC_URL
from tests.processes import ServerProcess, serve_environment, server_process
from tests.server import APP_ID, APP_SECRET, LOGIN, ME

WARMING_UP: Final = 50
# Settings of the server, by their variables; its deadlines are what the slow tests wait for.
VARIABLES: Final[dict[str, str]] = {"WXGATE_LIMIT_IDLE_SECONDS": "5"}
# In /proc/net/tcp: a connection that is open, and one that the client has ended and the server has not.
OPEN: Final = {"01", "08"}


@dataclass(frozen=True)
class Target:
    """A warm server with one person signed in."""

    process: ServerProcess
    wechat: WeChatSimulator
    log: Path
    token: str
    resident_before: int

    def me(self) -> Any:
        """Who the server says is signed in."""
        return ask(self.process.url, ME, token=self.token)["me"]

    def memory(self, what: str = "VmRSS") -> int:
        """KiB of the process, by the kernel's name for them."""
        return _memory(self.process.pid, what)

    def open_connections(self) -> int:
        """How many the server has."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
        return sum(row[1].endswith(f":{self.process.port:04X}") and row[3] in OPEN for row in rows)

    def is_left_alone(self) -> None:
        """Returns when the last connection has ended."""
        deadline = time.monotonic() + 30
        while self.open_connections():
            assert time.monotonic() < deadline, f"{self.open_connections()} connections are still open"
            time.sleep(0.05)

    def lines(self) -> list[dict[str, Any]]:
        """The log."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


def ask(url: str, query: str, variables: dict[str, str] | None = None, *, token: str = "") -> Any:
    """The data of an answer without errors."""
    body = {"query": query, "variables": variables}
    response = httpx.post(
        f"{url}/graphql", json=body, headers={"Authorization": f"Bearer {token}"} if token else {}, trust_env=False
    )
    answer = response.json()
    assert "errors" not in answer, answer
    return answer["data"]


@contextmanager
def open_target(directory: Path) -> Iterator[Target]:
    """A server whose log is in JSON, and as talkative as it can be."""
    database_url, log = f"sqlite://{directory / 'wxgate.db'}", directory / "serve.log"
    asyncio.run(migrate(database_url))
    talkative = {"WXGATE_LOG_FORMAT": "json", "WXGATE_LOG_LEVEL": "DEBUG"}
    with serve(SimulatorState(APP_ID, APP_SECRET, seed=0)) as wechat:
        store = {"WXGATE_AVATARS_STORE": f"file://{directory / 'avatars'}", "WXGATE_AVATARS_PUBLIC_URL": PUBLIC_URL}
        environment = serve_environment(wechat, database_url, **talkative, **store, **VARIABLES)
        with server_process(environment, log) as process:
            token = ask(process.url, LOGIN, {"code": wechat.login("alice")})["login"]["token"]
            for _ in range(WARMING_UP):
                ask(process.url, ME, token=token)
            yield Target(process, wechat, log, token, _memory(process.pid, "VmRSS"))


def _memory(pid: int, what: str) -> int:
    found = re.search(rf"^{what}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1])
