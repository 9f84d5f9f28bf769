"""What an operator runs now and then: `migrate`, `schema`, `doctor`."""

import asyncio
import sys

import click

from graph.cli.faults import faults_in_one_sentence
from graph.doctor import examine
from graph.logging import configure_logging
from graph.schema.build import print_schema
from graph.settings import DatabaseSettings, Settings
from models.database import Database
from models.schema import migrate as apply_migrations
from models.schema import missing_migrations


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
def schema() -> None:
    """Print the GraphQL schema (SDL)."""
    click.echo(print_schema(), nl=False)


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


async def _print_findings(settings: Settings) -> int:
    faults = 0
    async for finding in examine(settings):
        verdict = "ok   " if finding.advice is None else "FAULT"
        click.echo(f"{verdict}  {finding.subject}  {finding.advice or ''}".rstrip())
        faults += finding.advice is not None
    return faults
