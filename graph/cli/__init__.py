"""The command `wxgate`: one function a subcommand. Exit codes: 0 done, 1 could not be done (and why), 2 wrong usage."""

import copy

import click

from graph.cli.dev import dev
from graph.cli.doctor import doctor
from graph.cli.errors import CommandGroup
from graph.cli.keys import keys, retire
from graph.cli.maintenance import cleanup, migrate, schema, settings
from graph.cli.serve import serve
from graph.cli.simulate import simulate


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wxgate")
def main() -> None:
    """The login and user back end of a WeChat mini-program, as one GraphQL server."""


def _hidden(command: click.Command) -> click.Command:
    """For a name that a command had."""
    alias = copy.copy(command)
    alias.hidden = True
    return alias


for _command in (dev, serve, simulate, migrate, cleanup, schema, settings, keys, doctor):
    main.add_command(_command)
main.add_command(_hidden(cleanup), "sweep")
keys.add_command(_hidden(retire), "forget")
