"""`wxgate simulate`: WeChat, and the phones of its users, on a socket."""

import importlib
import json
import random
import re
import secrets
import ssl
from pathlib import Path
from typing import Final

import click
from starlette.middleware.trustedhost import TrustedHostMiddleware

from graph.cli.serve import HOST
from graph.observability.logging import configure_logging
from graph.server.server import announce, run
from graph.server.sockets import in_url, listening
from graph.settings import Settings
from graph.settings.values import is_loopback, push_keys
from graph.simulator import SimulatorState, create_simulator
from graph.simulator.descriptions import HOSTS
from graph.simulator.push import MessagePush
from graph.simulator.users import DEFAULT_GROUP
from graph.wechat.mini_programs import PushKeys

ALLOW_REMOTE: Final = click.option(
    "--allow-remote", is_flag=True, help="Listen on an address that other machines can reach."
)

APPS: Final = click.option(
    "--apps", default=1, type=click.IntRange(1, 20), help="How many mini-programs, of one Open Platform account."
)


@click.command()
@HOST
@click.option("--port", required=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--seed", type=int, help="Make the same mini-program, users, codes and keys every time.")
@APPS
@click.option("--events-url", help="Where to push events; {appid} in it stands for the AppID of each mini-program.")
@click.option(
    "--tls",
    metavar="CA_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Speak HTTPS as api.weixin.qq.com and localhost, and write the CA that clients must trust to this file.",
)
@ALLOW_REMOTE
def simulate(
    *,
    host: str,
    port: int,
    seed: int | None,
    apps: int,
    events_url: str | None,
    tls: Path | None,
    allow_remote: bool,
) -> None:
    """Play WeChat, and the phones of its users, on a socket.

    The mini-programs are those of the WXGATE_WECHAT_ variables, or made-up ones, which are printed as lines to paste.

    With an --events-url like http://127.0.0.1:8000/wechat/events/{appid}, POST /device/revoke, /device/close-account
    and /device/modified push there what users take back, and respond with what the server answered.

    With --tls it is a WeChat for SDKs whose host is fixed: examples/testing has the recipes. The CA is another one with
    each start, and its key is kept nowhere. A file that holds anything but such a CA is not replaced.
    """
    require_loopback(host, allow_remote)
    if events_url is not None and not re.match(r"https?://[^/\s]+", events_url):
        message = "--events-url must begin with http:// or https:// and a host."
        raise click.UsageError(message)
    wechat = Settings.load("wechat").wechat
    invented = invent(seed)
    state = SimulatorState(
        wechat.app_id or invented.app_id,
        wechat.app_secret.get_secret_value() if wechat.app_secret else invented.app_secret,
        seed=invented.seed,
    )
    _push_with(state, state.app_id, push_keys(wechat.events_token, wechat.events_aes_key))
    for app in wechat.mini_programs():
        if app.app_id != state.app_id:
            state.add_app(app.app_id, app.app_secret.get_secret_value())
            _push_with(state, app.app_id, app.push)
    further = play_several(state, apps)
    push = push_events_to(state, events_url)
    state.journal.is_logged = True
    hosts = local_hosts(host)
    if tls is not None and hosts:
        hosts += HOSTS
    with listening(host, port) as listeners:
        # The file may be that of another one, which has the port.
        certificate = None if tls is None else issue_certificate(tls, host)
        scheme = "http" if tls is None else "https"
        click.echo(f"export WXGATE_WECHAT_BASE_URL={scheme}://{in_url(host)}:{listeners[0].getsockname()[1]}")
        if tls is not None:
            click.echo(f"export WXGATE_WECHAT_CA_FILE={tls.absolute()}")
        if wechat.app_id is None:
            click.echo(f"export WXGATE_WECHAT_APP_ID={state.app_id}")
        if wechat.app_secret is None:
            click.echo(f"export WXGATE_WECHAT_APP_SECRET={state.app_secret}")
        if further:
            click.echo(f"export WXGATE_WECHAT_APPS='{further}'")
        if events_url is not None and wechat.events_token is None:
            click.echo(f"export WXGATE_WECHAT_EVENTS_TOKEN={push.token}")
            click.echo(f"export WXGATE_WECHAT_EVENTS_AES_KEY={push.aes_key}")
        configure_logging(level="INFO", style="text")
        announce(listeners[0], workers=1)
        simulator = TrustedHostMiddleware(create_simulator(state), hosts or ["*"])
        if certificate is None:
            run(simulator, listeners)
        else:
            # With h11 and uvicorn's own protocol, which no other command needs.
            importlib.import_module("graph.simulator.serving").run_with_tls(simulator, listeners, certificate)


def issue_certificate(ca_file: Path, host: str) -> ssl.SSLContext:
    """Raises `OSError` where the file cannot be written, or holds something else."""
    try:
        certificates = importlib.import_module("graph.simulator.certificates")
    except ImportError:
        message = "--tls makes a certificate, and needs: pip install 'wxgate[simulator]'"
        raise click.UsageError(message) from None
    context: ssl.SSLContext = certificates.issue(ca_file, host)
    return context


def invent(seed: int | None = None) -> SimulatorState:
    """A made-up mini-program: a random one, or the one of this seed, whose users have the same openids every time."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    chance = random.Random(chosen)  # noqa: S311 - made up for a simulator, and to be made up again
    return SimulatorState(f"wx{chance.randbytes(8).hex()}", chance.randbytes(16).hex(), seed=chosen)


def play_several(state: SimulatorState, number: int) -> str:
    """Makes up mini-programs until it plays so many, all of one Open Platform account, in which users have unionids.

    Returns all but the first as `WXGATE_WECHAT_APPS`, or "" where there was nothing to make up.
    """
    if number <= len(state.apps):
        return ""
    chance = random.Random(f"mini-programs beside {state.app_id}, seed {state.seed}")  # noqa: S311 - as above
    while len(state.apps) < number:
        state.add_app(f"wx{chance.randbytes(8).hex()}", chance.randbytes(16).hex())
    for app in state.apps.values():
        app.users.group = DEFAULT_GROUP
    _, *further = state.apps.values()
    return json.dumps(
        [
            {
                "app_id": app.app_id,
                "app_secret": app.app_secret,
                "events_token": app.push.token,
                "events_aes_key": app.push.aes_key,
            }
            for app in further
        ]
    )


def push_events_to(state: SimulatorState, url: str | None) -> MessagePush:
    """Pushes the events of each mini-program to the URL, with its AppID for `{appid}`. Returns the first one's push."""
    for app in state.apps.values():
        app.push.url = url and url.replace("{appid}", app.app_id)
    return state.apps[state.app_id].push


def _push_with(state: SimulatorState, app_id: str, keys: PushKeys | None) -> None:
    if keys:
        push = state.apps[app_id].push
        push.token, push.aes_key = keys.token.get_secret_value(), keys.aes_key.get_secret_value()


def require_loopback(host: str, allow_remote: bool) -> None:
    if not is_loopback(host) and not allow_remote:
        message = f"{host} is not a loopback address, and anyone may sign in here: add --allow-remote if you mean it."
        raise click.UsageError(message)


def local_hosts(host: str) -> list[str]:
    """What `Host` may be, lest a page from elsewhere have its name point here; none, for any, if others can connect."""
    return ["localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host] if is_loopback(host) else []
