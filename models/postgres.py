"""Tortoise's asyncpg client over connections of its own: every wait is bounded, and statements stay prepared.

asyncpg's pool lets later callers overtake, waits without a limit where Tortoise opens it, and forgets what was prepared
on a connection as soon as it is returned: a lookup through it costs three times the CPU
(`tests/benchmarks/lookups.py`). Only transactions of Tortoise's use it, which migrations are.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, TypeVar

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import PoolConnectionWrapper

from models.database import Transaction
from models.errors import DatabaseUnavailable, UnsupportedDatabase

T = TypeVar("T")

# Seconds that a statement waits for its turn when all connections are busy.
ACQUIRE_SECONDS: Final = 1.0
# How long one that took too long waits for the server to confirm that it has stopped. With the wait above and the
# time-outs of `url.py`, a server that does not respond is given up within three seconds.
CLOSE_SECONDS: Final = 0.4
TRANSACTION_SECONDS: Final = 5.0
# Less than what firewalls and load balancers commonly let a silent connection live.
IDLE_SECONDS: Final = 300.0


class Connection:
    """A connection to PostgreSQL, and what is prepared on it. `generation` counts how often all were replaced."""

    __slots__ = ("asyncpg", "generation", "idle_since", "prepared", "prepares")

    def __init__(self, connection: asyncpg.Connection, generation: int, *, prepares: bool) -> None:
        self.asyncpg = connection
        self.generation = generation
        self.idle_since = 0.0
        self.prepares = prepares
        self.prepared: dict[str, Any] = {}

    async def fetch(self, sql: str, values: Sequence[object]) -> Sequence[Any]:
        """The rows of a statement, one of the few whose text is always the same."""
        if not self.prepares:
            return await self.asyncpg.fetch(sql, *values)  # type: ignore[no-any-return]
        statement = self.prepared.get(sql)
        if statement is None:
            statement = self.prepared[sql] = await self.asyncpg.prepare(sql)
        return await statement.fetch(*values)  # type: ignore[no-any-return]


class PostgresClient(AsyncpgDBClient):
    """PostgreSQL that responds in time or not at all: a frozen server must not freeze this one.

    `maxsize` statements and transactions are at work at once, first come first served; `read` waits for none of them.
    Connections are opened when they are needed, and closed after `IDLE_SECONDS` unless that leaves less than `minsize`.
    Of several `hosts`, each with its port, they are opened to one that takes writes.
    """

    def __init__(self, *, hosts: Sequence[tuple[str | None, int]] = (), **parameters: Any) -> None:
        super().__init__(**parameters)
        self._hosts = deque(hosts or [(self.host, self.port)])
        self._turns = asyncio.Semaphore(self.pool_maxsize)
        # The one that was used last is used next, so that those which are not needed grow old.
        self._idle: list[Connection] = []
        self._generation = 0
        # Transaction-mode poolers, which the URL says by this, keep no prepared statements.
        self._prepares = int(self.extra.get("statement_cache_size", 1)) > 0
        self.busy = 0
        self.waiting = 0

    @property
    def idle(self) -> int:
        """How many connections are open and unused."""
        return len(self._idle)

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        return _Acquired(self)

    async def acquire(self) -> Connection:
        """A connection, which `release` takes back.

        Raises `DatabaseUnavailable` when its turn does not come in time, and what the driver raises.
        """
        if self._turns.locked():
            self.waiting += 1
            try:
                async with asyncio.timeout(ACQUIRE_SECONDS):
                    await self._turns.acquire()
            except TimeoutError as error:
                raise DatabaseUnavailable(type(error).__name__) from None
            finally:
                self.waiting -= 1
        else:
            await self._turns.acquire()
        try:
            return await self._take()
        except BaseException:
            self._turns.release()
            raise

    async def release(self, connection: Connection, error: BaseException | None = None) -> None:
        """Keeps a connection for the next statement, or closes it if `error` says, or it is seen, to be of no use."""
        try:
            await self._give_back(connection, error)
        finally:
            self._turns.release()

    async def read(self, sql: str, *values: object) -> Sequence[Any]:
        """The rows of one of the few busiest SELECTs, ahead of everything that waits."""
        connection = await self._take()
        try:
            rows = await connection.fetch(sql, values)
        except BaseException as error:
            await self._give_back(connection, error)
            raise
        await self._give_back(connection)
        return rows

    async def transaction(self, transaction: Transaction[T]) -> T:
        """What a transaction returns, committed. The caller shields it: it ends within `TRANSACTION_SECONDS`.

        READ COMMITTED, whatever the server's default: a statement that waited for another login's row sees all that
        that login has stored.
        """
        async with asyncio.timeout(TRANSACTION_SECONDS):
            connection = await self.acquire()
            try:
                await connection.asyncpg.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                result = await _run(connection, transaction)
                await connection.asyncpg.execute("COMMIT")
            except BaseException:
                await self.release(connection, await _roll_back(connection.asyncpg))
                raise
            await self.release(connection)
        return result

    def expire(self) -> None:
        """Has every connection replaced before it is used again."""
        self._generation += 1
        while self._idle:
            self._idle.pop().asyncpg.terminate()

    async def close(self) -> None:
        self._generation += 1
        while self._idle:
            await _close(self._idle.pop().asyncpg)
        await super().close()

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.asyncpg.is_closed():
                continue
            if connection.idle_since < time.monotonic() - IDLE_SECONDS:
                connection.asyncpg.terminate()
                continue
            self.busy += 1
            return connection
        opened = await self._open()
        if getattr(opened.get_settings(), "server_encoding", "UTF8") != "UTF8":
            opened.terminate()
            msg = "names a database whose encoding is not UTF8: it cannot hold all names, so make one with UTF8"
            raise UnsupportedDatabase(msg)
        self.busy += 1
        return Connection(opened, self._generation, prepares=self._prepares)

    async def _open(self) -> asyncpg.Connection:
        # One after the other and not by asyncpg's list of hosts, which has one timeout for all: a dead host uses it up.
        for host, port in tuple(self._hosts):
            try:
                return await asyncpg.connect(
                    host=host,
                    port=port,
                    user=self.user,
                    password=self.password,
                    database=self.database,
                    server_settings=self._settings(),
                    **self.extra,
                )
            except BaseException as error:
                if self._hosts[0] == (host, port):  # asked last from now on, also by migrations
                    self._hosts.rotate(-1)
                    self.host, self.port = self._hosts[0]
                if not isinstance(error, Exception):
                    raise
                failure = error
        if isinstance(failure, TimeoutError):  # not sent, so not worth a second try
            raise DatabaseUnavailable(type(failure).__name__) from None
        raise failure

    async def _give_back(self, connection: Connection, error: BaseException | None = None) -> None:
        self.busy -= 1
        driver = connection.asyncpg
        # What PostgreSQL refused, it has finished; anything else may still be on its way.
        finished = error is None or isinstance(error, asyncpg.PostgresError)
        if driver.is_closed():
            return
        if not finished or connection.generation != self._generation or driver.is_in_transaction():
            await _close(driver)
        else:
            connection.idle_since = now = time.monotonic()
            self._idle.append(connection)
            if self._idle[0].idle_since < now - IDLE_SECONDS and self.idle + self.busy > self.pool_minsize:
                self._idle.pop(0).asyncpg.terminate()

    def _settings(self) -> dict[str, str]:
        named = {"search_path": self.schema, "application_name": self.application_name}
        return {**self.server_settings, **{name: value for name, value in named.items() if value}}


class _Acquired(PoolConnectionWrapper[Any]):
    """A connection of ours as Tortoise borrows one."""

    __slots__ = ("_client", "_connection")

    def __init__(self, client: PostgresClient) -> None:
        self._client = client

    async def __aenter__(self) -> Any:
        self._connection = await self._client.acquire()
        return self._connection.asyncpg

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._client.release(self._connection, error)


async def _run(connection: Connection, transaction: Transaction[T]) -> T:
    steps = transaction()
    try:
        sql, values = next(steps)
        while True:
            sql, values = steps.send(await connection.fetch(sql, values))
    except StopIteration as end:
        result: T = end.value
        return result


async def _roll_back(connection: asyncpg.Connection) -> Exception | None:
    try:
        await connection.execute("ROLLBACK", timeout=CLOSE_SECONDS)
    except Exception as error:
        return error
    return None


async def _close(connection: asyncpg.Connection) -> None:
    """Waits for a statement in flight to stop; asyncpg cuts the connection when that takes too long."""
    with contextlib.suppress(Exception):
        await connection.close(timeout=CLOSE_SECONDS)


client_class = PostgresClient
