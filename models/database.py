"""One open database: statements in, plain rows out, and every failure in the words of `models.errors`."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from tortoise.context import TortoiseContext
from tortoise.exceptions import (
    BaseORMException,
    DBConnectionError,
    IntegrityError,
    OperationalError,
)

from models.errors import ConnectionLost, DatabaseBehind, DatabaseError, DatabaseUnavailable
from models.url import ALIAS, tortoise_config

try:
    import asyncpg
except ImportError:  # PostgreSQL is an extra
    _POSTGRES_ERRORS: tuple[type[Exception], ...] = ()
    _POSTGRES_BEHIND: tuple[type[Exception], ...] = ()
    _POSTGRES_DATA_ERRORS: tuple[type[Exception], ...] = ()
    _POSTGRES_HUNG_UP: tuple[type[Exception], ...] = ()
else:
    _POSTGRES_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    _POSTGRES_BEHIND = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)
    _POSTGRES_DATA_ERRORS = (asyncpg.DataError,)
    _POSTGRES_HUNG_UP = (
        asyncpg.PostgresConnectionError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        # How asyncpg says that the server hung up just as a statement was to be sent.
        asyncpg.InternalClientError,
    )

Row = Mapping[str, Any]
Dialect = Literal["sqlite", "postgres"]

RAISED_BY_DRIVERS: Final[tuple[type[Exception], ...]] = (
    BaseORMException,
    sqlite3.Error,
    OSError,
    TimeoutError,
    ValueError,
    *_POSTGRES_ERRORS,
)
_HUNG_UP: Final[tuple[type[Exception], ...]] = (ConnectionError, *_POSTGRES_HUNG_UP)
# Seconds before a statement whose connection was lost is run again: enough for a server that restarts quickly.
SECOND_TRY_AFTER: Final = 0.2
_SQLITE_BEHIND: Final = re.compile("no such table|no such column|has no column named")
_UNAVAILABLE: Final[tuple[type[Exception], ...]] = (
    OperationalError,
    DBConnectionError,
    sqlite3.OperationalError,
    OSError,
    TimeoutError,
    *_POSTGRES_ERRORS,
)


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections just now, how many there may be, and how many statements wait for one."""

    size: int
    idle: int
    most: int
    waiting: int


def _by_number(values: Sequence[object]) -> dict[str, object]:
    """For statements in PostgreSQL's notation, in which this package writes all: to SQLite, `$1` has the name 1."""
    return {str(number): value for number, value in enumerate(values, 1)}


def translated(error: Exception) -> DatabaseError:
    """A driver's or Tortoise's exception in this package's words; its text is dropped, because it may hold values."""
    name = type(error).__name__
    # Tortoise wraps what asyncpg says. The words are in the language of the PostgreSQL server; the class is not.
    cause = error.__cause__ or error
    if isinstance(cause, _POSTGRES_BEHIND) or (cause is error and _SQLITE_BEHIND.search(str(error))):
        return DatabaseBehind(name)
    if isinstance(error, _HUNG_UP) and not isinstance(error, ConnectionRefusedError):
        return ConnectionLost(name)
    if isinstance(error, IntegrityError) or isinstance(cause, _POSTGRES_DATA_ERRORS):
        return DatabaseError(name)
    if isinstance(error, _UNAVAILABLE):
        return DatabaseUnavailable(name)
    return DatabaseError(name)


