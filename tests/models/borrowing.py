"""A connection of the pool, for tests that hold one or do what no statement of the server does."""

from typing import Any

from tortoise.connection import get_connections

from models.database import Database
from models.url import ALIAS


def raw(database: Database) -> Any:
    """The connection to PostgreSQL itself, as Tortoise lends it; an async context manager."""
    assert database.dialect == "postgres"
    return get_connections().get(ALIAS).acquire_connection()
