"""`wxgate simulate`: WeChat, and the phones of its users, on a socket."""

import random
import secrets
from typing import Final

import click
from starlette.middleware.trustedhost import TrustedHostMiddleware

from graph.cli.serve import HOST
from graph.observability.logging import configure_logging
from graph.server.server import announce, run
from graph.server.sockets import in_url, listening
from graph.settings import Settings
from graph.settings.values import is_loopback
from graph.simulator import SimulatorState, create_simulator

ALLOW_REMOTE: Final = click.option(
    "--allow-remote", is_flag=True, help="Listen on an address that other machines can reach."
)


@click.command()
@HOST
@click.option("--port", required=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--seed", type=int, help="Make the same mini-program, users, codes and keys every time.")
@ALLOW_REMOTE
def simulate(host: str, port: int, seed: int | None, allow_remote: bool) -> None:
    """Play WeChat, and the phones of its users, on a socket.

    The mini-program is the one in WXGATE_WECHAT_APP_ID and WXGATE_WECHAT_APP_SECRET, or a made-up one, which is
    printed as lines to paste.
    """
    require_loopback(host, allow_remote)
    wechat = Settings.load("wechat").wechat
    invented = invent(seed)
    state = SimulatorState(
        wechat.app_id or invented.app_id,
        wechat.app_secret.get_secret_value() if wechat.app_secret else invented.app_secret,
        seed=invented.seed,
    )
    with listening(host, port) as listeners:
        click.echo(f"export WXGATE_WECHAT_BASE_URL=http://{in_url(host)}:{listeners[0].getsockname()[1]}")
        if wechat.app_id is None:
            click.echo(f"export WXGATE_WECHAT_APP_ID={state.app_id}")
        if wechat.app_secret is None:
            click.echo(f"export WXGATE_WECHAT_APP_SECRET={state.app_secret}")
        configure_logging(level="INFO", style="text")
        announce(listeners[0], workers=1)
        run(TrustedHostMiddleware(create_simulator(state), local_hosts(host) or ["*"]), listeners)


def invent(seed: int | None = None) -> SimulatorState:
    """A made-up mini-program: a random one, or the one of this seed, whose users have the same openids every time."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    chance = random.Random(chosen)  # noqa: S311 - made up for a simulator, and to be made up again
    return SimulatorState(f"wx{chance.randbytes(8).hex()}", chance.randbytes(16).hex(), seed=chosen)


def require_loopback(host: str, allow_remote: bool) -> None:
    if not is_loopback(host) and not allow_remote:
        message = f"{host} is not a loopback address, and anyone may sign in here: add --allow-remote if you mean it."
        raise click.UsageError(message)


def local_hosts(host: str) -> list[str]:
    """What `Host` may be, lest a page from elsewhere have its name point here; none, for any, if others can connect."""
    return ["localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host] if is_loopback(host) else []
