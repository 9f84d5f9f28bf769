"""Tortoise's SQLite client, fit for a server: reads that never wait for a writer, and a lock that is never lost.

Tortoise holds one lock around its one connection. As shipped, a writer that waits for another process makes every
reader wait with it, and the lock stays taken for good when opening the file fails. Its transactions begin DEFERRED, so
that two processes which read first and write later fail with "database is locked" without waiting. What a login stores
is a unit of `sqlite_units.py`: only migrations open transactions of Tortoise's.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tortoise.backends.base.client import ConnectionWrapper, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.exceptions import OperationalError

from models import sqlite_units

# How long a statement waits for another process.
WAIT_MS: Final = 2000

# Tortoise's own statements have values by position, those of this package by name.
_Values = list[Any] | Mapping[str, Any] | None

NO_FILE: Final = "no such table: the database file does not exist"


async def _acquire(lock: asyncio.Lock) -> None:
    async with asyncio.timeout(sqlite_units.TURN_SECONDS):
        await lock.acquire()


class _Held(ConnectionWrapper[Any]):
    """The connection under its lock; gives the lock back when the file cannot be opened."""

    async def __aenter__(self) -> Any:
        await _acquire(self._lock)
        # Tortoise looked before it had the lock: somebody may have opened it since.
        self.connection = self.client._connection  # noqa: SLF001 - Tortoise's own
        try:
            await self.ensure_connection()
        except BaseException:
            self._lock.release()
            raise
        return self.connection


class _ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that takes the write lock when it begins, waiting `busy_timeout` for it."""

    async def begin(self) -> None:
        await self._connection.execute("BEGIN IMMEDIATE")


class _Connection(SqliteClient):
    """One connection to the file: write-ahead log, bounded waiting, foreign keys enforced."""

    def __init__(self, file_path: str, *, create: bool, **pragmas: Any) -> None:
        self._create = create
        # First of all the time-out: switching the journal mode already needs a lock that another process may hold.
        settings = {"busy_timeout": WAIT_MS, "synchronous": "NORMAL", "temp_store": "MEMORY"} | pragmas
        super().__init__(file_path, **settings)

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        return _Held(self._lock, self)

    async def create_connection(self, with_db: bool) -> None:
        # When aiosqlite cannot open the file, its thread may outlive the event loop and print a traceback: try first.
        await asyncio.to_thread(self._try_to_open)
        try:
            await super().create_connection(with_db)
        except BaseException:
            # A connection that was opened but not configured has a thread of its own, which would outlive the server.
            await super().close()  # only this one: beside a writer, a reader may be at work
            raise

    def _try_to_open(self) -> None:
        path = Path(self.filename)
        if not self._create and path.parent.is_dir() and not path.exists():
            # A mistyped path must not become an empty database that looks like a healthy one.
            raise OperationalError(NO_FILE)
        mode = "rwc" if self._create else "rw"
        sqlite3.connect(f"file:{quote(self.filename)}?mode={mode}", uri=True).close()

    def _open_beside(self, **pragmas: Any) -> sqlite3.Connection:
        """One more connection to the file, for whatever thread; its transactions begin and end by statements."""
        uri = f"file:{quote(self.filename)}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            for name, value in pragmas.items():
                connection.execute(f"PRAGMA {name}={value}")
        except BaseException:
            connection.close()
            raise
        return connection


class _Reader(_Connection):
    """The connection that reads, in a thread; and beside it one for what is read sooner than a thread is told."""

    def __init__(self, file_path: str, *, create: bool, **pragmas: Any) -> None:
        super().__init__(file_path, create=create, **pragmas, query_only=1)
        self._peephole: sqlite3.Connection | None = None

    async def create_connection(self, with_db: bool) -> None:
        await super().create_connection(with_db)
        try:
            # Not in a thread: who is cancelled meanwhile would leave an open file to nobody. It was opened just now.
            self._peephole = self._open_beside(busy_timeout=0, query_only=1)
        except BaseException:
            # With half of it open, whoever comes next would go the long way for ever.
            await super().close()
            raise

    def peek(self, query: str, values: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any] | None:
        """The rows of a SELECT that touches a handful of pages; nothing bounds it.

        None, and the thread's turn, where it would wait: before the file is open, and while it is locked.
        """
        if self._peephole is None:
            return None
        try:
            return self._peephole.execute(query, values).fetchall()
        except sqlite3.Error:
            return None

    async def close(self) -> None:
        peephole, self._peephole = self._peephole, None
        if peephole is not None:
            peephole.close()
        await super().close()


class WalClient(_Connection):
    """The connection that writes, and beside it one that reads: the log lets both work at once.

    `create` makes the file when it is not there.
    """

    def __init__(self, file_path: str, *, create: bool = False, **pragmas: Any) -> None:
        super().__init__(file_path, create=create, **pragmas)
        self._reader = _Reader(file_path, create=create, **pragmas)
        self._units = sqlite_units.Units(self._open_for_units, self.acquire_connection)

    def _in_transaction(self) -> TransactionContext:
        return SqliteTransactionContext(_ImmediateTransaction(self), self._lock)

    async def execute_query_dict(self, query: str, values: _Values = None) -> list[dict[str, Any]]:
        if query.lstrip().startswith("SELECT"):
            return await self._reader.execute_query_dict(query, values)  # type: ignore[no-any-return]
        return await super().execute_query_dict(query, values)  # type: ignore[no-any-return]

    async def execute_query(self, query: str, values: _Values = None) -> tuple[int, Sequence[Any]]:
        if query.lstrip().startswith("SELECT"):
            return await self._reader.execute_query(query, values)  # type: ignore[no-any-return]
        return await super().execute_query(query, values)  # type: ignore[no-any-return]

    def peek(self, query: str, values: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any] | None:
        return self._reader.peek(query, values)

    async def unit(self, statements: Sequence[str], values: Mapping[str, object]) -> list[sqlite3.Row]:
        """See `Units.store`."""
        rows: list[sqlite3.Row] = await self._units.store(statements, values)
        return rows

    def _open_for_units(self) -> sqlite3.Connection:
        connection = self._open_beside(**self.pragmas)
        connection.row_factory = sqlite3.Row
        return connection

    async def close(self) -> None:
        await self._units.close()
        await self._reader.close()
        await super().close()


client_class = WalClient
