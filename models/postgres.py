"""Tortoise's asyncpg client with every wait bounded, and connections of their own for the busiest reads."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import PoolConnectionWrapper

from models.errors import DatabaseUnavailable
from models.transactions import Transaction

T = TypeVar("T")

# How long a statement waits for its turn when all connections are busy; a new connection takes `timeout` at the most.
ACQUIRE_SECONDS: Final = 1.0
# How long a statement that took too long waits for the server to confirm that it has stopped; then its connection is
# closed. With `command_timeout` and the wait above, a server that does not respond is given up within three seconds.
RELEASE_SECONDS: Final = 0.4
TRANSACTION_SECONDS: Final = 5.0


class _Acquired(PoolConnectionWrapper[Any]):
    """A connection of the pool, released at the end."""

    async def __aenter__(self) -> Any:
        client: Any = self.client
        self.connection = await client.acquire()
        return self.connection

    async def __aexit__(self, *_exception: object) -> None:
        client: Any = self.client
        await client.release(self.connection)


class BoundedClient(AsyncpgDBClient):
    """PostgreSQL that responds in time or not at all: a frozen server must not freeze this one.

    Seconds; each may be set in the database URL's query, e.g. `?maxsize=20&command_timeout=2`. Of Tortoise's private
    names this uses `_pool` and `_pool_init_lock`, for Tortoise waits for its pool without a limit.
    """

    def __init__(self, **parameters: Any) -> None:
        for name, default in (("timeout", 1.0), ("command_timeout", 1.5)):
            parameters[name] = float(parameters.get(name, default))
        # None at least: asyncpg would go on trying to reach a server that is away, with a traceback each time.
        for name, size in (("minsize", 0), ("maxsize", 10)):
            parameters.setdefault(name, size)
        super().__init__(**parameters)
        self._turns = asyncio.Semaphore(int(parameters["maxsize"]))
        self.waiting = 0
        self._readers = _PreparedReads(self)

    async def create_pool(self, **parameters: Any) -> asyncpg.Pool:
        # Statements of this server leave nothing behind on a connection, so that a reset would be a round trip for
        # nothing; asyncpg itself still rolls back what a transaction left open. A server that takes no writes, such as
        # an old primary after a fail-over, is none.
        parameters.setdefault("target_session_attrs", "read-write")
        return await asyncpg.create_pool(None, reset=_no_reset, **parameters)

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        return _Acquired(self, self._pool_init_lock)

    async def acquire(self) -> Any:
        """A connection of the pool, first come first served: asyncpg's own pool lets later ones overtake.

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
            if self._pool is None:
                await self._open_pool()
            return await self._pool.acquire()  # type: ignore[union-attr]  # `timeout` bounds a new connection
        except TimeoutError as error:
            self._turns.release()
            raise DatabaseUnavailable(type(error).__name__) from None
        except BaseException:
            self._turns.release()
            raise

    async def _open_pool(self) -> None:
        async with asyncio.timeout(ACQUIRE_SECONDS):
            await self._pool_init_lock.acquire()
        try:
            if self._pool is None:
                await self.create_connection(with_db=True)
        finally:
            self._pool_init_lock.release()

    async def release(self, connection: Any) -> None:
        """Returns a connection to its pool; one with a statement in flight is waited for, or closed."""
        try:
            await self._pool.release(connection, timeout=RELEASE_SECONDS)  # type: ignore[union-attr]
        finally:
            self._turns.release()

    async def expire(self) -> None:
        """Has every connection replaced before it is used again."""
        if self._pool is not None:
            await self._pool.expire_connections()
        self._readers.close()

    async def read(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT, prepared once on one of a few connections that run nothing else.

        A prepared statement through the pool costs twice the CPU (`tests/benchmarks/lookups.py`).
        """
        return await self._readers.fetch(sql, *values)

    async def transaction(self, transaction: Transaction[T]) -> T:
        """What a transaction returns, committed. The caller shields it: it ends within `TRANSACTION_SECONDS`.

        READ COMMITTED, whatever the server's default: a statement that waited for another login's row sees all that
        that login has stored.
        """
        async with asyncio.timeout(TRANSACTION_SECONDS):
            connection = await self.acquire()
            try:
                await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                try:
                    result = await _run(connection, transaction)
                    await connection.execute("COMMIT")
                except BaseException:
                    await _roll_back(connection)
                    raise
            finally:
                await self.release(connection)
        return result

    async def close(self) -> None:
        await self._readers.close_gracefully()
        await super().close()

    async def connect(self) -> asyncpg.Connection:
        """A connection beside the pool; its caller closes it."""
        return await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.database,
            server_settings=self._settings(),
            **{name: value for name, value in self.extra.items() if name != "reset"},
        )

    def _settings(self) -> dict[str, str]:
        named = {"search_path": self.schema, "application_name": self.application_name}
        return {**self.server_settings, **{name: value for name, value in named.items() if value}}


async def _run(connection: Any, transaction: Transaction[T]) -> T:
    steps = transaction()
    try:
        sql, values = next(steps)
        while True:
            sql, values = steps.send(await connection.fetch(sql, *values))
    except StopIteration as end:
        result: T = end.value
        return result


async def _roll_back(connection: Any) -> None:
    with contextlib.suppress(Exception):
        if not connection.is_closed():
            await connection.execute("ROLLBACK", timeout=RELEASE_SECONDS)
            return
    connection.terminate()


class _PreparedReads:
    """SELECTs, each prepared once on every connection that runs it. Opens as many connections as are used at once."""

    def __init__(self, client: BoundedClient) -> None:
        self._client = client
        self._idle: list[_Reader] = []
        # Transaction-mode poolers, which the URL says by this, keep no prepared statements.
        self._prepares = int(client.extra.get("statement_cache_size", 1)) > 0
        self._generation = 0

    async def fetch(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        while self._idle:
            reader = self._idle.pop()
            if not reader.connection.is_closed():
                break
        else:
            return await self._fetch(await self._open(), sql, values)
        try:
            return await self._fetch(reader, sql, values)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            # It broke while it was idle, or timed out (an OSError too): so may have all of them.
            self.close()
        return await self._fetch(await self._open(), sql, values)

    async def _open(self) -> "_Reader":
        try:
            return _Reader(await self._client.connect(), self._generation)
        except TimeoutError as error:
            raise DatabaseUnavailable(type(error).__name__) from None

    async def _fetch(self, reader: "_Reader", sql: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        try:
            if not self._prepares:
                rows = await reader.connection.fetch(sql, *values)
            else:
                statement = reader.statements.get(sql)
                if statement is None:
                    statement = reader.statements[sql] = await reader.connection.prepare(sql)
                rows = await statement.fetch(*values)
        except BaseException:
            reader.connection.terminate()
            raise
        if reader.generation == self._generation:
            self._idle.append(reader)
        else:
            reader.connection.terminate()
        return rows  # type: ignore[no-any-return]

    def close(self) -> None:
        """Closes what is idle, and has what is busy closed when it is done."""
        self._generation += 1
        while self._idle:
            self._idle.pop().connection.terminate()

    async def close_gracefully(self) -> None:
        """The same, with a goodbye to the server."""
        self._generation += 1
        while self._idle:
            with contextlib.suppress(Exception):
                await self._idle.pop().connection.close(timeout=RELEASE_SECONDS)


class _Reader:
    __slots__ = ("connection", "generation", "statements")

    def __init__(self, connection: asyncpg.Connection, generation: int) -> None:
        self.connection = connection
        self.generation = generation
        self.statements: dict[str, Any] = {}


async def _no_reset(_connection: object) -> None:
    pass


client_class = BoundedClient
