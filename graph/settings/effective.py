"""The settings in force: what each variable comes to here and where it comes from, secrets only as set or unset."""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import SecretStr

from graph.settings import Settings, located_fields, variables
from graph.settings.environment import is_secret, read_variables, source_of


class EffectiveSetting(NamedTuple):
    """`source` is `default`, `environment`, or the variable that named a file."""

    variable: str
    value: str
    source: str


def effective_settings() -> Iterator[EffectiveSetting]:
    """Every setting as `wxgate serve` would take it from this environment. Raises `SettingsError`."""
    settings = Settings.load()
    given, _ = read_variables(variables())
    for variable, path, field in located_fields():
        value: object = settings
        for name in path:
            value = getattr(value, name)
        source, text = source_of(variable, field, given), as_text(value)
        if is_secret(field) and source != "default":
            text = "set"
        elif is_secret(field):  # a default is in README, and no secret
            text = text or "unset"
        yield EffectiveSetting(variable, text, source)


def as_text(value: object) -> str:
    """A value as it stands in a variable: nothing for none, commas within a list."""
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case bool():
            return str(value).lower()
        case float():
            # In full: a rounded one is not what is in force.
            return repr(value).removesuffix(".0")
        case tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)
