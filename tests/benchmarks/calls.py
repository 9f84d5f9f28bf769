"""How many functions of ours one `me` and one `login` call, and in how many files they lie.

    python -m tests.benchmarks.calls [--databases sqlite] [--list]

Counted in the event loop's thread of a `wxgate serve`, from before the request is sent over a kept connection until
shortly after its response has come, with nothing else in flight: every entry into a Python function whose code lies in
`graph/` or `models/`, a coroutine or generator once however often it is resumed. Comprehensions do not count, nor does
what other threads do, or what Python generates (a dataclass's `__init__`). The entries with every resumption are
printed beside. Of several requests after a warm-up the one with the fewest calls is taken, less what others do without:
that is timers of the server. The documents are those of `throughput`, the client is httpx with its eight headers.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator, serve
from models.migrate import migrate
from tests.benchmarks.databases import DATABASES, new_database
from tests.benchmarks.throughput.requests import LOGIN, ME
from tests.processes import await_answer, free_port, serve_environment
from tests.server import APP_ID, APP_SECRET

WARM_UP: Final = 20
REQUESTS: Final = 25
# What the server does once its response has left belongs to the request as well.
_AFTER_SECONDS: Final = 0.01

Call = tuple[str, str]
"""A file, from the top of the project, and a function."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What one request calls, in order, and how often a function was entered or resumed for it."""

    calls: Sequence[Call]
    entries: int

    @property
    def files(self) -> int:
        """How many files the functions lie in."""
        return len({file for file, _ in self.calls})


def count(wechat: WeChatSimulator, database_url: str, output: Path) -> dict[str, Calls]:
    """The calls of a `login` and of a `me` on a migrated database; `output` takes the server's log."""
    with _recorded_server(wechat, database_url, output) as (url, control), httpx.Client(trust_env=False) as client:
        token = ""

        def login() -> None:
            nonlocal token
            variables = {"code": codes.pop()}
            token = _data(client.post(f"{url}/graphql", json={"query": LOGIN, "variables": variables}))["login"][
                "token"
            ]

        def me() -> None:
            headers = {"Authorization": f"Bearer {token}"}
            assert _data(client.post(f"{url}/graphql", json={"query": ME}, headers=headers))["me"]

        codes = [wechat.login() for _ in range(WARM_UP + REQUESTS)]
        return {"login": _fewest(login, control), "me": _fewest(me, control)}


def _data(response: httpx.Response) -> dict[str, dict[str, str]]:
    body = response.json()
    assert "errors" not in body, body
    data: dict[str, dict[str, str]] = body["data"]
    return data


def _fewest(send: Callable[[], None], control: socket.socket) -> Calls:
    for _ in range(WARM_UP):
        send()
    recorded = []
    with control.makefile("r", encoding="utf-8") as answers:
        for _ in range(REQUESTS):
            time.sleep(_AFTER_SECONDS)
            control.sendall(b"1")
            assert answers.read(1) == "1"
            send()
            time.sleep(_AFTER_SECONDS)
            control.sendall(b"0")
            entries = json.loads(answers.readline())
            recorded.append(Calls([(file, function) for file, function, first in entries if first], len(entries)))
    fewest = min(recorded, key=lambda calls: len(calls.calls))
    needed = set(fewest.calls).intersection(*[calls.calls for calls in recorded])
    return Calls([call for call in fewest.calls if call in needed], fewest.entries)


@contextlib.contextmanager
def _recorded_server(wechat: WeChatSimulator, database_url: str, output: Path) -> Iterator[tuple[str, socket.socket]]:
    ours, theirs = socket.socketpair()
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WXGATE_")}
    environment |= serve_environment(wechat, database_url, WXGATE_RATE_LIMIT_LOGIN="", WXGATE_LOG_FORMAT="json")
    module = [sys.executable, "-m", "tests.benchmarks.call_recorder", str(theirs.fileno())]
    with (
        ours,
        theirs,
        output.open("wb") as file,
        subprocess.Popen(
            [*module, "serve", "--port", str(port)],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            pass_fds=[theirs.fileno()],
        ) as process,
    ):
        try:
            await_answer(process, f"http://127.0.0.1:{port}/readyz", output)
            yield f"http://127.0.0.1:{port}", ours
        finally:
            process.terminate()


def main() -> None:
    """Prints a line for each database and operation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--list", action="store_true", help="every call, in order, with its file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, serve(SimulatorState(APP_ID, APP_SECRET, seed=1)) as wechat:
        for kind in arguments.databases:
            with new_database(kind, Path(name)) as url:
                asyncio.run(migrate(url))
                for operation, calls in count(wechat, url, Path(name) / "output").items():
                    print(  # noqa: T201
                        f"{operation} on {kind}: {len(calls.calls)} calls in {calls.files} files "
                        f"({calls.entries} entries with resumptions)"
                    )
                    for file, function in calls.calls if arguments.list else ():
                        print(f"  {file:42} {function}")  # noqa: T201


if __name__ == "__main__":
    main()
