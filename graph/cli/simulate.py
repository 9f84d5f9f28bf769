"""`wxgate simulate`: WeChat, and the phones of its users, on a socket."""

import random
import secrets
from dataclasses import dataclass, field
from typing import Self

import click
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware

from graph.cli import options
from graph.observability.logging import configure_logging
from graph.server.server import announce, run
from graph.server.sockets import in_url, listening
from graph.settings import Settings
from graph.simulator import SimulatorState, create_simulator


@dataclass(frozen=True, slots=True)
class SimulatedMiniProgram:
    """A made-up mini-program; the seed gives its made-up users the same openids every time."""

    app_id: str
    app_secret: str = field(repr=False)
    seed: int

    @classmethod
    def invent(cls, seed: int | None = None) -> Self:
        """A random one, or the one of this seed."""
        chosen = secrets.randbelow(2**32) if seed is None else seed
        chance = random.Random(chosen)  # noqa: S311 - made up for a simulator, and to be made up again
        return cls(f"wx{chance.randbytes(8).hex()}", chance.randbytes(16).hex(), chosen)

    def simulator(self) -> Starlette:
        return create_simulator(SimulatorState(self.app_id, self.app_secret, seed=self.seed))


@click.command()
@options.host
@click.option("--port", required=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--seed", type=int, help="Make the same mini-program, users, codes and keys every time.")
@options.allow_remote
def simulate(host: str, port: int, seed: int | None, allow_remote: bool) -> None:
    """Play WeChat, and the phones of its users, on a socket.

    The mini-program is the one in WXGATE_WECHAT_APP_ID and WXGATE_WECHAT_APP_SECRET, or a made-up one, which is
    printed as lines to paste.
    """
    options.require_loopback(host, allow_remote)
    wechat = Settings.load("wechat").wechat
    invented = SimulatedMiniProgram.invent(seed)
    mini_program = SimulatedMiniProgram(
        wechat.app_id or invented.app_id,
        wechat.app_secret.get_secret_value() if wechat.app_secret else invented.app_secret,
        invented.seed,
    )
    with listening(host, port) as listeners:
        click.echo(f"export WXGATE_WECHAT_BASE_URL=http://{in_url(host)}:{listeners[0].getsockname()[1]}")
        if wechat.app_id is None:
            click.echo(f"export WXGATE_WECHAT_APP_ID={mini_program.app_id}")
        if wechat.app_secret is None:
            click.echo(f"export WXGATE_WECHAT_APP_SECRET={mini_program.app_secret}")
        configure_logging(level="INFO", style="text")
        announce(listeners[0], workers=1)
        app = TrustedHostMiddleware(mini_program.simulator(), options.local_hosts(host) or ["*"])
        run(app, listeners)
