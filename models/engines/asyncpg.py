"""Tortoise's asyncpg client with every wait bounded."""

from typing import Any

from tortoise.backends.asyncpg.client import AsyncpgDBClient


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


client_class = BoundedClient