class Statements:
    """Runs SQL on a Tortoise client, once."""

    def __init__(self, client: Any, dialect: Dialect) -> None:
        self._client = client
        self._bound: Callable[[Sequence[object]], object] = _by_number if dialect == "sqlite" else list
        self._peek: Callable[[str, object], Sequence[Sequence[Any]] | None] | None
        self._peek = getattr(client, "peek", None)  # `models.sqlite` has it

    async def fetch(self, sql: str, *values: object) -> Sequence[Row]:
        """The rows that a statement gives, `RETURNING` included. Placeholders are `$1`, `$2`, ... on both databases.

        Raises `DatabaseError`.
        """
        try:
            rows: Sequence[Row] = await self._client.execute_query_dict(sql, self._bound(values))
        except RAISED_BY_DRIVERS as error:
            raise translated(error) from None
        return rows

    async def execute(self, sql: str, *values: object) -> int:
        """How many rows a statement without `RETURNING` changed. Raises `DatabaseError`."""
        try:
            result: tuple[int, Sequence[Any]] = await self._client.execute_query(sql, self._bound(values))
        except RAISED_BY_DRIVERS as error:
            raise translated(error) from None
        return result[0]

    async def rows(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT as the driver gives them, by position: cheaper than `fetch`, for the busiest statements.

        Raises `DatabaseError`.
        """
        try:
            result: tuple[int, Sequence[Any]] = await self._client.execute_query(sql, self._bound(values))
        except RAISED_BY_DRIVERS as error:
            raise translated(error) from None
        return result[1]

    def peek(self, sql: str, *values: object) -> Sequence[Sequence[Any]] | None:
        """As `rows`, but at once and without leaving the event loop; None where that is not possible."""
        return None if self._peek is None else self._peek(sql, self._bound(values))


class Database:
    """The server's one database. One at a time per process: Tortoise finds it through a process-wide fallback.

    A statement that loses its connection is run once more. So it must be one that may run twice: a read, or a write
    that finds nothing left to do.
    """

    def __init__(self, url: str) -> None:
        """`url` as in `tortoise_config`, which may raise `UnsupportedDatabase`. Nothing is opened yet."""
        self._config = tortoise_config(url)
        self.dialect: Dialect = "sqlite" if "sqlite" in self._config["connections"][ALIAS]["engine"] else "postgres"
        self._context: TortoiseContext | None = None
        self._statements: Statements | None = None
        self._client: Any = None

    async def open(self) -> None:
        """Gets ready without connecting: a server may start before its database does."""
        context = TortoiseContext()
        with context:
            await context.init(config=self._config, _enable_global_fallback=True)
        self._context = context
        self._client = context.connections.get(ALIAS)
        self._statements = Statements(self._client, self.dialect)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def fetch(self, sql: str, *values: object) -> Sequence[Row]:
        """See `Statements.fetch`."""
        try:
            return await self._opened().fetch(sql, *values)
        except ConnectionLost:
            await asyncio.sleep(SECOND_TRY_AFTER)
        return await self._opened().fetch(sql, *values)

    async def execute(self, sql: str, *values: object) -> int:
        """See `Statements.execute`."""
        try:
            return await self._opened().execute(sql, *values)
        except ConnectionLost:
            await asyncio.sleep(SECOND_TRY_AFTER)
        return await self._opened().execute(sql, *values)

    async def rows(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        """See `Statements.rows`."""
        try:
            return await self._opened().rows(sql, *values)
        except ConnectionLost:
            await asyncio.sleep(SECOND_TRY_AFTER)
        return await self._opened().rows(sql, *values)

    def peek(self, sql: str, *values: object) -> Sequence[Sequence[Any]] | None:
        """See `Statements.peek`."""
        return None if self._statements is None else self._statements.peek(sql, *values)

    def _opened(self) -> Statements:
        if self._statements is None:
            msg = "the database is not open"
            raise DatabaseUnavailable(msg)
        return self._statements

    async def ping(self) -> None:
        """Returns when the database answers a statement; raises `DatabaseError` otherwise."""
        await self.fetch("SELECT 1 AS one")

    def pool(self) -> Pool | None:
        """The pool's state; None before its first connection, and on SQLite. May be asked from any thread."""
        pool = getattr(self._client, "_pool", None)
        if pool is None:
            return None
        return Pool(pool.get_size(), pool.get_idle_size(), pool.get_max_size(), self._client.waiting)

    async def unit(self, statements: Sequence[str], *values: object) -> Sequence[Row]:
        """The rows of the last of several statements that share their values, stored whole or not at all. On SQLite.

        A cancelled caller leaves, and interrupts nothing. Raises `DatabaseError`.
        """
        self._opened()
        try:
            return await self._client.unit(statements, _by_number(values))  # type: ignore[no-any-return]
        except RAISED_BY_DRIVERS as error:
            raise translated(error) from None

    async def close(self) -> None:
        """Lets units under way end, then closes every connection. Safe to call twice."""
        context, self._context, self._statements = self._context, None, None
        if context is not None:
            await context.close_connections()
