"""What listens on a socket: `dev`, `serve`, `simulate`."""

import asyncio
import contextlib
import functools
import os
import socket
import sys
from pathlib import Path
from typing import Final

import click
from starlette.applications import Starlette
from starlette.types import ASGIApp

from graph.accounts.encryption_keys import KeyCheck
from graph.app import ROUTE_LIMITS, SIMULATOR_PREFIX, create_app, request_limits
from graph.cli.data_directory import SimulatedMiniProgram, encryption_keys_file, prepare_data_directory
from graph.cli.errors import faults_in_one_sentence
from graph.composition import epoch_ms
from graph.http.access_log import LOGGER, MESSAGE, AccessLog, Observer
from graph.http.client_address import ClientAddresses
from graph.observability.logging import AccessLogWriter, configure_logging
from graph.security.encryption import KeyRing
from graph.server.limits import ConnectionLimits
from graph.server.server import announce, freeze_heap, in_url, listen, run
from graph.server.shutdown import Shutdown, ShutdownPolicy
from graph.server.workers import Workers
from graph.settings import Settings, WeChatSettings, is_loopback, require_secrets
from graph.simulator import SimulatorState, create_simulator
from models.database import Database
from models.errors import DatabaseError
from models.migrate import migrate

_BANNER: Final = """
  wxgate dev: FOR DEVELOPMENT ONLY. Anyone who can reach this port can sign in as anyone{simulated}.

  GraphQL   {url}/graphql
  explorer  {url}/graphiql
  WeChat    {wechat}
  database  {database}
  keys      {data}
"""
_FIRST_LOGIN: Final = """
  A first login to paste:

    CODE=$(curl -s -X POST {url}/simulator/device/login | sed 's/.*"code":"\\([^"]*\\)".*/\\1/')
    curl -s {url}/graphql -H 'Content-Type: application/json' -d \\
      '{{"query":"mutation($code:String!){{login(code:$code){{token user{{id}}}}}}","variables":{{"code":"'$CODE'"}}}}'
"""

_host = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
_port = click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one."
)
_allow_remote = click.option("--allow-remote", is_flag=True, help="Listen on an address that other machines can reach.")


@click.command()
@_host
@_port
@click.option("--data", default=".wxgate", show_default=True, type=click.Path(path_type=Path), help="Where to keep it.")
@_allow_remote
def dev(host: str, port: int, data: Path, allow_remote: bool) -> None:
    """Serve for development: SQLite, migrations, a simulated WeChat, nothing to set up.

    With WXGATE_WECHAT_APP_ID and WXGATE_WECHAT_APP_SECRET set it talks to WeChat instead.
    """
    _require_loopback(host, allow_remote)
    if any(sign in str(data.absolute()) for sign in "?#%"):
        message = f"{data}: a database URL cannot name a path with ?, # or % in it."
        raise click.UsageError(message)
    # The data is the developer's own, whatever the directory was before.
    os.umask(0o077)
    with faults_in_one_sentence(), contextlib.ExitStack() as opened:
        mini_program = prepare_data_directory(data)
        listener = opened.enter_context(listen(host, port))
        url = _url(host, listener)
        own_database = _default("WXGATE_DATABASE_URL", f"sqlite://{(data / 'wxgate.db').absolute()}")
        _default("WXGATE_ENCRYPTION_KEYS", str(encryption_keys_file(data)), suffix="_FILE")
        _default("WXGATE_DRAIN_SECONDS", "0")
        _default("WXGATE_INTROSPECTION", "true")
        _default("WXGATE_GRAPHIQL", "true")
        simulator = None
        if not any(os.environ.get(f"WXGATE_WECHAT_{name}") for name in ("APP_ID", "APP_SECRET", "APP_SECRET_FILE")):
            simulator = _simulate_in_here(mini_program, host, listener)
        settings = Settings.load()
        asyncio.run(_check_keys(settings))
        asyncio.run(migrate(settings.database.url.get_secret_value()))
        banner = _BANNER.format(
            url=url,
            wechat=f"simulated at {url}{SIMULATOR_PREFIX}" if simulator else "the real one",
            database=(data / "wxgate.db").absolute() if own_database else "the one in WXGATE_DATABASE_URL",
            data=data.absolute(),
            simulated=" of the simulator" if simulator else "",
        )
        click.echo(banner + (_FIRST_LOGIN.format(url=url) if simulator else ""))
        ending = _ending(settings)
        app = create_app(settings, simulator=simulator, shutdown=ending.shutdown, request_log=_request_log(settings))
        _serve(app, settings, listener, ending)


@click.command()
@_host
@_port
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that share the port, one for each core. Each counts rate limits for itself, unless Redis counts "
    "for all (WXGATE_RATE_LIMIT_STORAGE), and has its own connections to the database, and its own port for metrics, "
    "from WXGATE_METRICS_PORT on.",
)
def serve(host: str, port: int, workers: int) -> None:
    """Serve for production. Needs its secrets (see `wxgate settings`) and a migrated database.

    At SIGTERM `/readyz` answers 503 and the server serves on for WXGATE_DRAIN_SECONDS, so that whoever sends it
    requests can notice; then it closes its port, answers what it has begun, and ends with exit code 0. SIGINT, or a
    second SIGTERM, ends the wait.
    """
    with faults_in_one_sentence():
        settings = Settings.load()
        asyncio.run(_check_keys(settings))
        _check_metrics_ports(settings, workers)
        ending = _ending(settings)
        app = create_app(settings, shutdown=ending.shutdown, request_log=_request_log(settings))
        with listen(host, port) as listener:
            _serve(app, settings, listener, ending, workers=workers)


