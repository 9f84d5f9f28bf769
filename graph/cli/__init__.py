"""The command `wxgate`: one function a subcommand. Exit codes: 0 done, 1 could not be done (and why), 2 wrong usage."""

import copy

import click

from graph.cli.audit import audit
from graph.cli.dev import dev
from graph.cli.doctor import doctor
from graph.cli.errors import CommandGroup
from graph.cli.events import events
from graph.cli.keys import keys, retire
from graph.cli.maintenance import cleanup, migrate, schema
from graph.cli.pictures import pictures
from graph.cli.serve import serve
from graph.cli.services import services
from graph.cli.settings import settings
from graph.cli.simulate import simulate
from graph.cli.texts import texts
from graph.cli.users import users


@click.group(
    cls=CommandGroup,
    commands=[
        *(dev, serve, simulate, migrate, cleanup, schema, settings),
        *(keys, users, pictures, texts, events, services, audit, doctor),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(package_name="wxgate")
def main() -> None:
    """The login and user back end of a WeChat mini-program, as one GraphQL server."""


# Names that commands had.
for _group, _command, _name in ((main, cleanup, "sweep"), (keys, retire, "forget")):
    _alias = copy.copy(_command)
    _alias.hidden = True
    _group.add_command(_alias, _name)
