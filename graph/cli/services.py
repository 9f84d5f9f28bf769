"""`wxgate services`: the credentials of other services."""

import click

from graph.security.errors import ServicesError
from graph.security.service_credentials import ServiceScope, issue_entry


@click.group()
def services() -> None:
    """Make credentials for other services, which ask this server about its users.

    To replace a secret without a pause: add the new entry beside the old one and restart every replica, give the
    service the new secret, and take the old entry out.
    """


@services.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in ServiceScope]),
    help="What it may do. `users`: read which users were deleted or merged.",
)
def new(name: str, scopes: tuple[str, ...]) -> None:
    """Print a new secret for the service NAME, this once, and its entry for WXGATE_SERVICES.

    The service sends both by HTTP Basic, or the secret alone as a bearer token. The entry holds a hash of it.
    """
    try:
        secret, entry = issue_entry(name, scopes)
    except ServicesError:
        msg = "NAME must be a name of 1 to 32 characters a-z 0-9 _ -."
        raise click.ClickException(msg) from None
    click.echo(f"secret  {secret.get_secret_value()}\nentry   {entry}")
