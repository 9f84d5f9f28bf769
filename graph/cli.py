"""The command `wxgate`: one function a subcommand. Exit codes: 0 done, 1 could not be done (and why), 2 wrong usage."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from starlette.types import ASGIApp

from graph.accounts.errors import KeyRingMismatch
from graph.accounts.keys import KeyCheck, Rotation, key_usage, rotate
from graph.app import SIMULATOR_PREFIX, create_app, epoch_ms
from graph.dev import SimulatedMiniProgram, encryption_keys_file, prepare_data_directory
from graph.doctor import examine
from graph.logging import configure_logging
from graph.schema.build import print_schema
from graph.security.encryption import KeyRing, generate_entry
from graph.security.errors import KeyRingError
from graph.serving import in_url, listen, run
from graph.settings import Settings, SettingsError, is_loopback, require_secrets
from graph.simulator import SimulatorState, create_simulator
from models.database import Database
from models.errors import DatabaseBehind, DatabaseError, UnsupportedDatabase
from models.schema import migrate as apply_migrations
from models.schema import missing_migrations

_DEV_BANNER: Final = """
  wxgate dev: FOR DEVELOPMENT ONLY. Anyone who can reach this port can sign in as anyone{simulated}.

  GraphQL   {url}/graphql
  explorer  {url}/graphiql
  {wechat}
  data      {data}
"""
_DEV_LOGIN: Final = """
  A first login to paste:

    CODE=$(curl -s -X POST {url}/simulator/device/login | sed 's/.*"code":"\\([^"]*\\)".*/\\1/')
    curl -s {url}/graphql -H 'Content-Type: application/json' -d \\
      '{{"query":"mutation($code:String!){{login(code:$code){{token user{{id}}}}}}","variables":{{"code":"'$CODE'"}}}}'
"""


@contextlib.contextmanager
def _faults_in_one_sentence() -> Iterator[None]:
    """Turns what a command may raise on purpose into a sentence and exit code 1."""
    try:
        yield
    except (SettingsError, KeyRingMismatch, UnsupportedDatabase) as error:
        raise click.ClickException(str(error)) from None
    except KeyRingError as error:
        message = f"WXGATE_ENCRYPTION_KEYS: {error}"
        raise click.ClickException(message) from None
    except DatabaseBehind:
        message = "The database's tables are not those of this version: run `wxgate migrate`."
        raise click.ClickException(message) from None
    except DatabaseError as error:
        message = f"The database could not do it ({error}): is it running, and is WXGATE_DATABASE_URL right?"
        raise click.ClickException(message) from None
    except OSError as error:
        message = ": ".join(filter(None, [error.filename, error.strerror])) or "The operating system refused."
        raise click.ClickException(message) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wxgate")
def main() -> None:
    """The login and user back end of a WeChat mini-program, as one GraphQL server."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--data", default=".wxgate", show_default=True, type=click.Path(path_type=Path), help="Where to keep it.")
