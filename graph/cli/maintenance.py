"""What an operator runs now and then: `migrate`, `cleanup`, `schema`."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
import orjson

from graph.accounts.cleanup import cleanup_jobs
from graph.accounts.jobs import Jobs
from graph.accounts.sessions import epoch_ms
from graph.observability.logging import configure_logging
from graph.schema.build import introspected_schema, print_schema
from graph.settings import Settings
from models import migrate as migrations
from models.database import Database

Result = TypeVar("Result")


@click.command()
@click.option("--plan", is_flag=True, help="Only print what would be applied.")
def migrate(plan: bool) -> None:
    """Bring the database's tables up to this version. Safe to run from several machines at once."""
    # An SQLite file, and the lock beside it, are for their owner alone.
    os.umask(0o077)
    url = Settings.load("database").database.url.get_secret_value()
    names = in_database(migrations.missing_migrations) if plan else asyncio.run(migrations.migrate(url))
    verb = "would apply" if plan else "applied"
    click.echo("\n".join(f"{verb} {name}" for name in names) or "The database is up to date.")


@click.command()
def cleanup() -> None:
    """Remove ended sessions, and what is too old of uploads, pictures, audit log, deleted users and WeChat's events.

    The files of pictures are deleted by the servers. In small batches, beside running servers, which do so themselves
    every hour.
    """
    settings = Settings.load("database", "session", "audit")
    if busy := in_database(lambda database: _cleanup(database, settings.session.idle_days, settings.audit.days)):
        doing = " and ".join(busy)
        msg = f"Another process is {doing} just now; or one died doing so, and holds its lease for a minute."
        raise click.ClickException(msg)


async def _cleanup(database: Database, idle_days: int, audit_days: int) -> list[str]:
    """Does one job after the other, but for those that it returns: another process is at them."""
    jobs = cleanup_jobs(database, idle_days=idle_days, audit_days=audit_days)
    runner, busy = Jobs(database=database, now=epoch_ms, jobs=jobs), []
    for job in jobs:
        count = await runner.run(job)
        if count is None:
            busy.append(job.doing)
        else:
            click.echo(f"{count} {job.done}")
    return busy


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As the result of introspection.")
def schema(as_json: bool) -> None:
    """Print the GraphQL schema (SDL), in UTF-8."""
    if as_json:
        click.echo(orjson.dumps(introspected_schema(), option=orjson.OPT_INDENT_2))
    else:
        click.echo(print_schema().encode("utf-8"), nl=False)


def in_database(work: Callable[[Database], Coroutine[Any, Any, Result]]) -> Result:
    """Runs `work` in an event loop of its own, with a log as a server has. Raises `SettingsError`, `DatabaseError`."""
    settings = Settings.load("database", "log")
    configure_logging(level=settings.log.level, style=settings.log.format)
    url = settings.database.url.get_secret_value()

    async def run() -> Result:
        async with Database(url) as database:
            return await work(database)

    return asyncio.run(run())
