"""`wxgate keys`: the keys that seal session_keys and phone numbers at rest and sign sessions."""

from dataclasses import asdict

import click

from graph.accounts import encryption_keys
from graph.accounts.key_rotation import Rotation
from graph.accounts.key_rotation import rotate as rotate_keys
from graph.accounts.sessions import epoch_ms
from graph.cli.audit import record_command
from graph.cli.maintenance import in_database
from graph.security.encryption import KeyRing, generate_entry
from graph.settings import Settings, SettingsError
from models.audit_log import AuditAction
from models.database import Database


@click.group()
def keys() -> None:
    """Make, list, rotate and retire the keys that seal session_keys and phone numbers and sign sessions.

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
    """List the keys of the ring and of the database, and how many accounts, sessions and phone numbers need each."""
    key_ring = key_ring_of_settings()
    for key_id, usage in in_database(lambda database: encryption_keys.key_usage(database, key_ring)).items():
        role = "encrypts" if key_id == key_ring.current_id else "decrypts" if key_id in key_ring.ids else "MISSING"
        click.echo(f"{key_id}  {role}  {usage}")


@keys.command()
def rotate() -> None:
    """Seal and sign all with the first key of the ring. Works beside running servers; may be stopped and run again."""
    key_ring = key_ring_of_settings()
    done = in_database(lambda database: _rotate(database, key_ring))
    click.echo(f"{done.resealed} resealed, {done.overtaken} overtaken by a login, {done.unreadable} unreadable")
    click.echo(f"{done.signed} sessions signed anew, {done.refused} refused, {done.deleted} deleted")
    click.echo(f"{done.phones} phone numbers resealed, {done.phones_unreadable} unreadable")
    if done.unreadable or done.refused or done.phones_unreadable:
        msg = (
            "What is unreadable or refused was made with a key that is not in the ring, or is damaged: add the key, or "
            "let it be; these users get a new session_key and session when they next log in, and may give their phone "
            "number again."
        )
        raise click.ClickException(msg)


@keys.command()
@click.argument("key_id")
@click.option("--lost", is_flag=True, help="Although it still seals something, because the key itself is lost.")
def retire(key_id: str, lost: bool) -> None:
    """Let a key leave the ring: after a rotation, or when it is lost."""
    key_ring = key_ring_of_settings()
    if key_ring.current_id == key_id:
        msg = f"The key '{key_id}' is the one that encrypts: put another in front of it in WXGATE_ENCRYPTION_KEYS."
        raise click.ClickException(msg)
    if lost and key_id in key_ring.ids:
        msg = f"The key '{key_id}' is not lost, WXGATE_ENCRYPTION_KEYS has it: run `wxgate keys rotate`."
        raise click.ClickException(msg)
    usage = in_database(lambda database: _retire(database, key_id, lost=lost))
    click.echo(f"{key_id} is retired; it was needed for {usage}.")


def key_ring_of_settings() -> KeyRing:
    """The one of the environment, which a command cannot do without. Raises `SettingsError`."""
    ring = Settings.load("encryption").encryption.keys
    if ring is None:
        msg = "WXGATE_ENCRYPTION_KEYS is missing: make a key with `wxgate keys new`."
        raise SettingsError(msg)
    return KeyRing.parse(ring.get_secret_value())


async def _rotate(database: Database, key_ring: KeyRing) -> Rotation:
    await encryption_keys.KeyCheck(database=database, key_ring=key_ring, now=epoch_ms).ensure()
    done = await rotate_keys(database, key_ring)
    await record_command(database, AuditAction.ENCRYPTION_KEYS_ROTATED, key_id=key_ring.current_id, **asdict(done))
    return done


async def _retire(database: Database, key_id: str, *, lost: bool) -> encryption_keys.KeyUsage:
    usage = await encryption_keys.retire(database, key_id, lost=lost)
    detail = {"key_id": key_id, "lost": lost, **usage._asdict()}
    await record_command(database, AuditAction.ENCRYPTION_KEY_RETIRED, **detail)
    return usage
