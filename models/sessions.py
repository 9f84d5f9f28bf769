"""A signed-in device: its session from login to cleanup, and the lookup that every request starts with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from models.accounts import Account
from models.database import Database, Row, Steps
from models.devices import Device
from models.errors import DatabaseError
from models.users import USER_COLUMNS, User, UserRecord


class Session(Model):
    """The table `sessions`: the SHA-256 of a token, never the token.

    `user` repeats what `account` implies, because it saves the busiest statement of the server a join.
    """

    token_hash = fields.CharField(primary_key=True, max_length=43)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "models.Account", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    created_at = fields.BigIntField()
    # Written at most once an hour; the idle limit counts from here.
    last_seen_at = fields.BigIntField()
    # The absolute limit; a login that supersedes the session brings it forward.
    expires_at = fields.BigIntField(db_index=True)
    # By which the server knows that it wrote the row so; None where an earlier version did.
    mac = fields.TextField(null=True)
    # What the client gave its device out for: see `Device`.
    device = fields.CharField(max_length=64, db_default="")
    platform = fields.SmallIntField(db_default=0)
    wechat_version = fields.CharField(max_length=16, db_default="")
    app_version = fields.CharField(max_length=16, db_default="")

    class Meta:
        table = "sessions"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Signed-in devices."


# Last seen is written this seldom: precise to the hour is enough for a limit of days.
SEEN_EVERY_MS: Final = 3_600_000

_USER: Final = ", ".join(f"u.{column}" for column in USER_COLUMNS)
_INSERT: Final = """
INSERT INTO sessions (token_hash, user_id, account_id, created_at, last_seen_at, expires_at, mac,
  device, platform, wechat_version, app_version)
VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (token_hash) DO NOTHING RETURNING token_hash"""
_ACCOUNT_OF: Final = "SELECT account_id FROM sessions WHERE token_hash = $1"
_SUPERSEDE: Final = "UPDATE sessions SET expires_at = $3 WHERE token_hash = $1 AND account_id = $2 AND expires_at > $3"
_USER_AND_SESSIONS: Final = f"""
SELECT {_USER}, s.token_hash, s.created_at AS issued_at, s.last_seen_at, s.expires_at
FROM users u JOIN sessions s ON s.user_id = u.id WHERE u.id = $1"""  # noqa: S608 - constants only
_DELETE: Final = "DELETE FROM sessions WHERE token_hash = $1"


def insert_session(
    token_hash: str, *, user_id: str, account_id: int, now: int, expires_at: int, mac: str, device: Device
) -> Steps[None]:
    """Stores a login's session, of which there may already be the row that a lost COMMIT left.

    Raises `DatabaseError` when another account holds the same hash.
    """
    if not (yield _INSERT, (token_hash, user_id, account_id, now, expires_at, mac, *device)):
        [row] = yield _ACCOUNT_OF, (token_hash,)
        if row["account_id"] != account_id:
            msg = "IntegrityError"
            raise DatabaseError(msg)


def supersede(token_hash: str, *, account_id: int, ends_at: int) -> Steps[None]:
    """Brings the end of an older session of the same account forward to `ends_at`; no other account's."""
    yield _SUPERSEDE, (token_hash, account_id, ends_at)


def drop_surplus(user_id: str, new: str, *, now: int, keep: int) -> Steps[tuple[UserRecord, dict[str, int]]]:
    """The user, who has at most `keep` sessions afterwards, the one with the hash `new` among them.

    Expired ones go before others and not sooner: this process's clock alone says that they have. Beside the user, by
    hash, when each other session ends that they had before.
    """
    rows = yield _USER_AND_SESSIONS, (user_id,)
    others = [row for row in rows if row["token_hash"] != new]
    for row in sorted(others, key=partial(_rank, now), reverse=True)[keep - 1 :]:
        yield _DELETE, (row["token_hash"],)
    user = UserRecord(*[rows[0][column] for column in USER_COLUMNS])
    return user, {row["token_hash"]: row["expires_at"] for row in others}


def _rank(now: int, row: Row) -> tuple[bool, int, int, str]:
    """Which session stays rather than another.

    One that has been in use since its login may have been seen up to an hour later than "last seen", which is no more
    precise: logins of that hour do not drive it out, whatever this process's clock says.
    """
    seen, issued = row["last_seen_at"], row["issued_at"]
    used = seen + SEEN_EVERY_MS if seen > issued else seen
    return (row["expires_at"] > now, used, issued, row["token_hash"])


async def touch_sessions(database: Database, hashes: Sequence[str], *, now: int, unless_seen_after: int) -> None:
    """Notes that sessions are in use; of several processes at the same moment one writes. Raises `DatabaseError`."""
    unseen = Session.filter(token_hash__in=hashes, last_seen_at__lt=unless_seen_after)
    await database.run(lambda: unseen.update(last_seen_at=now))


class SessionRecord(NamedTuple):
    """A live session and its user. Times in epoch milliseconds."""

    account_id: int
    created_at: int
    last_seen_at: int
    expires_at: int
    mac: str | None
    user: UserRecord


