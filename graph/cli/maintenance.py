"""What an operator runs now and then: `migrate`, `sweep`, `schema`, `settings`, `doctor`."""

import asyncio
import sys

import click
from pydantic import SecretStr

from graph.accounts.session_cleanup import Sweeper
from graph.cli.doctor import examine
from graph.cli.errors import faults_in_one_sentence
from graph.composition import epoch_ms
from graph.observability.logging import configure_logging
from graph.schema.build import print_schema
from graph.settings import DatabaseSettings, SessionSettings, Settings, is_secret, variables
from models.database import Database
from models.migrate import migrate as apply_migrations
from models.migrate import missing_migrations


@click.command()
@click.option("--plan", is_flag=True, help="Only print what would be applied.")
def migrate(plan: bool) -> None:
    """Bring the database's tables up to this version. Safe to run from several machines at once."""
    with faults_in_one_sentence():
        url = DatabaseSettings.load().url.get_secret_value()
        names = asyncio.run(_missing(url) if plan else apply_migrations(url))
        verb = "would apply" if plan else "applied"
        click.echo("\n".join(f"{verb} {name}" for name in names) or "The database is up to date.")


@click.command()
def sweep() -> None:
    """Remove sessions that have ended, in small batches, beside running servers, which do so themselves every hour."""
    with faults_in_one_sentence():
        removed = asyncio.run(_sweep(DatabaseSettings.load().url.get_secret_value(), SessionSettings.load()))
        if removed is None:
            msg = "Another process is removing them just now; or one died doing so, and is waited for for a minute."
            raise click.ClickException(msg)
        click.echo(f"{removed} sessions removed")


@click.command()
def schema() -> None:
    """Print the GraphQL schema (SDL)."""
    click.echo(print_schema(), nl=False)


@click.command()
def settings() -> None:
    """List every environment variable with its default and what it is; `_FILE` after a secret's name reads a file."""
    for name, field in variables().items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        shown = "" if default in (None, ()) else str(default).lower() if isinstance(default, bool) else str(default)
        click.echo(f"{name}={shown}\n    {field.description}{' Secret.' if is_secret(field) else ''}")


@click.command()
def doctor() -> None:
    """Check settings, database, migrations, keys, clock and WeChat credentials, and say what to do."""
    with faults_in_one_sentence():
        configure_logging(level="ERROR", style="text")
        faults = asyncio.run(_print_findings(Settings.load()))
    sys.exit(1 if faults else 0)


async def _missing(url: str) -> list[str]:
    async with Database(url) as database:
        return await missing_migrations(database)


async def _sweep(url: str, session: SessionSettings) -> int | None:
    async with Database(url) as database:
        sweeper = Sweeper(
            database=database, idle_days=session.idle_days, absolute_days=session.absolute_days, now=epoch_ms
        )
        return await sweeper.sweep()


async def _print_findings(settings: Settings) -> int:
    faults = 0
    async for finding in examine(settings):
        verdict = "ok   " if finding.advice is None else "FAULT"
        click.echo(f"{verdict}  {finding.subject}  {finding.advice or ''}".rstrip())
        faults += finding.advice is not None
    return faults
