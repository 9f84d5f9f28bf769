"""`wxgate dev`: all of the server, and a simulated WeChat, for development and without an account."""

import asyncio
import contextlib
import errno
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click
from pydantic import SecretStr

from graph.app import SIMULATOR_PREFIX
from graph.cli.dev_banner import Banner
from graph.cli.serve import HOST, PORT, Development, serve_parts
from graph.cli.simulate import ALLOW_REMOTE, APPS, invent, local_hosts, play_several, push_events_to, require_loopback
from graph.composition import compose
from graph.security.encryption import generate_entry
from graph.server.sockets import in_url, listening, network_address
from graph.settings import Settings, WeChatSettings
from graph.simulator import SimulatorState, create_simulator
from models.migrate import migrate

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
# Web builds of the developer's own, like Vite's on port 5173.
_OWN_ORIGINS: Final = "http://localhost:*,http://127.0.0.1:*,http://[::1]:*"


@click.command()
@HOST
@PORT
@click.option("--data", default=".wxgate", type=click.Path(path_type=Path), help="Where to keep it.")
@APPS
@ALLOW_REMOTE
def dev(host: str, port: int, data: Path, apps: int, allow_remote: bool) -> None:
    """Serve for development: SQLite, migrations, a simulated WeChat, nothing to set up.

    With WXGATE_WECHAT_APP_ID and WXGATE_WECHAT_APP_SECRET set it talks to WeChat instead.
    """
    started_at = time.perf_counter()
    require_loopback(host, allow_remote)
    if any(sign in str(data.absolute()) for sign in "?#%"):
        message = f"{data}: a database URL cannot name a path with ?, # or % in it."
        raise click.UsageError(message)
    # The data is the developer's own, whatever the directory was before.
    os.umask(0o077)
    state, encryption_keys = _prepare(data)
    with listening(host, port) as listeners:
        own_port = listeners[0].getsockname()[1]
        own_host = "127.0.0.1" if host in _EVERYWHERE else in_url(host)
        network_host = network_address() if host in _EVERYWHERE else None
        url = f"http://{own_host}:{own_port}"
        own_database = (data / "wxgate.db").absolute()
        settings = Settings.load(
            defaults={
                "WXGATE_DATABASE_URL": f"sqlite://{own_database}",
                "WXGATE_ENCRYPTION_KEYS": encryption_keys,
                "WXGATE_DRAIN_SECONDS": "0",
                "WXGATE_HTTP_ALLOWED_HOSTS": ",".join(local_hosts(host)),
                "WXGATE_HTTP_CORS_ORIGINS": _OWN_ORIGINS,
                "WXGATE_INTROSPECTION": "true",
                "WXGATE_GRAPHIQL": "true",
                "WXGATE_SCHEMA": "true",
                "WXGATE_AVATARS_STORE": f"file://{quote(str((data / 'avatars').absolute()))}",
                "WXGATE_AVATARS_PUBLIC_URL": f"http://{network_host or own_host}:{own_port}/avatars",
                "WXGATE_RATE_LIMIT_DOCUMENTS": "",
            }
        )
        simulator = None
        if not (settings.wechat.app_id or settings.wechat.app_secret or settings.wechat.apps):
            further = play_several(state, apps)
            state.journal.is_logged = True
            simulator = create_simulator(state)
            push = push_events_to(state, f"{url}/wechat/events/{{appid}}")
            wechat = WeChatSettings(
                app_id=state.app_id,
                app_secret=SecretStr(state.app_secret),
                apps=SecretStr(further) if further else None,
                events_token=SecretStr(push.token),
                events_aes_key=SecretStr(push.aes_key),
                base_url=f"{url}{SIMULATOR_PREFIX}",
            )
            settings = settings.model_copy(update={"wechat": wechat})
        parts = compose(settings)
        served = settings.wechat.mini_programs()
        database_url = settings.database.url.get_secret_value()
        asyncio.run(migrate(database_url))
        banner = Banner(
            url=url,
            network_url=network_host and f"http://{network_host}:{own_port}",
            app_ids=tuple(app.app_id for app in served),
            wechat_url=settings.wechat.base_url,
            is_simulated=simulator is not None,
            explorer=settings.graphiql,
            database=str(own_database)
            if database_url == f"sqlite://{own_database}"
            else "the one in WXGATE_DATABASE_URL",
            data=str(data.absolute()),
        )
        banner.print()
        development = Development(simulator, started=partial(banner.print_ready, started_at))
        serve_parts(parts, listeners, development=development)


def _prepare(directory: Path) -> tuple[SimulatorState, str]:
    """Makes the directory, a mini-program and an encryption key in it, unless they are there. Raises `OSError`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys, app = directory / "encryption-keys", directory / "mini-program.json"
    _write_once(directory / ".gitignore", "*\n")
    _write_once(keys, generate_entry("k1") + "\n")
    made = invent()
    _write_once(app, json.dumps({"app_id": made.app_id, "app_secret": made.app_secret, "seed": made.seed}) + "\n")
    try:
        return SimulatorState(**json.loads(app.read_text("utf-8"))), keys.read_text("utf-8").strip()
    except (ValueError, TypeError):
        raise OSError(errno.EINVAL, "is damaged: delete it to start anew", str(app)) from None


def _write_once(path: Path, text: str) -> None:
    """Creates a file; a process that comes second leaves it as it is."""
    with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
        file.write(text)
