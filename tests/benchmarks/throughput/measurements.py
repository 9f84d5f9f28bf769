"""What is measured of the servers on one seeded database."""

import contextlib
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx

from tests.benchmarks.throughput import logins, requests, servers
from tests.benchmarks.throughput.databases import SeededUser
from tests.benchmarks.throughput.requests import Request
from tests.benchmarks.throughput.results import Figures, Row, compared
from tests.benchmarks.throughput.servers import Server
from tests.benchmarks.throughput.wrk import drive, resident, write_requests

WECHAT_MS: Final = 50
STARTS: Final = 5
_COMPARED: Final = 20
# More submissions than one core can take.
_SUBMISSIONS_A_SECOND: Final = 4_000

Drive = Callable[[Server, int], Figures]
"""Sends a load to a server for so many seconds."""


class Measurements:
    """Measures on one database; `directory` takes what servers write and wrk reads."""

    def __init__(
        self,
        kind: str,
        url: str,
        users: Sequence[SeededUser],
        *,
        sessions: int,
        directory: Path,
        rounds: int,
        seconds: int,
        python: str,
    ) -> None:
        self._kind, self._url, self._users, self._sessions = kind, url, users, sessions
        self._directory, self._requests = directory, directory / "requests"
        self._rounds, self._seconds, self._python = rounds, seconds, python

    def me(self, in_flight: Sequence[int], *, peers: Sequence[str], uvicorn_alone: bool) -> Iterator[Row]:
        """h, wxgate, the peers on Node, and a constant; all but the last must give the same responses first."""
        of_me = requests.me(self._users)
        write_requests(of_me, self._requests)
        with contextlib.ExitStack() as opened:
            compared_servers = [
                opened.enter_context(servers.handwritten("h", self._url, self._directory / "h.log")),
                opened.enter_context(servers.wxgate(self._url, self._directory / "wxgate.log")),
                *(opened.enter_context(servers.peer(name, self._url, self._directory / "peer.log")) for name in peers),
            ]
            require_same_responses(compared_servers, of_me)
            if uvicorn_alone:
                log = self._directory / "uvicorn.log"
                compared_servers.append(opened.enter_context(servers.handwritten("uvicorn alone", "-", log)))
            for count in in_flight:
                yield from compared(self._rows("me", count, compared_servers, self._wrk(count)), "h")
            require_same_responses(compared_servers[: 2 + len(peers)], of_me[::-1])

    def workers(self, in_flight: int) -> Iterator[Row]:
        """`me` of one worker and of as many as there are cores, which all of them share with load and database."""
        write_requests(requests.me(self._users), self._requests)
        with contextlib.ExitStack() as opened:
            several = [
                opened.enter_context(
                    servers.wxgate(
                        self._url,
                        self._directory / f"wxgate-{count}.log",
                        name=f"wxgate, {count} worker{'s' if count > 1 else ''}",
                        workers=count,
                        cores=servers.ALL_CORES,
                    )
                )
                for count in (1, len(servers.ALL_CORES))
            ]
            with servers.on(servers.ALL_CORES):
                rows = self._rows("me, all cores", in_flight, several, self._wrk(in_flight))
            yield from compared(rows, several[0].name)

    def login(self, in_flight: Sequence[int]) -> Iterator[Row]:
        """wxgate against the bound that WeChat's time sets, each connection having one login at a time."""
        with (
            servers.wechat(self._directory / "wechat.log") as wechat_url,
            servers.wxgate(self._url, self._directory / "wxgate.log", wechat_url=wechat_url) as server,
        ):
            endless = requests.login(wechat_ms=WECHAT_MS)
            require_same_responses([server], list(itertools.islice(endless, _COMPARED)))
            for count in in_flight:

                def run(server: Server, seconds: int, count: int = count) -> Figures:
                    return logins.drive(server, wechat_url, endless, connections=count, seconds=seconds)

                bound = count * 1000 / WECHAT_MS
                for row in self._rows(f"login, WeChat {WECHAT_MS} ms", count, [server], run):
                    yield row.against(bound, f"the bound {bound:,.0f}")

    def submit_user_info(self, in_flight: int) -> Iterator[Row]:
        """wxgate, with submissions of which each is newer than the last."""
        with servers.wxgate(self._url, self._directory / "wxgate.log") as server:
            require_same_responses([server], requests.submit_user_info(self._users, _COMPARED))

            def run(server: Server, seconds: int) -> Figures:
                made = requests.submit_user_info(self._users, seconds * _SUBMISSIONS_A_SECOND)
                write_requests(made, self._requests, read_responses=True)
                return drive(server.url, server.pid, self._requests, connections=in_flight, seconds=seconds)

            yield from self._rows("submitUserInfo", in_flight, [server], run)

    def memory(self, in_flight: int, count: int) -> Iterator[tuple[int, float]]:
        """After each so many `me` requests, the MiB that the server holds, until there were `count`."""
        write_requests(requests.me(self._users), self._requests)
        with servers.wxgate(self._url, self._directory / "wxgate.log", python=self._python) as server:
            yield 0, resident(server.pid)
            done = 0
            while done < count:
                figures = drive(server.url, server.pid, self._requests, connections=in_flight, seconds=self._seconds)
                done += max(1, round(figures.rate * self._seconds))
                yield done, figures.rss

    def start(self) -> float:
        """The median of the seconds from the start of the process to the first response of `/livez`."""
        taken = []
        for _ in range(STARTS):
            with servers.wxgate(self._url, self._directory / "wxgate.log", python=self._python) as server:
                taken.append(server.started_in)
        return statistics.median(taken)

    def _wrk(self, connections: int) -> Drive:
        return lambda server, seconds: drive(
            server.url, server.pid, self._requests, connections=connections, seconds=seconds
        )

    def _rows(self, operation: str, in_flight: int, compared_servers: Sequence[Server], run: Drive) -> list[Row]:
        """Servers take turns, round after round; the first round is short and counts for nothing."""
        runs: dict[str, list[Figures]] = {server.name: [] for server in compared_servers}
        for server in compared_servers:
            run(server, 1)
        for _ in range(self._rounds):
            for server in compared_servers:
                runs[server.name].append(run(server, self._seconds))
                time.sleep(0.1)
        return [
            Row(operation, self._kind, self._sessions, in_flight, name, Figures.median(figures))
            for name, figures in runs.items()
        ]


def require_same_responses(compared_servers: Sequence[Server], sent: Sequence[Request]) -> None:
    """Sends every server the same; raises `RuntimeError` where responses differ, hold errors or no data."""
    for token, body in sent[:_COMPARED]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        responses = {
            server.name: httpx.post(f"{server.url}/graphql", content=body, headers=headers, trust_env=False).json()
            for server in compared_servers
        }
        first = next(iter(responses.values()))
        if any(other != first for other in responses.values()) or "errors" in first or None in first["data"].values():
            message = f"the servers' responses differ, or have no data: {json.dumps(responses, ensure_ascii=False)}"
            raise RuntimeError(message)
