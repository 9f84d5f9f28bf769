"""The options that the listening commands share, and what they all do with them."""

import click

from graph.settings import is_loopback

host = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
port = click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one."
)
allow_remote = click.option("--allow-remote", is_flag=True, help="Listen on an address that other machines can reach.")


def require_loopback(host: str, allow_remote: bool) -> None:
    """Raises `UsageError` for an address that others can reach, unless that is meant."""
    if not is_loopback(host) and not allow_remote:
        message = f"{host} is not a loopback address, and anyone may sign in here: add --allow-remote if you mean it."
        raise click.UsageError(message)


def local_hosts(host: str) -> list[str]:
    """What `Host` may be where only this machine can connect: a page from elsewhere could have its name point here.

    None, for any, where other machines can.
    """
    return ["localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host] if is_loopback(host) else []
