"""h: the natural limit of the stack. A hand-written ASGI function with one statement, and no GraphQL.

    python -m tests.benchmarks.throughput.natural PORT DATABASE_URL

With a database URL it answers what `me` answers; with `-` it answers a constant, which is what uvicorn alone costs.
"""

import base64
import hashlib
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import orjson
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

COLUMNS: Final = "u.id, u.nick_name, u.avatar_url, u.gender, u.city, u.province, u.country, u.language"
SQL: Final = (
    f"SELECT {COLUMNS} FROM sessions s JOIN users u ON u.id = s.user_id "  # noqa: S608 - constants only
    "WHERE s.token_hash = $1 AND s.expires_at > $2"
)
GENDERS: Final = ("UNKNOWN", "MALE", "FEMALE")

Find = Callable[[str, int], Awaitable[Mapping[str, Any] | None]]


def application(find: Find | None) -> ASGIApp:
    """Answers every request as `me` would be."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        data = None if find is None else await _me(scope, find)
        body = orjson.dumps({"data": {"me": data}})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


async def _me(scope: Scope, find: Find) -> dict[str, Any] | None:
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    digest = base64.urlsafe_b64encode(hashlib.sha256(header[7:]).digest()).rstrip(b"=").decode()
    row = await find(digest, time.time_ns() // 1_000_000)
    if row is None:
        return None
    return {
        "id": row["id"],
        "nickName": row["nick_name"],
        "avatarUrl": row["avatar_url"],
        "gender": GENDERS[row["gender"]],
        "city": row["city"],
        "province": row["province"],
        "country": row["country"],
        "language": row["language"],
    }


def on_sqlite(path: str) -> Find:
    """Reads in the event loop, which is the fastest way there is."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    statement = SQL.replace("$", "?")

    async def find(digest: str, now: int) -> Mapping[str, Any] | None:
        row: sqlite3.Row | None = connection.execute(statement, (digest, now)).fetchone()
        return None if row is None else dict(row)

    return find


def on_postgres(url: str) -> Find:
    """A pool without the reset query, and asyncpg's prepared statements."""
    parts = urlsplit(url)
    pool: list[asyncpg.Pool] = []

    async def find(digest: str, now: int) -> Mapping[str, Any] | None:
        if not pool:
            pool.append(
                await asyncpg.create_pool(
                    host=parse_qs(parts.query)["host"][0],
                    user="postgres",
                    database=parts.path[1:],
                    min_size=10,
                    max_size=10,
                    reset=_no_reset,
                )
            )
        row: Mapping[str, Any] | None = await pool[0].fetchrow(SQL, digest, now)
        return row

    return find


async def _no_reset(_connection: Any) -> None:
    pass


def main() -> None:
    port, url = int(sys.argv[1]), sys.argv[2]
    if url == "-":
        find = None
    elif url.startswith("sqlite://"):
        find = on_sqlite(url.removeprefix("sqlite://"))
    else:
        find = on_postgres(url)
    uvicorn.run(
        application(find), port=port, http="httptools", loop="uvloop", lifespan="off", log_config=None, access_log=False
    )


if __name__ == "__main__":
    main()
