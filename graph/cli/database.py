"""What a command does in the database of the settings."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from graph.settings import Settings
from models.database import Database

Result = TypeVar("Result")


def in_database(work: Callable[[Database], Coroutine[Any, Any, Result]]) -> Result:
    """Runs it in an event loop of its own. Raises `SettingsError` and `DatabaseError`."""
    url = Settings.load("database").database.url.get_secret_value()

    async def run() -> Result:
        async with Database(url) as database:
            return await work(database)

    return asyncio.run(run())
