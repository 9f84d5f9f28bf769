"""Reads and changes what the server has stored, behind its back, as an operator or an accident would."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from graph.settings import Settings


async def run_sql(settings: Settings, statement: str) -> list[dict[str, Any]]:
    """The rows that a statement gives, over a connection of its own."""
    url = settings.database.url.get_secret_value()
    if url.startswith("sqlite://"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite://"), isolation_level=None)) as file:
            file.row_factory = sqlite3.Row
            file.execute("PRAGMA foreign_keys = ON")
            return [dict(row) for row in file.execute(statement)]
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def locked_sqlite(url: str) -> AsyncIterator[None]:
    """A file that can be read meanwhile, and not written."""
    path = url.removeprefix("sqlite://").partition("?")[0]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        yield


async def known_keys(settings: Settings) -> list[str]:
    """The ids of the keys that the database says it was written with."""
    return [row["id"] for row in await run_sql(settings, "SELECT id FROM encryption_keys ORDER BY id")]


async def sealed_with(settings: Settings) -> list[str]:
    """Which key seals each account's newest session_key."""
    rows = await run_sql(settings, "SELECT session_key FROM accounts ORDER BY id")
    return [row["session_key"].split(".")[1] for row in rows]


async def allow_connections(settings: Settings, socket_directory: str, *, allowed: bool) -> None:
    """Opens the server's PostgreSQL database to everybody, or closes it and throws out who is there."""
    database = settings.database.url.get_secret_value().partition("@/")[2].partition("?")[0]
    connection = await asyncpg.connect(host=socket_directory, user="postgres", database="postgres")
    try:
        await connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS {allowed}")
        if not allowed:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database
            )
    finally:
        await connection.close()


def wxgate(settings: Settings, *arguments: str) -> str:
    """What the command prints when an operator runs it beside the server."""
    keys = settings.encryption.keys
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WXGATE_")}
    environment |= {
        "WXGATE_DATABASE_URL": settings.database.url.get_secret_value(),
        "WXGATE_ENCRYPTION_KEYS": keys.get_secret_value() if keys else "",
    }
    done = subprocess.run(
        [sys.executable, "-m", "graph", *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout
