"""An outage of PostgreSQL under load, as its clients and its orchestrator see it."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx

from graph.simulator.serving import WeChatSimulator
from tests.server import LOGIN, ME

# People who ask who they are again and again, and people who log in again and again.
READERS: Final = 20
LOGGING_IN: Final = 5
PAUSE: Final = 0.05
# Seconds after which a client gives up, and the test fails.
PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Answer:
    """What a request came to. `code` is its error's, if it had one; times in seconds."""

    operation: str
    sent_at: float
    seconds: float
    code: str | None


@dataclass
class Outage:
    """Everything that was seen. The database left at `left_at` and was back at `back_at`."""

    answers: list[Answer] = field(default_factory=list)
    ready: list[tuple[float, bool]] = field(default_factory=list)
    left_at: float = 0.0
    back_at: float = 0.0
    # Connections of the server at the end, by their state.
    connections: Counter[str] = field(default_factory=Counter)

    def during(self) -> list[Answer]:
        """Answers to what was sent while the database was away, or was in flight when it left."""
        return [a for a in self.answers if a.sent_at + a.seconds >= self.left_at and a.sent_at <= self.back_at]

    def codes(self) -> Counter[str]:
        """How answers ended, over all."""
        return Counter(f"{answer.operation} {answer.code or 'ok'}" for answer in self.answers)

    @property
    def longest(self) -> float:
        """Seconds that the slowest answer took."""
        return max(answer.seconds for answer in self.during())

    @property
    def unready_after(self) -> float:
        """Seconds until the first probe that failed."""
        return min(at for at, ready in self.ready if not ready and at >= self.left_at) - self.left_at

    @property
    def ready_after(self) -> float:
        """Seconds from the database's return to the first probe that succeeded."""
        return max(0.0, min(at for at, ready in self.ready if ready and at >= self.back_at) - self.back_at)

    @property
    def last_error_after(self) -> float:
        """Seconds from the database's return to the last answer that was an error."""
        failed = [answer.sent_at + answer.seconds for answer in self.answers if answer.code is not None]
        return max(0.0, max(failed, default=self.back_at) - self.back_at)

    def __str__(self) -> str:
        return (
            f"{len(self.answers)} answers, {dict(self.codes())}; slowest while it was away {self.longest:.2f} s; "
            f"/readyz 503 after {self.unready_after:.2f} s, 200 again after {self.ready_after:.2f} s, "
            f"last error after {self.last_error_after:.2f} s; connections then: {dict(self.connections)}"
        )


class Crowd:
    """Clients of a server that do what they are told, whatever they are answered."""

    def __init__(self, url: str, wechat: WeChatSimulator) -> None:
        self._server = httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False)
        self._phone = httpx.AsyncClient(base_url=wechat.base_url, timeout=PATIENCE, trust_env=False)
        self.outage = Outage()
        # Set when all are to stop. They are not cancelled: a connection that is just being opened would be left behind.
        self.is_over = False

    async def sign_in(self, person: str) -> str:
        """A token, while all is well."""
        answer = await self._ask("login", LOGIN, {"code": await self._code(person)})
        return str(answer["data"]["login"]["token"])

    async def read(self, token: str) -> None:
        """Asks again and again."""
        while not self.is_over:
            await self._ask("me", ME, {}, token)
            await asyncio.sleep(PAUSE)

    async def log_in(self, person: str) -> None:
        """Logs in again and again; a code that was refused without being spent is sent again."""
        while not self.is_over:
            code = await self._code(person)
            while await self._is_told_to_wait(code) and not self.is_over:  # noqa: ASYNC110 - as long as it lasts
                await asyncio.sleep(4 * PAUSE)

    async def probe(self) -> None:
        """Asks again and again whether the server is ready."""
        while not self.is_over:
            response = await self._server.get("/readyz")
            self.outage.ready.append((time.monotonic(), response.is_success))
            await asyncio.sleep(PAUSE)

    async def aclose(self) -> None:
        await self._server.aclose()
        await self._phone.aclose()

    async def _is_told_to_wait(self, code: str) -> bool:
        errors = (await self._ask("login", LOGIN, {"code": code})).get("errors", ())
        await asyncio.sleep(PAUSE)
        return any(error["extensions"]["action"] == "WAIT" for error in errors)

    async def _code(self, person: str) -> str:
        return str((await self._phone.post("/device/login", json={"user": person})).json()["code"])

    async def _ask(self, operation: str, query: str, variables: dict[str, str], token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        sent_at = time.monotonic()
        response = await self._server.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        answer = response.json()
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        seconds = time.monotonic() - sent_at
        self.outage.answers.append(Answer(operation, sent_at, seconds, codes[0] if codes else None))
        return answer


async def watch(
    url: str,
    wechat: WeChatSimulator,
    *,
    leave: Callable[[], None],
    come_back: Callable[[], None],
    seconds: float,
    calm: float,
    database: str,
) -> Outage:
    """Loads a server for `calm` seconds before and after an outage; `database` is where its connections are seen."""
    crowd = Crowd(url, wechat)
    outage = crowd.outage
    async with contextlib.aclosing(crowd), asyncio.TaskGroup() as group:
        tokens = [await crowd.sign_in(f"reader-{number}") for number in range(READERS)]
        group.create_task(crowd.probe())
        for token in tokens:
            group.create_task(crowd.read(token))
        for number in range(LOGGING_IN):
            group.create_task(crowd.log_in(f"p{number}"))
        await asyncio.sleep(calm)
        outage.left_at = time.monotonic()
        await asyncio.to_thread(leave)
        await asyncio.sleep(max(0.0, outage.left_at + seconds - time.monotonic()))
        await asyncio.to_thread(come_back)
        outage.back_at = time.monotonic()
        while not outage.ready[-1][1]:  # noqa: ASYNC110 - only the server knows
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(calm)
        crowd.is_over = True
    await _await_idle(database, outage)
    return outage


async def _await_idle(database: str, outage: Outage) -> None:
    """Notes the server's connections when none is at work any more, or after a while."""
    connection = await asyncpg.connect(database)
    for _ in range(100):
        rows = await connection.fetch(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        outage.connections = Counter(row["state"] for row in rows)
        if set(outage.connections) <= {"idle"}:
            break
        await asyncio.sleep(PAUSE)
    await connection.close()
