"""What an operator runs now and then: `migrate`, `cleanup`, `schema`, `settings`, and `keys` with its own commands."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from pydantic import SecretStr

from graph.accounts import encryption_keys
from graph.accounts.session_cleanup import SessionCleanup
from graph.accounts.sessions import epoch_ms
from graph.schema.build import print_schema
from graph.security.encryption import KeyRing, generate_entry
from graph.settings import Settings, SettingsError, is_secret, variables
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
    names = _in_database(migrations.missing_migrations) if plan else asyncio.run(migrations.migrate(url))
    verb = "would apply" if plan else "applied"
    click.echo("\n".join(f"{verb} {name}" for name in names) or "The database is up to date.")


@click.command()
def cleanup() -> None:
    """Remove sessions that have ended, in small batches, beside running servers, which do so themselves every hour."""
    idle_days = Settings.load("database", "session").session.idle_days
    removed = _in_database(lambda database: SessionCleanup(database=database, idle_days=idle_days, now=epoch_ms).run())
    if removed is None:
        msg = "Another process is removing them just now; or one died doing so, and holds its lease for a minute."
        raise click.ClickException(msg)
    click.echo(f"{removed} sessions removed")


@click.command()
def schema() -> None:
    """Print the GraphQL schema (SDL), in UTF-8."""
    click.echo(print_schema().encode("utf-8"), nl=False)


@click.command()
def settings() -> None:
    """List every environment variable with its default and what it is; `_FILE` after a secret's name reads a file."""
    for name, field in variables().items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        shown = "" if default in (None, ()) else str(default).lower() if isinstance(default, bool) else str(default)
        click.echo(f"{name}={shown}\n    {field.description}{' Secret.' if is_secret(field) else ''}")


@click.group()
def keys() -> None:
    """Make, list, rotate and retire the keys that seal session_keys at rest.

    To replace a key without losing a login: put the new one at the end of the ring and restart every replica, move it
    to the front and restart again, run `wxgate keys rotate`, run `wxgate keys retire` with the old one's id, and take
    it out of the ring.
    """


@keys.command()
@click.option("--id", "key_id", default="k1", help="Its name: k2 for your second key, and so on.")
def new(key_id: str) -> None:
    """Print a new key, as an entry for WXGATE_ENCRYPTION_KEYS.

    A second key goes to the end of the ring first; once every replica runs with it, to the front. Then rotate.
    """
    click.echo(generate_entry(key_id))


@keys.command("list")
def list_() -> None:
    """List the keys of the ring and of the database, and how many accounts each seals."""
    key_ring = _key_ring()
    for key_id, accounts in _in_database(lambda database: encryption_keys.key_usage(database, key_ring)).items():
        role = "encrypts" if key_id == key_ring.current_id else "decrypts" if key_id in key_ring.ids else "MISSING"
        click.echo(f"{key_id}  {role}  {accounts} accounts")


@keys.command()
def rotate() -> None:
    """Seal everything with the first key of the ring. Works beside running servers; may be stopped and run again."""
    key_ring = _key_ring()
    done = _in_database(lambda database: _rotate(database, key_ring))
    click.echo(f"{done.resealed} resealed, {done.overtaken} overtaken by a login, {done.unreadable} unreadable")
    if done.unreadable:
        msg = (
            "What is unreadable was sealed with a key that is not in the ring, or is damaged: add the key, or "
            "let it be; these users get a new session_key when they next log in."
        )
        raise click.ClickException(msg)


@keys.command()
@click.argument("key_id")
@click.option("--lost", is_flag=True, help="Although it still seals something, because the key itself is lost.")
def retire(key_id: str, lost: bool) -> None:
    """Let a key leave the ring: after a rotation, or when it is lost."""
    key_ring = _key_ring()
    if key_ring.current_id == key_id:
        msg = f"The key '{key_id}' is the one that encrypts: put another in front of it in WXGATE_ENCRYPTION_KEYS."
        raise click.ClickException(msg)
    if lost and key_id in key_ring.ids:
        msg = f"The key '{key_id}' is not lost, WXGATE_ENCRYPTION_KEYS has it: run `wxgate keys rotate`."
        raise click.ClickException(msg)
    accounts = _in_database(lambda database: encryption_keys.retire(database, key_id, lost=lost))
    click.echo(f"{key_id} is retired; it sealed {accounts} accounts.")


def _key_ring() -> KeyRing:
    ring = Settings.load("encryption").encryption.keys
    if ring is None:
        msg = "WXGATE_ENCRYPTION_KEYS is missing: make a key with `wxgate keys new`."
        raise SettingsError(msg)
    return KeyRing.parse(ring.get_secret_value())


async def _rotate(database: Database, key_ring: KeyRing) -> encryption_keys.Rotation:
    await encryption_keys.KeyCheck(database=database, key_ring=key_ring, now=epoch_ms).ensure()
    return await encryption_keys.rotate(database, key_ring)


def _in_database(work: Callable[[Database], Coroutine[Any, Any, Result]]) -> Result:
    """Runs `work` in an event loop of its own. Raises `SettingsError` and `DatabaseError`."""
    url = Settings.load("database").database.url.get_secret_value()

    async def run() -> Result:
        async with Database(url) as database:
            return await work(database)

    return asyncio.run(run())