@click.option("--allow-remote", is_flag=True, help="Listen on an address that other machines can reach.")
def dev(host: str, port: int, data: Path, allow_remote: bool) -> None:
    """Serve for development: SQLite, migrations, a simulated WeChat, nothing to set up.

    With WXGATE_WECHAT_APP_ID and WXGATE_WECHAT_APP_SECRET set it talks to WeChat instead.
    """
    if not is_loopback(host) and not allow_remote:
        message = f"{host} is not a loopback address and `dev` lets anyone sign in: add --allow-remote if you mean it."
        raise click.UsageError(message)
    with _faults_in_one_sentence(), contextlib.ExitStack() as opened:
        mini_program = prepare_data_directory(data)
        listener = opened.enter_context(listen(host, port))
        url = f"http://{in_url(host)}:{listener.getsockname()[1]}"
        simulated = not any(name.startswith("WXGATE_WECHAT_APP_") for name in os.environ)
        _default("WXGATE_INTROSPECTION", "true")
        _default("WXGATE_GRAPHIQL", "true")
        _default("WXGATE_DATABASE_URL", f"sqlite://{(data / 'wxgate.db').absolute()}")
        _default("WXGATE_ENCRYPTION_KEYS", str(encryption_keys_file(data)), suffix="_FILE")
        simulator = None
        if simulated:
            os.environ["WXGATE_WECHAT_APP_ID"] = mini_program.app_id
            os.environ["WXGATE_WECHAT_APP_SECRET"] = mini_program.app_secret
            own_address = "127.0.0.1" if host in {"0.0.0.0", "::"} else in_url(host)  # noqa: S104 - compared, not bound
            os.environ["WXGATE_WECHAT_BASE_URL"] = f"http://{own_address}:{listener.getsockname()[1]}{SIMULATOR_PREFIX}"
            simulator = _simulator(mini_program)
        settings = Settings.load()
        asyncio.run(apply_migrations(settings.database.url.get_secret_value()))
        asyncio.run(_check_keys(settings))
        wechat = f"WeChat    simulated at {url}{SIMULATOR_PREFIX}" if simulated else "WeChat    the real one"
        banner = _DEV_BANNER.format(
            url=url, wechat=wechat, data=data.absolute(), simulated=" of the simulator" if simulated else ""
        )
        click.echo(banner + (_DEV_LOGIN.format(url=url) if simulated else ""))
        _serve(settings, listener, simulator=simulator)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
def serve(host: str, port: int) -> None:
    """Serve for production. Needs the secrets in README's table and a migrated database."""
    with _faults_in_one_sentence():
        settings = Settings.load()
        asyncio.run(_check_keys(settings))
        with listen(host, port) as listener:
            _serve(settings, listener)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", required=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--seed", type=int, help="Make the same people, codes and keys every time.")
@click.option("--allow-remote", is_flag=True, help="Listen on an address that other machines can reach.")
def simulate(host: str, port: int, seed: int | None, allow_remote: bool) -> None:
    """Play WeChat, and the phones of its users, on a socket.

    The mini-program is the one in WXGATE_WECHAT_APP_ID and WXGATE_WECHAT_APP_SECRET, or a made-up one, which is
    printed as lines to paste.
    """
    if not is_loopback(host) and not allow_remote:
        message = f"{host} is not a loopback address: add --allow-remote if you mean it."
        raise click.UsageError(message)
    with _faults_in_one_sentence():
        wechat = Settings.load().wechat
        invented = SimulatedMiniProgram.invent(seed)
        mini_program = SimulatedMiniProgram(
            wechat.app_id or invented.app_id,
            wechat.app_secret.get_secret_value() if wechat.app_secret else invented.app_secret,
            invented.seed,
        )
        listener = listen(host, port)
        click.echo(f"export WXGATE_WECHAT_BASE_URL=http://{in_url(host)}:{listener.getsockname()[1]}")
        if wechat.app_id is None:
            click.echo(f"export WXGATE_WECHAT_APP_ID={mini_program.app_id}")
        if wechat.app_secret is None:
            click.echo(f"export WXGATE_WECHAT_APP_SECRET={mini_program.app_secret}")
        configure_logging(level="INFO", style="text")
        run(_simulator(mini_program), listener, lifespan=False)


@main.command()
@click.option("--plan", is_flag=True, help="Only print what would be applied.")
def migrate(plan: bool) -> None:
    """Bring the database's tables up to this version. Safe to run from several machines at once."""
    with _faults_in_one_sentence():
        url = Settings.load().database.url.get_secret_value()
        names = asyncio.run(_missing(url) if plan else apply_migrations(url))
        verb = "would apply" if plan else "applied"
        click.echo("\n".join(f"{verb} {name}" for name in names) or "The database is up to date.")


@main.command()
def schema() -> None:
    """Print the GraphQL schema (SDL)."""
    click.echo(print_schema(), nl=False)


@main.group()
def keys() -> None:
    """Make, list and rotate the keys that seal session_keys at rest."""


