"""Runs transactions on SQLite in one thread: each whole or not at all, and those that meet by one commit.

A hop to the thread for each statement and a commit for each transaction would cost several times what statements do.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from models.database import Transaction, by_number
from models.errors import DatabaseUnavailable

# How long a writer waits for its turn in this process, where each before it may have waited for another process.
TURN_SECONDS: Final = 4.0

_LARGEST_BATCH: Final = 64
# Seconds that closing waits for what is being stored.
_CLOSE_SECONDS: Final = 5


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Pending:
    transaction: Transaction[Any]
    done: asyncio.Future[Any]
    since: float = field(default_factory=time.monotonic)


@dataclass(eq=False, repr=False)
class TransactionBatcher:
    """The writer of one database. `connect` opens it; `lock` is held by whichever part of this process writes."""

    connect: Callable[[], sqlite3.Connection]
    lock: Callable[[], AbstractAsyncContextManager[Any]]
    _pending: list[_Pending] = field(default_factory=list)
    _batch: list[_Pending] = field(default_factory=list)
    _work: asyncio.Task[None] | None = None
    _connection: sqlite3.Connection | None = None

    def __post_init__(self) -> None:
        # Its own: those of the event loop may all be waiting for names to be resolved.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-transactions")

    def backlog(self) -> float:
        """How long ago the oldest transaction that has not ended was handed in, in seconds."""
        oldest = next(iter(self._batch or self._pending), None)
        return 0.0 if oldest is None else time.monotonic() - oldest.since

    async def run(self, transaction: Transaction[Any]) -> Any:
        """What the transaction returns, committed. A cancelled caller leaves, and interrupts nothing.

        Raises what `connect`, `lock`, the driver and the transaction raise, and `DatabaseUnavailable` after
        `TURN_SECONDS` without a turn.
        """
        loop = asyncio.get_running_loop()
        pending = _Pending(transaction, loop.create_future())
        self._pending.append(pending)
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._run_all())
        late = loop.call_later(TURN_SECONDS, self._give_up, pending)
        try:
            return await pending.done
        finally:
            late.cancel()

    async def close(self) -> None:
        """Lets what is in flight end, then closes the file."""
        work, self._work = self._work, None
        if work is not None:
            await asyncio.wait([work], timeout=_CLOSE_SECONDS)
            # By the thread, behind whatever it may still be doing.
            closed = asyncio.get_running_loop().run_in_executor(self._thread, self.disconnect)
            self._thread.shutdown(wait=False)
            await asyncio.wait([closed], timeout=_CLOSE_SECONDS)

    def _give_up(self, pending: _Pending) -> None:
        if pending in self._pending:
            self._pending.remove(pending)
            pending.done.set_exception(DatabaseUnavailable("TimeoutError"))

    async def _run_all(self) -> None:
        try:
            while self._pending:
                async with self.lock():
                    self._batch, self._pending = self._pending[:_LARGEST_BATCH], self._pending[_LARGEST_BATCH:]
                    loop = asyncio.get_running_loop()
                    outcomes = await loop.run_in_executor(self._thread, self._outcomes, self._batch)
                for pending, outcome in zip(self._batch, outcomes, strict=True):
                    _settle(pending, outcome)
                self._batch = []
        except Exception as error:  # the lock's
            for pending in self._pending:
                _settle(pending, error)
        finally:
            # None waits any more unless the event loop ends.
            left, self._batch, self._pending = [*self._batch, *self._pending], [], []
            for pending in left:
                pending.done.cancel()

    def _outcomes(self, batch: Sequence[_Pending]) -> list[Any]:
        try:
            return self._commit(batch)
        except sqlite3.OperationalError as error:  # a locked file or a full disk, for all
            return [error] * len(batch)
        except Exception as error:
            if len(batch) == 1:
                return [error]
        # One of them fails and would undo all; no other does when each is by itself.
        outcomes: list[Any] = []
        for pending in batch:
            locked = outcomes and isinstance(outcomes[-1], sqlite3.OperationalError)  # not to be waited for again
            outcomes += outcomes[-1:] if locked else self._outcomes([pending])
        return outcomes

    def _commit(self, batch: Sequence[_Pending]) -> list[Any]:
        if self._connection is None:
            self._connection = self.connect()
        # Takes the write lock, so that no other process writes between what a transaction reads and what it writes.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [_run(self._connection, pending.transaction) for pending in batch]
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise
        return outcomes

    def disconnect(self) -> None:
        """Closes its connection, which the next transaction opens anew. Not while one is at work."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _settle(pending: _Pending, outcome: Any) -> None:
    if pending.done.done():
        return  # its caller has left
    if isinstance(outcome, Exception):
        pending.done.set_exception(outcome)
    else:
        pending.done.set_result(outcome)


def _run(connection: sqlite3.Connection, transaction: Transaction[Any]) -> Any:
    steps = transaction()
    try:
        sql, values = next(steps)
        while True:
            sql, values = steps.send(connection.execute(sql, by_number(values)).fetchall())
    except StopIteration as end:
        return end.value
