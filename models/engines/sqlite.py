"""Tortoise's SQLite client, without the ways in which a failed or cancelled request could lock it for good.

Tortoise holds one lock around its one connection. As shipped, that lock is never released when opening the file fails
or when a task is cancelled while its transaction begins; and its transactions begin DEFERRED, so that two processes
which read first and write later fail with "database is locked" without waiting.
"""

import asyncio
import contextlib
import sqlite3
from typing import Any

from tortoise.backends.base.client import ConnectionWrapper, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections


class _Held(ConnectionWrapper[Any]):
    """The connection under its lock; gives the lock back when the file cannot be opened."""

    async def __aenter__(self) -> Any:
        await self._lock.acquire()
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


class _TransactionContext(SqliteTransactionContext):
    """Begins and ends a transaction so that neither an error nor a cancellation keeps the lock."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            return await self._begin()
        except BaseException:
            self._trxlock.release()
            raise

    async def _begin(self) -> TransactionalDBClient:
        # The lock is held, so nobody else can be opening the file.
        await self.ensure_connection()
        try:
            await self.connection.begin()
        except asyncio.CancelledError:
            # The worker thread runs statements in order: BEGIN may still be coming, and this ROLLBACK follows it.
            with contextlib.suppress(sqlite3.Error):
                await asyncio.shield(self.connection.rollback())
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return self.connection  # type: ignore[no-any-return]


def _try_to_open(filename: str) -> None:
    sqlite3.connect(filename).close()


class WalClient(SqliteClient):
    """SQLite for a server: write-ahead log, bounded waiting, foreign keys enforced."""

    def __init__(self, file_path: str, **pragmas: Any) -> None:
        # First of all the time-out: switching the journal mode already needs a lock that another process may hold.
        settings = {"busy_timeout": 2000, "synchronous": "NORMAL", "temp_store": "MEMORY"} | pragmas
        super().__init__(file_path, **settings)

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        return _Held(self._lock, self)

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(_ImmediateTransaction(self), self._lock)

    async def create_connection(self, with_db: bool) -> None:
        # When aiosqlite cannot open the file, its thread may outlive the event loop and print a traceback: try first.
        await asyncio.to_thread(_try_to_open, self.filename)
        try:
            await super().create_connection(with_db)
        except BaseException:
            # A connection that was opened but not configured has a thread of its own, which would outlive the server.
            await self.close()
            raise


client_class = WalClient
