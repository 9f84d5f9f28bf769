"""Finds the session of a token, and the keys of its account."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from models.database import Database, Dialect
from models.errors import DatabaseError
from models.user import USER_COLUMNS, UserRecord

_USER: Final = ", ".join(f"u.{column}" for column in USER_COLUMNS)
_FIND_SESSIONS: Final = f"""
SELECT s.token_hash, s.account_id, s.last_seen_at, s.expires_at, {_USER}
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_hash"""  # noqa: S608 - constants only
_ONE: Final = f"{_FIND_SESSIONS} = $1"
_SEVERAL: Final[dict[Dialect, str]] = {
    "postgres": f"{_FIND_SESSIONS} = ANY($1)",
    "sqlite": f"{_FIND_SESSIONS} IN (SELECT value FROM json_each($1))",  # noqa: S608 - constants only
}
# Statements under way at once. While they are, who comes next gathers for the next one.
_AT_ONCE: Final[dict[Dialect, int]] = {"postgres": 4, "sqlite": 1}
_MOST_TOGETHER: Final = 256

_TOUCH: Final = "UPDATE sessions SET last_seen_at = $2 WHERE token_hash = $1 AND last_seen_at < $3"

_FIND_KEYS: Final = """
SELECT app_id, openid, session_key, previous_session_key, previous_session_key_at
FROM accounts WHERE id = $1"""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A live session and its person. Times in epoch milliseconds."""

    account_id: int
    last_seen_at: int
    expires_at: int
    user: UserRecord


@dataclass(frozen=True, slots=True)
class SessionKeysRecord:
    """An account's two newest session_keys, sealed, and what they are bound to."""

    app_id: str
    openid: str = field(repr=False)
    session_key: str = field(repr=False)
    previous_session_key: str | None = field(repr=False)
    previous_session_key_at: int | None


class SessionLookup:
    """Finds sessions; those that are asked for in one turn of the event loop are found by one statement.

    Nobody waits for company: one request alone is one statement at once. Nothing is remembered from one statement to
    the next, so that a session that has ended is found no more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[str, asyncio.Future[SessionRecord | None]]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._called = False

    async def find(self, token_hash: str, *, now: int, seen_after: int) -> SessionRecord | None:
        """The session with this hash if it has not expired and was seen after `seen_after`. Raises `DatabaseError`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[SessionRecord | None] = loop.create_future()
        self._waiting.append((token_hash, answer))
        self._call(loop)
        session = await answer
        alive = session is not None and session.expires_at > now and session.last_seen_at > seen_after
        return session if alive else None

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and not self._called and len(self._under_way) < _AT_ONCE[self._database.dialect]:
            self._called = True
            loop.call_soon(self._send, loop)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        self._called = False
        together, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
        # Whoever has gone away, their request cancelled, is looked up for nobody.
        wanted = [(token_hash, answer) for token_hash, answer in together if not answer.done()]
        if wanted:
            task = loop.create_task(self._answer(wanted))
            self._under_way.add(task)
            task.add_done_callback(self._done)
        self._call(loop)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._call(task.get_loop())

    async def _answer(self, wanted: Sequence[tuple[str, "asyncio.Future[SessionRecord | None]"]]) -> None:
        try:
            found = await self._found([token_hash for token_hash, _ in wanted])
        except DatabaseError as error:
            for _, answer in wanted:
                if not answer.done():
                    answer.set_exception(type(error)(*error.args))
            return
        except BaseException:
            for _, answer in wanted:
                answer.cancel()
            raise
        for token_hash, answer in wanted:
            if not answer.done():
                answer.set_result(found.get(token_hash))

    async def _found(self, hashes: list[str]) -> dict[str, SessionRecord]:
        database = self._database
        if len(hashes) == 1:
            rows = await database.fetch(_ONE, hashes[0])
        else:
            several: object = hashes if database.dialect == "postgres" else json.dumps(hashes)
            rows = await database.fetch(_SEVERAL[database.dialect], several)
        return {
            row["token_hash"]: SessionRecord(
                row["account_id"], row["last_seen_at"], row["expires_at"], UserRecord.of(row)
            )
            for row in rows
        }


async def touch_session(database: Database, token_hash: str, *, now: int, unless_seen_after: int) -> None:
    """Notes that the session is in use; one of several requests at the same moment does the write."""
    await database.execute(_TOUCH, token_hash, now, unless_seen_after)


async def find_session_keys(database: Database, account_id: int) -> SessionKeysRecord | None:
    """The sealed keys of an account, or None when it is gone. Raises `DatabaseError`."""
    rows = await database.fetch(_FIND_KEYS, account_id)
    if not rows:
        return None
    row = rows[0]
    return SessionKeysRecord(
        row["app_id"],
        row["openid"],
        row["session_key"],
        row["previous_session_key"],
        row["previous_session_key_at"],
    )
