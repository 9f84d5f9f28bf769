"""One open database: statements in, rows out, and every failure as one of `models.errors`."""

import asyncio
import contextlib
import logging
import random
import re
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar

from tortoise.context import TortoiseContext
from tortoise.exceptions import BaseORMException, DBConnectionError, IntegrityError, OperationalError

from models.errors import (
    Conflict,
    ConnectionLost,
    DatabaseBehind,
    DatabaseError,
    DatabaseUnavailable,
    RightMissing,
    StatementTimeout,
)
from models.url import ALIAS, tortoise_config

try:
    import asyncpg
except ImportError:  # PostgreSQL is an extra
    _POSTGRES_ERRORS: tuple[type[Exception], ...] = ()
    _HUNG_UP: tuple[type[Exception], ...] = ()
else:
    _POSTGRES_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    # A bare ConnectionError is what asyncpg raises when the server hangs up during the handshake, and the last when it
    # does so just as a statement was to be sent.
    _HUNG_UP = (ConnectionError, asyncpg.InternalClientError)

_log = logging.getLogger(__name__)

T = TypeVar("T")
Dialect = Literal["sqlite", "postgres"]
Row: TypeAlias = Mapping[str, Any]
# A statement with placeholders `$1`, `$2`, ..., and their values.
Statement: TypeAlias = tuple[str, Sequence[object]]
# A transaction yields its statements, is sent their rows, and knows no driver: on PostgreSQL each is awaited, on SQLite
# one thread runs them all.
Steps: TypeAlias = Generator[Statement, Sequence[Row], T]
# Begins the transaction anew: it may be run again, after a conflict or a connection that broke.
Transaction: TypeAlias = Callable[[], Steps[T]]

RAISED_BY_DRIVERS: Final[tuple[type[Exception], ...]] = (
    DatabaseError,
    BaseORMException,
    sqlite3.Error,
    OSError,
    TimeoutError,
    ValueError,
    *_POSTGRES_ERRORS,
)
# Seconds before a statement whose connection was lost is run again: enough for a server that restarts quickly.
SECOND_TRY_AFTER: Final = 0.2
# How often a database that does not answer is asked whether it does.
LOOK_EVERY_SECONDS: Final = 1.0
_CONFLICT_TRIES: Final = 5
# Seconds that closing waits for transactions in flight.
_CLOSE_SECONDS: Final = 5.0
# A login that would wait longer than this for the writer is refused before its code is spent.
_LONG_BACKLOG_SECONDS: Final = 0.5

# SQLSTATE or its class decides, never a text, which is in the language of the server and quotes values.
_BY_SQLSTATE: Final[Mapping[type[DatabaseError], set[str]]] = {
    DatabaseBehind: {"42P01", "42703"},
    # Read-only, stopping, or with statements that were prepared for tables as they were before a migration.
    ConnectionLost: {"25006", "57P01", "57P02", "57P03", "08", "0A000"},
    Conflict: {"40001", "40P01"},
    RightMissing: {"42501"},
    DatabaseError: {"22", "23"},
}
_SQLITE_BEHIND: Final = re.compile("no such table|no such column|has no column named")
# Looked at in this order.
_BY_CLASS: Final[Mapping[type[DatabaseError], tuple[type[Exception], ...]]] = {
    DatabaseError: (IntegrityError, sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError),
    StatementTimeout: (TimeoutError,),
    ConnectionLost: _HUNG_UP,
    DatabaseUnavailable: (OperationalError, DBConnectionError, sqlite3.DatabaseError, OSError, *_POSTGRES_ERRORS),
}


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections just now, how many there may be, and how many statements wait for one."""

    size: int
    idle: int
    most: int
    waiting: int


def by_number(values: Sequence[object]) -> dict[str, object]:
    """For statements in PostgreSQL's notation, in which this package writes all: to SQLite, `$1` has the name 1."""
    return {str(number): value for number, value in enumerate(values, 1)}


def translated(error: Exception) -> DatabaseError:
    """A driver's or Tortoise's exception as one of ours; its text is dropped, because it may hold values."""
    return error if isinstance(error, DatabaseError) else _kind_of(error)(type(error).__name__)


def _kind_of(error: Exception) -> type[DatabaseError]:
    # Tortoise wraps some of what asyncpg raises, and asyncpg some of what the system does.
    cause = error.__cause__
    state: str = getattr(error, "sqlstate", None) or getattr(cause, "sqlstate", None) or ""
    for kind, states in _BY_SQLSTATE.items():
        if state in states or state[:2] in states:
            return kind
    if cause is None and _SQLITE_BEHIND.search(str(error)):
        return DatabaseBehind
    if type(error) is sqlite3.DatabaseError:  # a damaged page, which the connection would keep
        return ConnectionLost
    if isinstance(error, ConnectionRefusedError):  # not there at all, so not worth a second try
        return DatabaseUnavailable
    for kind, raised in _BY_CLASS.items():
        if isinstance(error, raised):
            return kind
    return DatabaseError


