"""Stores what takes several statements on SQLite: each unit whole or not at all, and those that meet by one commit.

A turn of a thread for each statement and a commit for each unit would cost several times what the statements do.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

# How long whoever writes waits for its turn in this process, where each before it may have waited for another process.
TURN_SECONDS: Final = 4.0

_MOST_TOGETHER: Final = 64
# Seconds that closing waits for what is being stored.
_CLOSING: Final = 5

_Rows = list[sqlite3.Row]


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    statements: Sequence[str]
    values: Mapping[str, object]
    stored: asyncio.Future[_Rows]


class Units:
    """Those of one database. `connect` opens it; who has entered `turn` is the only one in this process that writes."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], turn: Callable[[], AbstractAsyncContextManager[Any]]
    ) -> None:
        self._connect = connect
        self._turn = turn
        self._waiting: list[_Unit] = []
        self._work: asyncio.Task[None] | None = None
        self._connection: sqlite3.Connection | None = None
        # Its own: those of the event loop may all be waiting for names to be looked up.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-units")

    async def store(self, statements: Sequence[str], values: Mapping[str, object]) -> _Rows:
        """The rows of the last statement; all share `values`, by the names of their placeholders.

        A cancelled caller leaves, and interrupts nothing.

        Raises what `connect`, `turn` and the driver raise, and `TimeoutError` when others take too long.
        """
        loop = asyncio.get_running_loop()
        unit = _Unit(statements, values, loop.create_future())
        self._waiting.append(unit)
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._store_all())
        late = loop.call_later(TURN_SECONDS, self._give_up, unit)
        try:
            return await unit.stored
        finally:
            late.cancel()

    async def close(self) -> None:
        """Lets what is under way end, then closes the file."""
        work, self._work = self._work, None
        if work is not None:
            await asyncio.wait([work], timeout=_CLOSING)
            # By the thread, behind whatever it may still be doing.
            closed = asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
            self._thread.shutdown(wait=False)
            await asyncio.wait([closed], timeout=_CLOSING)

    def _give_up(self, unit: _Unit) -> None:
        if unit in self._waiting:
            self._waiting.remove(unit)
            unit.stored.set_exception(TimeoutError())

    async def _store_all(self) -> None:
        units: list[_Unit] = []
        try:
            while self._waiting:
                units, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
                await self._store(units)
        finally:
            # None is left unless the event loop ends.
            left, self._waiting = [*units, *self._waiting], []
            for unit in left:
                unit.stored.cancel()

    async def _store(self, units: Sequence[_Unit]) -> None:
        outcomes: Sequence[_Rows | Exception]
        try:
            async with self._turn():
                loop = asyncio.get_running_loop()
                outcomes = await loop.run_in_executor(self._thread, self._commit, units)
        except Exception as error:
            outcomes = [error] * len(units)
        for unit, outcome in zip(units, outcomes, strict=True):
            if unit.stored.done():
                continue  # whoever asked has left
            if isinstance(outcome, Exception):
                unit.stored.set_exception(outcome)
            else:
                unit.stored.set_result(outcome)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _commit(self, units: Sequence[_Unit]) -> list[_Rows | Exception]:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        # Takes the write lock, so that nobody writes between what a unit reads and what it writes.
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes: list[_Rows | Exception] = [_rows(connection, unit) for unit in units]
            connection.execute("COMMIT")
        except Exception as error:
            connection.rollback()
            return [error] if len(units) == 1 else self._commit_each(units)
        return outcomes

    def _commit_each(self, units: Sequence[_Unit]) -> list[_Rows | Exception]:
        """One of them spoils it for all; none does when each is by itself."""
        outcomes: list[_Rows | Exception] = []
        for unit in units:
            try:
                outcomes += self._commit([unit])
            except Exception as error:
                # The file is locked by now, and must not be waited for again and again.
                return outcomes + [error] * (len(units) - len(outcomes))
        return outcomes


def _rows(connection: sqlite3.Connection, unit: _Unit) -> _Rows:
    rows: _Rows = []
    for statement in unit.statements:
        rows = connection.execute(statement, unit.values).fetchall()
    return rows