# The busiest statements of the server. With 64 in flight a lookup through asyncpg's pool takes 58 us of CPU, prepared
# on a connection 19, and together with others 5 (`tests/benchmarks/lookups.py`).
_FIND: Final = f"""
SELECT s.token_hash, s.account_id, s.created_at, s.last_seen_at, s.expires_at, s.mac, {_USER}
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_hash """  # noqa: S608 - constants only
_FIND_ONE: Final = f"{_FIND} = $1"
_FIND_SEVERAL: Final = f"{_FIND} = ANY($1)"
# With so many waiting, a second statement goes while the first is in flight, so that the database works while the
# responses of the first are written.
_ENOUGH: Final = 24
_LARGEST_BATCH: Final = 256
# A statement that takes longer does not hold up the next one.
_SLOW_SECONDS: Final = 0.02
_LARGEST_IN_FLIGHT: Final = 4

_Wanted = list[tuple[str, "asyncio.Future[SessionRecord | None]"]]


class SessionLookup:
    """Finds sessions: on SQLite one at a time and at once, on PostgreSQL those that wait together by one statement.

    A lone request is sent at once. One that comes while a statement is in flight waits for it, or for many others, but
    not for long when it is slow. Nothing is cached, so that a session that has ended is found no more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: _Wanted = []
        self._in_flight = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._next: asyncio.Handle | None = None
        # Whether the last statement found several: then others are about to join this one.
        self._crowded = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def find(self, token_hash: str, *, now: int, seen_after: int) -> SessionRecord | None:
        """The session with this hash if it has not expired and was seen after `seen_after`. Raises `DatabaseError`."""
        if self._database.dialect == "sqlite":
            rows = await self._database.read(_FIND_ONE, token_hash)
            session = _record(rows[0]) if rows else None
        elif self._in_flight or self._crowded or self._next is not None:
            session = await self._find_together(token_hash)
        else:
            session = await self._find_alone(token_hash)
        alive = session is not None and session.expires_at > now and session.last_seen_at > seen_after
        return session if alive else None

    async def _find_alone(self, token_hash: str) -> SessionRecord | None:
        self._in_flight += 1
        try:
            rows = await self._database.read(_FIND_ONE, token_hash)
        except DatabaseError as error:
            self._fail(self._take_all(), error)
            raise
        finally:
            self._ended()
        return _record(rows[0]) if rows else None

    async def _find_together(self, token_hash: str) -> SessionRecord | None:
        # Once: asyncio looks at the process's id, by a system call, whenever it is asked for the loop.
        loop = self._loop = self._loop or asyncio.get_running_loop()
        found: asyncio.Future[SessionRecord | None] = loop.create_future()
        self._waiting.append((token_hash, found))
        if self._next is None or len(self._waiting) == _ENOUGH:
            self._schedule(loop)
        return await found

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._unschedule()
        if self._in_flight < (2 if len(self._waiting) >= _ENOUGH else 1):
            self._next = loop.call_soon(self._send, loop)
        elif self._in_flight < _LARGEST_IN_FLIGHT:
            self._next = loop.call_later(_SLOW_SECONDS, self._send, loop)

    def _unschedule(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        self._next = None
        batch, self._waiting = self._waiting[:_LARGEST_BATCH], self._waiting[_LARGEST_BATCH:]
        # A caller that has left, its request cancelled, needs no session.
        wanted = [(token_hash, found) for token_hash, found in batch if not found.done()]
        self._crowded = len(wanted) > 1
        if wanted:
            self._in_flight += 1
            task = loop.create_task(self._find_all(wanted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._waiting:
            self._schedule(loop)

    async def _find_all(self, wanted: _Wanted) -> None:
        try:
            rows = await self._database.read(_FIND_SEVERAL, [token_hash for token_hash, _ in wanted])
            sessions = {row[0]: _record(row) for row in rows}
            for token_hash, found in wanted:
                if not found.done():
                    found.set_result(sessions.get(token_hash))
        except DatabaseError as error:
            # Those that wait for the next statement have waited as long, and have no better prospects.
            self._fail(wanted + self._take_all(), error)
        finally:
            for _, found in wanted:
                found.cancel()  # does nothing but when this task was cancelled
            self._ended()

    def _ended(self) -> None:
        self._in_flight -= 1
        if self._waiting:
            self._schedule(self._loop or asyncio.get_running_loop())
        else:
            self._unschedule()

    def _take_all(self) -> _Wanted:
        waiting, self._waiting = self._waiting, []
        return waiting

    @staticmethod
    def _fail(wanted: _Wanted, error: DatabaseError) -> None:
        for _, found in wanted:
            if not found.done():
                found.set_exception(type(error)(*error.args))


def _record(row: Sequence[Any]) -> SessionRecord:
    return SessionRecord(row[1], row[2], row[3], row[4], row[5], UserRecord._make(row[6:]))


@dataclass(frozen=True, slots=True)
class Ended:
    """Which sessions have ended (epoch milliseconds): by their absolute end, or for want of use."""

    by: int
    unseen_since: int


async def delete_ended(database: Database, ended: Ended, *, after: str, size: int) -> tuple[int, str | None]:
    """Deletes those that have ended of the next `size` sessions by hash; how many, and where to go on, None at the end.

    In the order of the primary key, in which no two are equal: pages cost the same however many end in one
    millisecond. Raises `DatabaseError`.
    """
    rest = Session.filter(token_hash__gt=after)
    end = rest.order_by("token_hash").offset(size - 1).limit(1)
    found = await database.run(lambda: end.values_list("token_hash"), reads=True)
    last = str(found[0][0]) if found else None
    page = rest if last is None else rest.filter(token_hash__lte=last)
    gone = page.filter(Q(expires_at__lte=ended.by) | Q(last_seen_at__lte=ended.unseen_since))
    return await database.run(gone.delete), last
