"""Seeded databases on PostgreSQL and SQLite, in a directory that may be kept from run to run."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from tests.benchmarks.throughput import cores
from tests.benchmarks.throughput.seed import Seeded, forget_passers_by, seed
from tests.databases import postgres_in

# Sessions end after a week without a request.
_USABLE_SECONDS: Final = 5 * 86_400
# Seeding may take its time where a request may not.
_PATIENCE: Final = "command_timeout=120"


@contextlib.contextmanager
def opened(kind: str, directory: Path) -> Iterator["KeptDatabases"]:
    """The databases of one kind; PostgreSQL runs until the block ends, as it comes, with every commit on the disk."""
    if kind == "sqlite":
        yield KeptDatabases(directory, None)
    else:
        with cores.on(cores.LOAD), postgres_in(directory / "postgres") as socket_directory:
            yield KeptDatabases(directory, socket_directory)


class KeptDatabases:
    """One database for each number of sessions."""

    def __init__(self, directory: Path, socket_directory: str | None) -> None:
        self._directory = directory
        self._socket_directory = socket_directory

    def seeded(self, sessions: int) -> tuple[str, list[Seeded]]:
        """A database's URL and some of its people: as an earlier run left it, or filled now."""
        kind = "sqlite" if self._socket_directory is None else "postgres"
        note = self._directory / f"{kind}-{sessions}.json"
        url = self._url(sessions)
        patient = url if self._socket_directory is None else f"{url}&{_PATIENCE}"
        with cores.on(cores.ALL):
            if note.exists() and time.time() - note.stat().st_mtime < _USABLE_SECONDS:
                asyncio.run(forget_passers_by(patient))
                return url, [Seeded(**person) for person in json.loads(note.read_text("utf-8"))]
            note.unlink(missing_ok=True)
            self._empty(sessions)
            people = asyncio.run(seed(patient, sessions))
        note.write_text(json.dumps([asdict(person) for person in people]), "utf-8")
        return url, people

    def _url(self, sessions: int) -> str:
        if self._socket_directory is None:
            return f"sqlite://{self._file(sessions)}"
        return f"postgres://postgres@/sessions{sessions}?host={quote(self._socket_directory, safe='')}"

    def _file(self, sessions: int) -> Path:
        return self._directory / f"sessions{sessions}.db"

    def _empty(self, sessions: int) -> None:
        if self._socket_directory is None:
            for suffix in ("", "-wal", "-shm", ".lock"):
                Path(f"{self._file(sessions)}{suffix}").unlink(missing_ok=True)
        else:
            asyncio.run(_recreate(self._socket_directory, f"sessions{sessions}"))


async def _recreate(socket_directory: str, database: str) -> None:
    connection = await asyncpg.connect(host=socket_directory, user="postgres", database="postgres")
    await connection.execute(f"DROP DATABASE IF EXISTS {database}")
    await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()
