"""Tortoise's asyncpg client with every wait bounded."""

# ruff: noqa: SLF001 - Tortoise's own attributes

import asyncio
from typing import Any, Final

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import PoolConnectionWrapper

# How long a statement waits for its turn when all connections are busy; a new connection takes `timeout` at the most.
ACQUIRE_SECONDS: Final = 1.0
# How long one that took too long waits for the server to say that it has stopped; then its connection is closed.
# With `command_timeout` and the wait above, whoever asks a server that says nothing knows it within three seconds.
RELEASE_SECONDS: Final = 0.4


async def _acquire(client: Any) -> Any:
    """A connection of the pool, or `TimeoutError`: Tortoise waits for its turn, and for the pool, without end.

    Whoever comes first is served first; asyncpg's pool would let newcomers pass those who wait.
    """
    if client.turns.locked():
        client.waiting += 1
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await client.turns.acquire()
        finally:
            client.waiting -= 1
    else:
        await client.turns.acquire()
    try:
        # There is one for everybody whose turn it is, if it can be made; `timeout` bounds that.
        return await (await _pool(client)).acquire()
    except BaseException:
        client.turns.release()
        raise


async def _pool(client: Any) -> asyncpg.Pool:
    if client._pool is None:
        async with asyncio.timeout(ACQUIRE_SECONDS):
            await client._pool_init_lock.acquire()
        try:
            if client._pool is None:
                await client.create_connection(with_db=True)
        finally:
            client._pool_init_lock.release()
    return client._pool


def _given_back(connection: Any) -> bool:
    """Whether a connection went back to its pool at once, as one does that its last statement left fit for the next.

    asyncpg's own way is a task, so that nobody's cancellation keeps a connection from being reset: here is nothing to
    reset or to wait for.
    """
    holder, inner = connection._holder, connection._con
    if (
        inner is None
        or inner.is_closed()
        or inner.is_in_transaction()
        or inner._listeners
        or inner._log_listeners
        or inner._protocol.queries_count >= holder._max_queries
        or holder._generation != holder._pool._generation
    ):
        return False
    inner._on_release()
    holder._timeout = None
    holder._release()
    holder._setup_inactive_callback()
    return True


async def _release(client: Any, connection: Any) -> None:
    try:
        await client._pool.release(connection, timeout=RELEASE_SECONDS)
    finally:
        client.turns.release()


class _Acquired(PoolConnectionWrapper[Any]):
    """A connection of the pool, given back at the end."""

    async def __aenter__(self) -> Any:
        self.connection = await _acquire(self.client)
        return self.connection

    async def __aexit__(self, kind: type[BaseException] | None, *_exception: object) -> None:
        client: Any = self.client
        if kind is None and _given_back(self.connection):
            client.turns.release()
        else:
            await _release(client, self.connection)


class BoundedClient(AsyncpgDBClient):
    """PostgreSQL that answers in time or not at all: a frozen server must not freeze this one.

    Seconds; each may be set in the database URL's query, e.g. `?maxsize=20&command_timeout=2`. Transactions, which only
    migrations open, wait for no turn.
    """

    def __init__(self, **parameters: Any) -> None:
        for name, default in (("timeout", 1.0), ("command_timeout", 1.5)):
            parameters[name] = float(parameters.get(name, default))
        # None at least: asyncpg would go on trying to reach a server that is away, with a traceback each time.
        for name, size in (("minsize", 0), ("maxsize", 10)):
            parameters.setdefault(name, size)
        super().__init__(**parameters)
        self.turns = asyncio.Semaphore(int(parameters["maxsize"]))
        # Whoever waits for a turn.
        self.waiting = 0

    async def create_pool(self, **parameters: Any) -> asyncpg.Pool:
        # Statements of this server leave nothing behind on a connection, so that a reset would be a round trip for
        # nothing; asyncpg itself still rolls back what a transaction left open.
        return await asyncpg.create_pool(None, reset=_as_it_is, **parameters)

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        return _Acquired(self, self._pool_init_lock)


async def _as_it_is(_connection: object) -> None:
    pass


client_class = BoundedClient
