"""The measurements that send one operation at so many connections: `me`, `login`, `submitUserInfo`."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tests.benchmarks.throughput import cores, servers, traffic
from tests.benchmarks.throughput.figures import Row, bounded, compared
from tests.benchmarks.throughput.load import Load
from tests.benchmarks.throughput.rounds import measure, require_same_answers
from tests.benchmarks.throughput.script import lines
from tests.benchmarks.throughput.seed import Seeded
from tests.benchmarks.throughput.servers import Server
from tests.benchmarks.throughput.traffic import Request

WECHAT_MS: Final = (0, 50)
# More than one core can answer of what must not be sent twice.
_MOST_A_SECOND: Final = 4_000
# Seconds.
_TO_END: Final = 3


class Loads:
    """Measures on one seeded database; `directory` takes what servers write and wrk reads."""

    def __init__(
        self,
        kind: str,
        sessions: int,
        url: str,
        people: Sequence[Seeded],
        *,
        directory: Path,
        rounds: int,
        seconds: int,
    ) -> None:
        self._kind, self._sessions, self._url, self._people = kind, sessions, url, people
        self._directory, self._rounds, self._seconds = directory, rounds, seconds
        self._requests = directory / "requests"

    def me(self, connections: Sequence[int], *, alone: bool, peers: Sequence[str]) -> Iterator[Row]:
        """wxgate beside h, uvicorn `alone` and the peers on Node, all of which must answer alike first."""
        requests = traffic.me(self._people)
        self._requests.write_text(lines(requests), "utf-8")
        with contextlib.ExitStack() as opened:
            compared_servers = [
                opened.enter_context(servers.natural("h", self._url, self._directory / "h.log")),
                opened.enter_context(servers.wxgate(self._url, self._directory / "wxgate.log")),
                *(opened.enter_context(servers.peer(name, self._url, self._directory / "peer.log")) for name in peers),
            ]
            require_same_answers(compared_servers, requests)
            if alone:
                log = self._directory / "alone.log"
                compared_servers.append(opened.enter_context(servers.natural("uvicorn alone", "-", log)))
            for count in connections:
                rows = self._rows("me", count, compared_servers, partial(self._load, count))
                yield from compared(rows, "h")
            require_same_answers(compared_servers[: 2 + len(peers)], requests[::-1])

    def workers(self, connections: Sequence[int]) -> Iterator[Row]:
        """`me` of one worker and of as many as there are cores, which all of them share with load and database."""
        requests = traffic.me(self._people)
        self._requests.write_text(lines(requests), "utf-8")
        with contextlib.ExitStack() as opened:
            several = [
                opened.enter_context(
                    servers.wxgate(
                        self._url,
                        self._directory / f"wxgate-{count}.log",
                        name=f"{count} worker{'s' if count > 1 else ''}",
                        workers=count,
                        on=cores.ALL,
                    )
                )
                for count in (1, len(cores.ALL))
            ]
            require_same_answers(several, requests)
            with cores.on(cores.ALL):
                for count in connections:
                    rows = self._rows("me, on all cores", count, several, partial(self._load, count))
                    yield from compared(rows, several[0].name)

    def login(self, connections: Sequence[int]) -> Iterator[Row]:
        """wxgate, with a WeChat that takes its time and one that does not."""
        with (
            servers.wechat(self._directory / "wechat.log") as wechat_url,
            servers.wxgate(self._url, self._directory / "wxgate.log", wechat_url=wechat_url) as server,
        ):
            for wechat_ms in WECHAT_MS:
                # Whose clients have gone when their time was over are still at work, and may take every place.
                time.sleep(_TO_END)
                require_same_answers([server], traffic.login(20, wechat_ms=wechat_ms))
                for count in connections:
                    made = self._made(count, partial(traffic.login, wechat_ms=wechat_ms))
                    for row in self._rows(f"login, WeChat {wechat_ms} ms", count, [server], made):
                        yield bounded(row, wechat_ms)

    def submit_user_info(self, connections: Sequence[int]) -> Iterator[Row]:
        """wxgate, with submissions of which each is newer than the last."""
        with servers.wxgate(self._url, self._directory / "wxgate.log") as server:
            require_same_answers([server], traffic.submit_user_info(self._people, 20))
            for count in connections:
                made = self._made(count, partial(traffic.submit_user_info, self._people))
                yield from self._rows("submitUserInfo", count, [server], made)

    def _rows(
        self, operation: str, connections: int, compared_servers: Sequence[Server], load: Callable[[int], Load]
    ) -> list[Row]:
        measured = measure(compared_servers, load, rounds=self._rounds, seconds=self._seconds)
        return [
            Row(operation, self._kind, self._sessions, connections, name, figures) for name, figures in measured.items()
        ]

    def _load(self, connections: int, seconds: int, *, read_answers: bool = False) -> Load:
        return Load(self._requests, connections, seconds, read_answers=read_answers)

    def _made(self, connections: int, make: Callable[[int], Sequence[Request]]) -> Callable[[int], Load]:
        """A load of new requests each time."""

        def load(seconds: int) -> Load:
            self._requests.write_text(lines(make(seconds * _MOST_A_SECOND)), "utf-8")
            return self._load(connections, seconds, read_answers=True)

        return load
