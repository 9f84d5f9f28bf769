"""Two transactions on PostgreSQL, switched between at a statement: as no test of chance would meet them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from models.database import Database, Transaction
from models.errors import Conflict
from tests.models.borrowing import raw

# On SQLite transactions run one after the other.
on_patient_postgres = pytest.mark.parametrize("tables_url", ["patient postgres"], indirect=True)


class Driven:
    """A transaction on a connection of its own, which goes on step by step."""

    def __init__(self, connection: asyncpg.Connection, transaction: Transaction[Any]) -> None:
        self._connection = connection
        self._steps = transaction()
        self._rows: Any = None
        self.is_over = False
        self.result: Any = None

    async def advance(self) -> None:
        """Runs the next statement, if there is one."""
        try:
            sql, values = self._steps.send(self._rows)
        except StopIteration as end:
            self.is_over, self.result = True, end.value
        else:
            self._rows = await self._connection.fetch(sql, *values)


async def outcomes(database: Database, first: Transaction[Any], statements: int, second: Transaction[Any]) -> list[Any]:
    """What two transactions return, of which the second begins after some statements of the first.

    The first goes on when the second has ended or waits for it. None where the first has no more statements.
    """
    async with raw(database) as connection:
        driven = Driven(connection, first)
        transaction = connection.transaction()
        await transaction.start()
        for _ in range(statements):
            await driven.advance()
        if driven.is_over:
            await transaction.rollback()
            return []
        other = asyncio.create_task(database.transaction(second))
        while not (other.done() or await database.fetch("SELECT 1 AS one FROM pg_locks WHERE NOT granted")):  # noqa: ASYNC110
            await asyncio.sleep(0)
        try:
            while not driven.is_over:
                await driven.advance()
        except (Conflict, asyncpg.DeadlockDetectedError):
            await transaction.rollback()
            result = await database.transaction(first)
        else:
            await transaction.commit()
            result = driven.result
    return [result, await other]


async def every_meeting(
    database: Database,
    prepare: Callable[[Database], Awaitable[object]],
    one: Transaction[Any],
    another: Transaction[Any],
) -> AsyncIterator[list[Any]]:
    """What both return, in their order, each time that one of them began after some statements of the other.

    Each time the database is as `prepare` leaves it.
    """
    for first, second in ((one, another), (another, one)):
        statements = 0
        while True:
            await prepare(database)
            returned = await outcomes(database, first, statements, second)
            if not returned:
                break
            yield returned if first is one else returned[::-1]
            statements += 1
        assert statements > 1, "they never met"
