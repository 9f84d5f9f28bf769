"""Applies migrations, one process at a time, and knows which are missing."""

import asyncio
import contextlib
import fcntl
import pkgutil
from collections.abc import AsyncIterator, Callable, Set
from pathlib import Path
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor

from models import migrations
from models.database import RAISED_BY_DRIVERS, Database, translated
from models.errors import DatabaseAhead, DatabaseBehind, DatabaseUnavailable
from models.url import ALIAS, tortoise_config

# Any constant that no other program on the same PostgreSQL uses: "wxgate" in ASCII.
_ADVISORY_LOCK: Final = 0x777867617465
_LOCK_WAIT_SECONDS: Final = 60.0
# To fill a table or an index from all rows of a big one takes minutes. Only a server that hangs takes longer.
_STEP_SECONDS: Final = 3600.0
_LOOKS: Final = 600
_TOO_LONG: Final = "waited 60 s for another migration"


async def missing_migrations(database: Database) -> list[str]:
    """The migrations that the database lacks, in order; none when it is up to date.

    Raises `DatabaseAhead` when it has one that this version does not know, and `DatabaseError`.
    """
    return _missing(await _applied(database))


async def newest_applied(database: Database) -> str | None:
    """The last migration that the database has, be it of a later version; None if it has none.

    Raises `DatabaseError`.
    """
    return max(await _applied(database), default=None)


async def _applied(database: Database) -> Set[str]:
    try:
        rows = await database.fetch("SELECT name FROM tortoise_migrations WHERE app = 'models'")
    except DatabaseBehind:
        rows = []
    return {row["name"] for row in rows}


def _missing(applied: Set[str]) -> list[str]:
    known = sorted(name for _, name, _ in pkgutil.iter_modules(migrations.__path__))
    if applied - {*known}:
        raise DatabaseAhead(", ".join(sorted(applied - {*known})))
    return [name for name in known if name not in applied]


async def migrate(url: str, *, report: Callable[[str], None] = lambda _name: None) -> list[str]:
    """Applies what is missing and returns its names; `report` is called with each name before it runs.

    Tortoise takes no lock of its own, and replicas that start together would run the same step twice: PostgreSQL's
    advisory lock, or a lock on a file beside SQLite's, lets one process work while the others wait up to a minute.
    Raises `DatabaseAhead` when a later version has migrated it, and `DatabaseError`.
    """
    async with _executor(url) as executor, _alone(executor.connection):
        _missing({key.name for key in await executor.recorder.applied_migrations() if key.app_label == "models"})
        pending = [step.migration.name for step in await executor.plan()]

        def progress(event: str, _app: str, name: str) -> None:
            if event == "apply_start":
                report(name)

        if pending:
            await executor.migrate(direction="forward", progress=progress)
        return pending


@contextlib.asynccontextmanager
async def _executor(url: str) -> AsyncIterator[MigrationExecutor]:
    config = tortoise_config(url, create=True)
    connection = config["connections"][ALIAS]
    if connection["engine"].endswith("postgres"):
        # One connection holds the lock while another works.
        connection["credentials"] |= {"minsize": 1, "maxsize": 2, "command_timeout": _STEP_SECONDS}
    try:
        async with TortoiseContext() as context:
            await context.init(config=config)
            client = context.connections.get(ALIAS)
            # Tortoise takes a database that it cannot reach for one without migrations: ask first.
            async with asyncio.timeout(_LOCK_WAIT_SECONDS):
                await client.execute_query("SELECT 1")
            yield MigrationExecutor(client, config["apps"])
    except RAISED_BY_DRIVERS as error:
        raise translated(error) from None


@contextlib.asynccontextmanager
async def _alone(client: BaseDBAsyncClient) -> AsyncIterator[None]:
    path = getattr(client, "filename", None)
    if path is None:
        # Held by a transaction, for a pooler may run what comes after it elsewhere. One that waits holds no connection,
        # or a few of them would take all that the pooler has.
        async with client.acquire_connection() as connection:
            for _ in range(_LOOKS):
                async with connection.transaction():
                    if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _ADVISORY_LOCK):
                        yield
                        return
                await asyncio.sleep(_LOCK_WAIT_SECONDS / _LOOKS)
        raise DatabaseUnavailable(_TOO_LONG)
    with Path(f"{path}.lock").open("w") as file:  # noqa: ASYNC230 - nothing else runs in a process that migrates
        for _ in range(_LOOKS):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(_LOCK_WAIT_SECONDS / _LOOKS)
        else:
            raise DatabaseUnavailable(_TOO_LONG)
        yield
