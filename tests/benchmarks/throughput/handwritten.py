"""h, the reference: the fastest `me` that a careful engineer would write by hand on this stack, without GraphQL.

    python -m tests.benchmarks.throughput.handwritten PORT DATABASE_URL

An ASGI function in uvicorn with uvloop and httptools, SHA-256 of the token, one join of session and user, orjson. On
PostgreSQL ten connections keep the statement prepared and are handed out by a free list, first come first served; on
SQLite the event loop's own thread reads. With `-` for a database it returns a constant: what uvicorn alone costs.
"""

import asyncio
import base64
import hashlib
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import orjson
import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

CONNECTIONS: Final = 10
SQL: Final = (
    "SELECT u.id, u.nick_name, u.avatar_url, u.gender, u.city, u.province, u.country, u.language "
    "FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1 AND s.expires_at > $2"
)
KEYS: Final = ("id", "nickName", "avatarUrl", "gender", "city", "province", "country", "language")
GENDERS: Final = ("UNKNOWN", "MALE", "FEMALE")

Find = Callable[[str, int], Awaitable[Sequence[Any] | None]]


class FreeList:
    """A prepared statement on each of a few connections, lent to one request at a time."""

    def __init__(self, statements: Sequence[Any]) -> None:
        self._idle = deque(statements)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._loop = asyncio.get_running_loop()

    async def find(self, digest: str, now: int) -> Sequence[Any] | None:
        """The row of a session that has not expired."""
        if self._idle:
            statement = self._idle.popleft()
        else:
            self._waiting.append(future := self._loop.create_future())
            statement = await future
        try:
            row: Sequence[Any] | None = await statement.fetchrow(digest, now)
            return row
        finally:
            # uvicorn cancels no request, so that who waits is still there.
            if self._waiting:
                self._waiting.popleft().set_result(statement)
            else:
                self._idle.append(statement)


async def connect(url: str) -> list[asyncpg.Connection]:
    """Opens the connections."""
    parts = urlsplit(url)
    address = {"host": parse_qs(parts.query)["host"][0], "user": "postgres", "database": parts.path[1:]}
    return [await asyncpg.connect(**address) for _ in range(CONNECTIONS)]


async def on_postgres(connections: Sequence[asyncpg.Connection]) -> Find:
    """Prepares the statement on each."""
    return FreeList([await connection.prepare(SQL) for connection in connections]).find


def on_sqlite(connection: sqlite3.Connection) -> Find:
    """sqlite3 itself keeps the statement prepared."""
    execute, statement = connection.execute, SQL.replace("$", "?")

    async def find(digest: str, now: int) -> Sequence[Any] | None:
        row: Sequence[Any] | None = execute(statement, (digest, now)).fetchone()
        return row

    return find


def read_only(url: str) -> sqlite3.Connection:
    """A connection to `sqlite://path`."""
    return sqlite3.connect(f"file:{url.removeprefix('sqlite://')}?mode=ro", uri=True)


def application(find: Find | None) -> ASGIApp:
    """Responds to every request as to `me`."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        user = None if find is None else await _me(scope, find)
        body = orjson.dumps({"data": {"me": user}})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return respond


async def _me(scope: Scope, find: Find) -> dict[str, Any] | None:
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    digest = base64.urlsafe_b64encode(hashlib.sha256(header[7:]).digest())[:43].decode()
    row = await find(digest, time.time_ns() // 1_000_000)
    if row is None:
        return None
    user = dict(zip(KEYS, row, strict=True))
    user["gender"] = GENDERS[user["gender"]]
    return user


async def main(port: int, url: str) -> None:
    """Serves until it is stopped."""
    find = None
    if url.startswith("sqlite://"):
        find = on_sqlite(read_only(url))
    elif url != "-":
        find = await on_postgres(await connect(url))
    config = uvicorn.Config(
        application(find),
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
