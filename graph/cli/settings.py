"""`wxgate settings`: what there is to set, what is set here, and a file to fill in."""

from collections.abc import Iterator
from typing import Final

import click

from graph.settings import required, unknown_settings, variables
from graph.settings.effective import as_text, effective_settings
from graph.settings.environment import is_secret

_HEAD: Final = """\
# Copy this to .env, for its owner alone (chmod 600), and give it to what starts the server, which reads no file itself:
# `set -a; . ./.env; set +a; wxgate serve`, `docker run --env-file .env`, `EnvironmentFile=` of systemd.
# Put single quotes around a value with ", &, $ or blanks in it: the server strips them where Docker leaves them.
# What is commented out is the default. A secret is safer in a file of its own: WXGATE_WECHAT_APP_SECRET_FILE=/run/...
"""


@click.command()
@click.option("--effective", is_flag=True, help="What is in force here, and where from; of secrets only whether set.")
@click.option("--env", "as_file", is_flag=True, help="A file to fill in: `.env.example`.")
def settings(effective: bool, as_file: bool) -> None:
    """List every environment variable with its default and what it is; `_FILE` after a secret's name reads a file."""
    if effective and as_file:
        message = "--effective and --env exclude each other."
        raise click.UsageError(message)
    for line in _effective() if effective else _as_file() if as_file else _explained():
        click.echo(line)
    for sentence in unknown_settings() if effective else ():
        click.echo(sentence, err=True)


def _explained() -> Iterator[str]:
    for name, field in variables().items():
        yield f"{name}={as_text(field.default)}"
        yield f"    {field.description}{' Secret.' if is_secret(field) else ''}"


def _effective() -> Iterator[str]:
    for setting in effective_settings():
        yield f"{setting.variable}={setting.value}  # {setting.source}"


def _as_file() -> Iterator[str]:
    """Every line without its comment sign is one that a shell, Docker and systemd read alike."""
    yield _HEAD
    for name, field in variables().items():
        yield f"# {field.description}{' Secret.' if is_secret(field) else ''}"
        yield f"{'' if name in required({}) else '#'}{name}={as_text(field.default)}"
