"""Which server keeps the database, for operators and their bug reports."""

from models.database import Database


async def server_version(database: Database) -> str:
    """Such as `PostgreSQL 17.2` or `SQLite 3.45.1`. Raises `DatabaseError`."""
    if database.dialect == "sqlite":
        [row] = await database.fetch("SELECT sqlite_version() AS version")
        return f"SQLite {row['version']}"
    [row] = await database.fetch("SELECT current_setting('server_version') AS version")
    # Distributions add their own name and revision in parentheses.
    return f"PostgreSQL {row['version'].split()[0]}"
