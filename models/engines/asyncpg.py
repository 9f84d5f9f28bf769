"""Tortoise's asyncpg client with every wait bounded, and no connection lost to a transaction that could not begin."""

from typing import Any

from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled


class _TransactionContext(TransactionContextPooled):
    """Gives its connection back to the pool when BEGIN fails or is cancelled."""

    async def __aenter__(self) -> TransactionalDBClient:
        try:
            return await super().__aenter__()
        except BaseException:
            if self.client._connection is not None:  # noqa: SLF001 - Tortoise's own attributes
                await self.client._parent._pool.release(self.client._connection)  # noqa: SLF001
            raise


class BoundedClient(AsyncpgDBClient):
    """PostgreSQL that answers in time or not at all: a frozen server must not freeze this one.

    Seconds; each may be set in the database URL's query, e.g. `?maxsize=20&command_timeout=2`.
    """

    def __init__(self, **parameters: Any) -> None:
        for name, default in (("timeout", 2.0), ("command_timeout", 3.0)):
            parameters[name] = float(parameters.get(name, default))
        for name, size in (("minsize", 1), ("maxsize", 10)):
            parameters.setdefault(name, size)
        super().__init__(**parameters)

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(TransactionWrapper(self), self._pool_init_lock)


client_class = BoundedClient
