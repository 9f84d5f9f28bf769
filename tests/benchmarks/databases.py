"""An empty database of a measurement's own, on PostgreSQL or SQLite."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.databases import new_postgres_url, postgres

DATABASES: Final = ("postgres", "sqlite")


@contextlib.contextmanager
def new_database(kind: str, directory: Path) -> Iterator[str]:
    """Its URL; SQLite's file lies in the directory, PostgreSQL runs until the block ends."""
    if kind == "sqlite":
        yield f"sqlite://{directory / 'wxgate.db'}"
    else:
        with postgres() as socket_directory:
            yield new_postgres_url(socket_directory)
