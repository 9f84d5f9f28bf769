"""The command `wxgate`: one function a subcommand. Exit codes: 0 done, 1 could not be done (and why), 2 wrong usage.

`serving.py` has what listens (`dev`, `serve`, `simulate`), `upkeep.py` what an operator runs now and then (`migrate`,
`sweep`, `schema`, `settings`, `doctor`), `keys.py` the encryption keys; `faults.py` turns what goes wrong into one
sentence.
"""

import click

from graph.cli.keys import keys
from graph.cli.maintenance import doctor, migrate, schema, settings, sweep
from graph.cli.serve import dev, serve, simulate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wxgate")
def main() -> None:
    """The login and user back end of a WeChat mini-program, as one GraphQL server."""


for _command in (dev, serve, simulate, migrate, sweep, schema, settings, keys, doctor):
    main.add_command(_command)