@keys.command("new")
@click.option("--id", "key_id", default="k1", show_default=True, help="Its name: k2 for your second key, and so on.")
def keys_new(key_id: str) -> None:
    """Print a new key. Put it first in WXGATE_ENCRYPTION_KEYS, before the ones that are there, then rotate."""
    with _faults_in_one_sentence():
        click.echo(generate_entry(key_id))


@keys.command("list")
def keys_list() -> None:
    """List the keys of the ring and of the database, and how many accounts each seals."""
    with _faults_in_one_sentence():
        url, key_ring = _database_and_ring()
        for key_id, accounts in asyncio.run(_usage(url, key_ring)).items():
            role = "encrypts" if key_id == key_ring.current_id else "decrypts" if key_id in key_ring.ids else "MISSING"
            click.echo(f"{key_id}  {role}  {accounts} accounts")


@keys.command("rotate")
def keys_rotate() -> None:
    """Seal everything with the first key of the ring. Works beside running servers; may be stopped and run again."""
    with _faults_in_one_sentence():
        url, key_ring = _database_and_ring()
        done = asyncio.run(_rotate(url, key_ring))
        click.echo(f"{done.resealed} resealed, {done.overtaken} overtaken by a login, {done.unreadable} unreadable")


@main.command()
def doctor() -> None:
    """Check settings, database, migrations, keys, clock and WeChat credentials, and say what to do."""
    with _faults_in_one_sentence():
        configure_logging(level="ERROR", style="text")
        faults = asyncio.run(_print_findings(Settings.load()))
    sys.exit(1 if faults else 0)


async def _print_findings(settings: Settings) -> int:
    faults = 0
    async for finding in examine(settings):
        click.echo(
            f"{'ok   ' if finding.advice is None else 'FAULT'}  {finding.subject}  {finding.advice or ''}".rstrip()
        )
        faults += finding.advice is not None
    return faults


def _database_and_ring() -> tuple[str, KeyRing]:
    settings = Settings.load()
    if settings.encryption.keys is None:
        msg = "WXGATE_ENCRYPTION_KEYS is missing: make a key with `wxgate keys new`."
        raise SettingsError(msg)
    return settings.database.url.get_secret_value(), KeyRing.parse(settings.encryption.keys.get_secret_value())


async def _missing(url: str) -> list[str]:
    async with Database(url) as database:
        return await missing_migrations(database)


async def _usage(url: str, key_ring: KeyRing) -> dict[str, int]:
    async with Database(url) as database:
        return await key_usage(database, key_ring)


async def _rotate(url: str, key_ring: KeyRing) -> Rotation:
    async with Database(url) as database:
        await KeyCheck(database=database, key_ring=key_ring, now=epoch_ms).ensure()
        return await rotate(database, key_ring)


async def _check_keys(settings: Settings) -> None:
    """Refuses a wrong key ring in one sentence, where the lifespan could only fail with a traceback."""
    url = settings.database.url.get_secret_value()
    key_ring = KeyRing.parse(require_secrets(settings).encryption_keys.get_secret_value())
    async with Database(url) as database:
        with contextlib.suppress(DatabaseError):
            await KeyCheck(database=database, key_ring=key_ring, now=epoch_ms).ensure()


def _default(variable: str, value: str, *, suffix: str = "") -> None:
    """Sets a variable for this process unless the user has, in either form."""
    if not any(os.environ.get(variable + form) for form in ("", "_FILE")):
        os.environ[variable + suffix] = value


def _simulator(mini_program: SimulatedMiniProgram) -> ASGIApp:
    return create_simulator(SimulatorState(mini_program.app_id, mini_program.app_secret, seed=mini_program.seed))


def _serve(settings: Settings, listener: socket.socket, *, simulator: ASGIApp | None = None) -> None:
    configure_logging(level=settings.log.level, style=settings.log.format)
    run(create_app(settings, simulator=simulator), listener, lifespan=True)
