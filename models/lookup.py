"""Finds the session of a token, and the keys of its account."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from models.database import Database, Dialect
from models.errors import DatabaseError
from models.users import USER_COLUMNS, UserRecord

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
# While a statement is under way, who comes next gathers for the next one. A second one goes when so many have gathered,
# so that the database works while the answers of the first are written; and more go when those before are slow.
_ENOUGH: Final = 24
_AT_ONCE: Final[dict[Dialect, int]] = {"postgres": 4, "sqlite": 1}
_SLOW_SECONDS: Final = 0.02
_MOST_TOGETHER: Final = 256

_TOUCH: Final = "UPDATE sessions SET last_seen_at = $2 WHERE token_hash = $1 AND last_seen_at < $3"

_FIND_KEYS: Final = """
SELECT app_id, openid, session_key, previous_session_key, previous_session_key_at
FROM accounts WHERE id = $1"""


class SessionRecord(NamedTuple):
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


_Wanted = Sequence[tuple[str, "asyncio.Future[SessionRecord | None]"]]


class SessionLookup:
    """Finds sessions; those that are asked for at about the same time are found by one statement.

    Nobody waits for company: one request alone is one statement at once. Who comes while it is under way waits for it,
    or for many others, but not for long when it is slow. Nothing is remembered from one statement to the next, so that
    a session that has ended is found no more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[str, asyncio.Future[SessionRecord | None]]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        # The next statement: as soon as this turn of the event loop is over, or once those under way prove slow.
        self._next: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def find(self, token_hash: str, *, now: int, seen_after: int) -> SessionRecord | None:
        """The session with this hash if it has not expired and was seen after `seen_after`. Raises `DatabaseError`."""
        # Asked for once: asyncio looks at the process's id, by a system call, whenever it is asked for the loop.
        loop = self._loop = self._loop or asyncio.get_running_loop()
        answer: asyncio.Future[SessionRecord | None] = loop.create_future()
        self._waiting.append((token_hash, answer))
        if self._next is None or len(self._waiting) == _ENOUGH:
            self._call(loop)
        session = await answer
        alive = session is not None and session.expires_at > now and session.last_seen_at > seen_after
        return session if alive else None

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._next is not None:
            self._next.cancel()
        if len(self._under_way) < (2 if len(self._waiting) >= _ENOUGH else 1):
            self._next = loop.call_soon(self._send, loop)
        elif len(self._under_way) < _AT_ONCE[self._database.dialect]:
            self._next = loop.call_later(_SLOW_SECONDS, self._send, loop)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        self._next = None
        together, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
        # Whoever has gone away, their request cancelled, is looked up for nobody.
        wanted = [(token_hash, answer) for token_hash, answer in together if not answer.done()]
        if wanted:
            self._look(wanted, loop)
        if self._waiting:
            self._call(loop)

    def _look(self, wanted: _Wanted, loop: asyncio.AbstractEventLoop) -> None:
        sql, value = self._statement([token_hash for token_hash, _ in wanted])
        rows = self._database.peek(sql, value)
        if rows is not None:
            _deliver(rows, wanted)
            return
        task = loop.create_task(self._answer(sql, value, wanted))
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._waiting:
            self._call(task.get_loop())

    def _statement(self, hashes: list[str]) -> tuple[str, object]:
        if len(hashes) == 1:
            return _ONE, hashes[0]
        dialect = self._database.dialect
        return _SEVERAL[dialect], hashes if dialect == "postgres" else json.dumps(hashes)

    async def _answer(self, sql: str, value: object, wanted: _Wanted) -> None:
        try:
            rows = await self._database.rows(sql, value)
        except DatabaseError as error:
            # Who waits for the next statement has waited as long as these, and has no better prospects.
            waiting, self._waiting = self._waiting, []
            for _, answer in (*wanted, *waiting):
                if not answer.done():
                    answer.set_exception(type(error)(*error.args))
        except BaseException:
            for _, answer in wanted:
                answer.cancel()
            raise
        else:
            _deliver(rows, wanted)


def _deliver(rows: Sequence[Sequence[Any]], wanted: _Wanted) -> None:
    """Gives each their own of the rows of `_FIND_SESSIONS`."""
    found = {row[0]: SessionRecord(row[1], row[2], row[3], UserRecord._make(row[4:])) for row in rows}
    for token_hash, answer in wanted:
        if not answer.done():
            answer.set_result(found.get(token_hash))


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
