"""Databases as each earlier version left them, with a row in every table, brought up to the newest version."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from models.database import Database
from models.url import ALIAS, tortoise_config

# A column each: its table, its name, its type, the table that it refers to.
_COLUMNS: Final = {
    "sqlite": """
        SELECT m.name AS "table", c.name, c.type, f."table" AS parent
        FROM sqlite_master m JOIN pragma_table_info(m.name) c
        LEFT JOIN pragma_foreign_key_list(m.name) f ON f."from" = c.name
        WHERE m.type = 'table' AND m.name NOT IN ('tortoise_migrations', 'sqlite_sequence')
        ORDER BY m.name, c.cid""",
    "postgres": """
        SELECT r.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
          (SELECT confrelid::regclass::text FROM pg_constraint
           WHERE contype = 'f' AND conrelid = r.oid AND conkey = ARRAY[a.attnum]) AS parent
        FROM pg_class r JOIN pg_attribute a ON a.attrelid = r.oid
        WHERE r.relkind = 'r' AND r.relnamespace = 'public'::regnamespace AND r.relname <> 'tortoise_migrations'
          AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY r.relname, a.attnum""",
}
_NUMBERS: Final = ("SMALLINT", "INT", "INTEGER", "BIGINT")
_TEXTS: Final = ("VARCHAR", "CHARACTER VARYING", "TEXT")


@dataclass(frozen=True)
class Column:
    """Of an earlier schema; `parent` is the table whose `id` it holds."""

    name: str
    type: str
    size: int | None
    parent: str | None


Schema = Mapping[str, Sequence[Column]]
Rows = Mapping[str, Mapping[str, object]]


@asynccontextmanager
async def _executor(url: str, package: str) -> AsyncIterator[MigrationExecutor]:
    config = tortoise_config(url, create=True)
    config["apps"]["models"]["migrations"] = package
    if config["connections"][ALIAS]["engine"].endswith("postgres"):
        config["connections"][ALIAS]["credentials"]["timeout"] = 30.0  # as long as a busy machine may take
    async with TortoiseContext() as context:
        await context.init(config=config)
        yield MigrationExecutor(context.connections.get(ALIAS), config["apps"])


async def steps(url: str, package: str) -> list[str]:
    """The names of a package's migrations, in order; `url` is of an empty database."""
    async with _executor(url, package) as executor:
        return [step.migration.name for step in await executor.plan()]


async def apply(url: str, package: str, *, upto: str) -> None:
    """Migrates forward to a step."""
    async with _executor(url, package) as executor:
        await executor.migrate([MigrationTarget("models", upto)], direction="forward")


async def fill(url: str) -> Rows:
    """Gives every table one row, in which every column has a value that says where it belongs; and tells them."""
    async with Database(url) as database:
        schema = await _schema(database)
        rows = {table: {column.name: _value(table, column, schema) for column in schema[table]} for table in schema}
        for table in _parents_first(schema):
            places = ", ".join(f"${number}" for number in range(1, len(rows[table]) + 1))
            names = ", ".join(rows[table])
            await database.fetch(f"INSERT INTO {table} ({names}) VALUES ({places})", *rows[table].values())  # noqa: S608
    return rows


async def read(url: str, rows: Rows) -> dict[str, list[dict[str, object]]]:
    """What these tables hold now in these columns."""
    async with Database(url) as database:
        return {
            table: [dict(found) for found in await database.fetch(f"SELECT {', '.join(row)} FROM {table}")]  # noqa: S608
            for table, row in rows.items()
        }


async def _schema(database: Database) -> Schema:
    schema: dict[str, list[Column]] = {}
    for row in await database.fetch(_COLUMNS[database.dialect]):
        kind, _, size = row["type"].upper().rstrip(")").partition("(")
        column = Column(row["name"], kind, int(size) if size else None, row["parent"])
        schema.setdefault(row["table"], []).append(column)
    return schema


def _parents_first(schema: Schema) -> Iterator[str]:
    done: set[str] = set()
    while len(done) < len(schema):
        ready = [
            table
            for table, columns in schema.items()
            if table not in done and {column.parent for column in columns} <= done | {None}
        ]
        yield from ready
        done.update(ready)


def _value(table: str, column: Column, schema: Schema) -> object:
    if column.parent is not None:
        [referred] = [other for other in schema[column.parent] if other.name == "id"]
        return _value(column.parent, referred, schema)
    if column.type in _NUMBERS:
        return 1 + sum(f"{table} {column.name}".encode()) % 30_000
    if column.type in _TEXTS:
        return f"{table[0]} {column.name}"[: column.size]
    message = f"what may {table}.{column.name} hold, which is {column.type}?"
    raise NotImplementedError(message)