class Database:
    """The server's one database. One at a time per process: Tortoise finds it through a process-wide fallback.

    A statement or transaction that loses its connection is run once more, and one that met a conflict a few times. So
    it must be one that may run twice: a read, or a write that then finds nothing left to do. All raise `DatabaseError`.
    """

    def __init__(self, url: str) -> None:
        """`url` as in `tortoise_config`, which may raise `UnsupportedDatabase`. Nothing is opened yet."""
        self._config = tortoise_config(url)
        self.dialect: Dialect = "sqlite" if "sqlite" in self._config["connections"][ALIAS]["engine"] else "postgres"
        self._context: TortoiseContext | None = None
        self._client: Any = None
        self._in_flight: set[asyncio.Task[Any]] = set()
        # A write failed, and no transaction has succeeded since: `models.logins.try_sign_in` tells whether one can.
        self.doubtful = False
        # As `models.clock.clock_ahead` last found it.
        self.clock_differs = False
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Gets ready without connecting: a server may start before its database does."""
        context = TortoiseContext()
        with context:
            await context.init(config=self._config, _enable_global_fallback=True)
        self._context = context
        self._client = context.connections.get(ALIAS)

    async def close(self) -> None:
        """Lets transactions in flight end, then closes every connection. Safe to call twice."""
        context, self._context, self._client = self._context, None, None
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        if context is not None:
            if self._in_flight:
                await asyncio.wait(self._in_flight, timeout=_CLOSE_SECONDS)
            await context.close_connections()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def run(self, query: Callable[[], Awaitable[T]], *, reads: bool = False) -> T:
        """What a QuerySet gives; `query` makes it anew each time that it is sent. One that only reads says so."""

        async def once() -> T:
            queryset = query()
            with self._observed(queryset):
                return await queryset

        return await self._repeated(once, reads=reads)

    async def fetch(self, sql: str, *values: object, reads: bool = False) -> Sequence[Row]:
        """The rows that a statement gives, `RETURNING` included. Placeholders are `$1`, `$2`, ... on both databases."""
        return await self._repeated(
            lambda: self._client.execute_query_dict(sql, self._bound(values)), reads=reads or sql.startswith("SELECT")
        )

    async def read(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        """The rows of one of the few busiest SELECTs, by position: prepared, and ahead of what waits on PostgreSQL."""
        if self.dialect == "postgres":
            return await self._repeated(lambda: self._client.read(sql, *values), reads=True)
        bound = by_number(values)
        rows = self._client.read_now(sql, bound) if self._client is not None else None
        if rows is None:
            _, rows = await self._repeated(lambda: self._client.execute_query(sql, bound), reads=True)
        return rows  # type: ignore[no-any-return]

    async def transaction(self, transaction: Transaction[T]) -> T:
        """What a transaction returns, stored whole or not at all, READ COMMITTED.

        A cancelled caller leaves; the transaction ends by commit or rollback in a task of its own, in bounded time.
        """
        task = asyncio.get_running_loop().create_task(self._repeated(lambda: self._client.transaction(transaction)))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)
        result: T = await asyncio.shield(task)
        self.doubtful = False
        return result

    async def _repeated(self, send: Callable[[], Awaitable[T]], *, reads: bool = False) -> T:
        lost, conflicts = False, 0
        while True:
            if self._client is None:
                msg = "the database is not open"
                raise DatabaseUnavailable(msg)
            try:
                return await send()
            except RAISED_BY_DRIVERS as error:
                failure = translated(error)
            match failure:
                case ConnectionLost() | StatementTimeout():
                    self._expire()
                    if lost or not (reads or isinstance(failure, ConnectionLost)):
                        raise self._noted(failure, reads=reads) from None
                    lost = True
                    await asyncio.sleep(SECOND_TRY_AFTER)
                case Conflict() if conflicts < _CONFLICT_TRIES:
                    conflicts += 1
                    await asyncio.sleep(random.uniform(0, 0.02) * conflicts)  # noqa: S311 - nothing secret
                case _:
                    raise self._noted(failure, reads=reads) from None

    def _noted(self, failure: DatabaseError, *, reads: bool) -> DatabaseError:
        is_of_database = isinstance(failure, DatabaseUnavailable | DatabaseBehind) and not isinstance(failure, Conflict)
        self.doubtful |= is_of_database and not reads
        is_open = self._client is not None
        if is_open and isinstance(failure, DatabaseUnavailable) and (self._watch is None or self._watch.done()):
            self._watch = asyncio.create_task(self._watch_outage())
        return failure

    async def _watch_outage(self) -> None:
        """Logs once that the database is away and once that it is back; nothing where only one statement failed."""
        away = False
        while True:
            try:
                await self.ping()
            except DatabaseError as error:
                if not away:
                    _log.warning("the database does not answer", extra={"reason": str(error)})
                away = True
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            else:
                break
        if away:
            _log.info("the database answers again")

    def _expire(self) -> None:
        # Where one connection turned out to be dead, or read-only, so may all of them.
        if self._client is not None:
            self._client.expire()

    def _observed(self, _queryset: object) -> AbstractContextManager[object]:
        """Around a QuerySet, for a subclass that traces statements."""
        return contextlib.nullcontext()

    def _bound(self, values: Sequence[object]) -> object:
        return by_number(values) if self.dialect == "sqlite" else list(values)

    async def ping(self) -> None:
        """Returns when the database answers a statement."""
        await self.fetch("SELECT 1 AS one")

    def require_writer(self) -> None:
        """Raises `DatabaseUnavailable` when what is written now would wait long."""
        if self.dialect == "sqlite" and self._client is not None and self._client.backlog() > _LONG_BACKLOG_SECONDS:
            msg = "WriterBusy"
            raise DatabaseUnavailable(msg)

    def leave_replaced_file(self) -> None:
        """Reads no more from an SQLite file that was deleted or replaced; what is read next opens what stands there."""
        if self.dialect == "sqlite" and self._client is not None:
            self._client.leave_replaced_file()

    def pool(self) -> Pool | None:
        """The connections' state; None before they are opened, and on SQLite. May be called from any thread."""
        client = self._client
        if client is None or self.dialect == "sqlite":
            return None
        return Pool(client.idle + client.busy, client.idle, client.pool_maxsize, client.waiting)