@click.command()
@_host
@click.option("--port", required=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--seed", type=int, help="Make the same mini-program, people, codes and keys every time.")
@_allow_remote
def simulate(host: str, port: int, seed: int | None, allow_remote: bool) -> None:
    """Play WeChat, and the phones of its users, on a socket.

    The mini-program is the one in WXGATE_WECHAT_APP_ID and WXGATE_WECHAT_APP_SECRET, or a made-up one, which is
    printed as lines to paste.
    """
    _require_loopback(host, allow_remote)
    with faults_in_one_sentence():
        wechat = WeChatSettings.load()
        invented = SimulatedMiniProgram.invent(seed)
        mini_program = SimulatedMiniProgram(
            wechat.app_id or invented.app_id,
            wechat.app_secret.get_secret_value() if wechat.app_secret else invented.app_secret,
            invented.seed,
        )
        with listen(host, port) as listener:
            click.echo(f"export WXGATE_WECHAT_BASE_URL={_url(host, listener)}")
            if wechat.app_id is None:
                click.echo(f"export WXGATE_WECHAT_APP_ID={mini_program.app_id}")
            if wechat.app_secret is None:
                click.echo(f"export WXGATE_WECHAT_APP_SECRET={mini_program.app_secret}")
            configure_logging(level="INFO", style="text")
            announce(listener, workers=1)
            run(_simulator(mini_program), listener, lifespan=False)


def _require_loopback(host: str, allow_remote: bool) -> None:
    if not is_loopback(host) and not allow_remote:
        message = f"{host} is not a loopback address, and anyone may sign in here: add --allow-remote if you mean it."
        raise click.UsageError(message)


def _url(host: str, listener: socket.socket) -> str:
    return f"http://{in_url(host)}:{listener.getsockname()[1]}"


def _default(variable: str, value: str, *, suffix: str = "") -> bool:
    """Sets a variable for this process unless the user has, in either form; tells whether it did."""
    if any(os.environ.get(variable + form) for form in ("", "_FILE")):
        return False
    os.environ[variable + suffix] = value
    return True


def _simulate_in_here(mini_program: SimulatedMiniProgram, host: str, listener: socket.socket) -> ASGIApp:
    """A simulator to mount, and the settings that make this very process its client."""
    own_address = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    os.environ["WXGATE_WECHAT_APP_ID"] = mini_program.app_id
    os.environ["WXGATE_WECHAT_APP_SECRET"] = mini_program.app_secret
    os.environ["WXGATE_WECHAT_BASE_URL"] = f"{_url(own_address, listener)}{SIMULATOR_PREFIX}"
    return _simulator(mini_program)


def _simulator(mini_program: SimulatedMiniProgram) -> ASGIApp:
    return create_simulator(SimulatorState(mini_program.app_id, mini_program.app_secret, seed=mini_program.seed))


async def _check_keys(settings: Settings) -> None:
    """Refuses a wrong key ring in one sentence, where the lifespan could only fail with a traceback."""
    key_ring = KeyRing.parse(require_secrets(settings).encryption_keys.get_secret_value())
    async with Database(settings.database.url.get_secret_value()) as database:
        with contextlib.suppress(DatabaseError):
            await KeyCheck(database=database, key_ring=key_ring, now=epoch_ms).ensure()


def _check_metrics_ports(settings: Settings, workers: int) -> None:
    """Refuses a port that is taken in one sentence, where the lifespan could only fail with a traceback."""
    for worker in range(workers if settings.metrics.port else 0):
        listen(settings.metrics.host, (settings.metrics.port or 0) + worker).close()


def _request_log(settings: Settings) -> Observer:
    if settings.log.level in {"DEBUG", "INFO"}:
        return AccessLog(AccessLogWriter(LOGGER, MESSAGE, style=settings.log.format))
    return lambda _record: None


def _ending(settings: Settings) -> ShutdownPolicy:
    return ShutdownPolicy(Shutdown(), settings.drain_seconds)


def _serve(
    app: Starlette, settings: Settings, listener: socket.socket, ending: ShutdownPolicy, *, workers: int = 1
) -> None:
    """Serves in this process, or in several that it forks, until told to stop."""
    limit = settings.limit
    serve_app = functools.partial(
        run,
        app,
        listener,
        limits=ConnectionLimits(
            url_bytes=limit.url_bytes,
            headers=limit.headers,
            head_bytes=limit.head_bytes,
            head_seconds=limit.head_seconds,
            idle_seconds=limit.idle_seconds,
        ),
        default_limits=request_limits(settings),
        route_limits=ROUTE_LIMITS,
        is_proxy=ClientAddresses(settings.http.trusted_proxies).is_proxy,
        policy=ending,
    )
    configure_logging(level=settings.log.level, style=settings.log.format)
    freeze_heap()
    announce(listener, workers=workers)
    if workers == 1:
        serve_app()
        return
    parent = os.getpid()

    def work(index: int) -> None:
        app.state.worker = index
        serve_app(parent=parent)

    sys.exit(
        Workers(
            work=work,
            count=workers,
            close=lambda: None,
            drain_seconds=ending.drain_seconds,
        ).run()
    )
