"""Tortoise's SQLite client, fit for a server: reads that never wait for a writer, and a lock that is never lost.

Tortoise holds one lock around its one connection. As shipped, a writer that waits for another process makes every
reader wait with it, and the lock stays taken for good when opening the file fails. Its transactions begin DEFERRED, so
that two processes which read first and write later fail with "database is locked" without waiting. The server's own
transactions run in `transaction_batcher.py`: only migrations open transactions of Tortoise's.
"""

import asyncio
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from tortoise.backends.base.client import ConnectionWrapper, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.exceptions import OperationalError

from models import transaction_batcher
from models.database import Transaction
from models.errors import DatabaseUnavailable
from models.transaction_batcher import TransactionBatcher

T = TypeVar("T")

# How long a statement waits for another process.
WAIT_MS: Final = 2000

# Tortoise's own statements have values by position, those of this package by name.
_Values = list[Any] | Mapping[str, Any] | None

NO_FILE: Final = "no such table: the database file does not exist"
READ_ONLY: Final = "the database file may not be written"


async def _acquire(lock: asyncio.Lock) -> None:
    try:
        async with asyncio.timeout(transaction_batcher.TURN_SECONDS):
            await lock.acquire()
    except TimeoutError as error:
        raise DatabaseUnavailable(type(error).__name__) from None


class _Held(ConnectionWrapper[Any]):
    """The connection under its lock; gives the lock back when the file cannot be opened."""

    client: "WalClient"

    async def __aenter__(self) -> Any:
        await _acquire(self._lock)
        try:
            if self.client.leave_replaced_file():
                await self.client.close_replaced_file()
            # Tortoise looked before it had the lock: another task may have opened it since.
            self.connection = self.client._connection  # noqa: SLF001 - Tortoise's own
            await self.ensure_connection()
        except BaseException:
            self._lock.release()
            raise
        return self.connection


class _ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that takes the write lock when it begins, waiting `busy_timeout` for it."""

    async def begin(self) -> None:
        await self._connection.execute("BEGIN IMMEDIATE")


class WalClient(SqliteClient):
    """A connection that writes, in a thread, and one that reads in the event loop: the log lets both work at once.

    `create` makes the file when it is not there.
    """

    def __init__(self, file_path: str, *, create: bool = False, **pragmas: Any) -> None:
        self._create = create
        # First of all the timeout: switching the journal mode already needs a lock that another process may hold.
        settings = {"busy_timeout": WAIT_MS, "synchronous": "NORMAL", "temp_store": "MEMORY"} | pragmas
        # What is deleted is overwritten, which not every build of SQLite does by itself, and logins take no longer.
        settings["secure_delete"] = "ON"
        super().__init__(file_path, **settings)
        self._reader: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._batcher = TransactionBatcher(self._open_for_transactions, self.acquire_connection)

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        return _Held(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return SqliteTransactionContext(_ImmediateTransaction(self), self._lock)

    async def create_connection(self, with_db: bool) -> None:
        # When aiosqlite cannot open the file, its thread may outlive the event loop and print a traceback: try first.
        await asyncio.to_thread(self._try_to_open)
        self._opened = self._identity()
        try:
            await super().create_connection(with_db)
            # Not in a thread: a caller cancelled meanwhile would leave the file open. It was opened just now.
            self._reader = self._open_beside(busy_timeout=0, query_only=1)
        except BaseException:
            # Half of it open: its thread would outlive the server.
            await super().close()
            raise

    def _try_to_open(self) -> None:
        path = Path(self.filename)
        if not self._create and path.parent.is_dir() and not path.exists():
            # A mistyped path must not become an empty database that looks like a healthy one.
            raise OperationalError(NO_FILE)
        mode = "rwc" if self._create else "rw"
        sqlite3.connect(f"file:{quote(self.filename)}?mode={mode}", uri=True).close()
        if not self._create and self._identity() is None:
            raise OperationalError(READ_ONLY)

    def _open_beside(self, **pragmas: Any) -> sqlite3.Connection:
        """One more connection to the file, for any thread; its transactions begin and end by statements."""
        uri = f"file:{quote(self.filename)}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        try:
            for name, value in pragmas.items():
                connection.execute(f"PRAGMA {name}={value}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_for_transactions(self) -> sqlite3.Connection:
        return self._open_beside(**self.pragmas)

    def read_now(self, query: str, values: _Values = None) -> Sequence[Any] | None:
        """The rows of a SELECT of a page or a few, read sooner than a thread is woken; nothing bounds it.

        None for other statements, and where it would wait: before the file is open, and while it is locked.
        """
        if self._reader is None or not query.lstrip().startswith("SELECT"):
            return None
        try:
            return self._reader.execute(query, values or ()).fetchall()
        except sqlite3.Error:
            return None

    async def execute_query_dict(self, query: str, values: _Values = None) -> list[dict[str, Any]]:
        rows = self.read_now(query, values)
        if rows is None:
            return await super().execute_query_dict(query, values)  # type: ignore[no-any-return]
        return [dict(row) for row in rows]

    async def execute_query(self, query: str, values: _Values = None) -> tuple[int, Sequence[Any]]:
        rows = self.read_now(query, values)
        if rows is None:
            return await super().execute_query(query, values)  # type: ignore[no-any-return]
        return len(rows), rows

    async def transaction(self, transaction: Transaction[T]) -> T:
        result: T = await self._batcher.run(transaction)
        return result

    def leave_replaced_file(self) -> bool:
        """Whether another file, or none that may be written, is where the one is that is open: then it is read no more.

        SQLite would go on with a file that has no name any more, and take logins that are lost with it. One that it may
        not write it opens for reading, and stays with that when it may.
        """
        replaced = self._opened is not None and self._identity() != self._opened
        if replaced and self._reader is not None:
            self._reader.close()
            self._reader = None
        return replaced

    def expire(self) -> None:
        """Has the file opened anew before it is used again, as one that was replaced."""
        self._opened = (0, 0)

    async def close_replaced_file(self) -> None:
        """For the holder of the lock: the next statement opens what then stands there."""
        self._batcher.disconnect()
        await super().close()
        self._opened = None

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = Path(self.filename).stat()
        except OSError:
            return None
        may_write = os.access(self.filename, os.W_OK, effective_ids=True)
        return (found.st_dev, found.st_ino) if may_write else None

    def backlog(self) -> float:
        """See `TransactionBatcher.backlog`."""
        return self._batcher.backlog()

    async def close(self) -> None:
        await self._batcher.close()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
        await super().close()


client_class = WalClient
