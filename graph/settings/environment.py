"""Reads groups of settings from the environment, secrets also from files, and puts a fault into one sentence."""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

PREFIX = "WXGATE_"


class SettingsError(Exception):
    """One sentence that names the variable at fault and what to do; never its value."""


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads a secret from the file that `<variable>_FILE` names, as container platforms hand them out."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        path = os.environ.get(f"{variable}_FILE")
        if not path or not is_secret(field):
            return None, field_name, False
        if os.environ.get(variable):
            msg = f"{variable} and {variable}_FILE are both set: keep one of them."
            raise SettingsError(msg)
        try:
            text = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            text = None
        if text is None:  # raised here, away from what was caught: a decoding error holds the bytes of the file
            msg = f"{variable}_FILE names a file that cannot be read as text."
            raise SettingsError(msg)
        if not text:
            msg = f"{variable}_FILE names an empty file."
            raise SettingsError(msg)
        return text, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is a secret, and may therefore come from a file as well."""
    return _mentions_secret(field.annotation)


def _mentions_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_mentions_secret(inner) for inner in getattr(annotation, "__args__", ()))


class Group(BaseSettings):
    """Settings whose variables share a prefix."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True, validate_default=True
    )

    @classmethod
    def load(cls) -> Self:
        """What the environment says of this group. Raises `SettingsError`."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from None
        except SourceError:
            groups = sorted(variable for variable, field in cls.variables().items() if group_in(field))
            given = ", ".join(name for name in groups if os.environ.get(name))
            msg = f"{given}: no such setting; `wxgate settings` lists them."
            raise SettingsError(msg) from None

    @classmethod
    def variables(cls) -> dict[str, FieldInfo]:
        """The variables of this group's own fields."""
        return {f"{cls.model_config['env_prefix']}{name}".upper(): field for name, field in cls.model_fields.items()}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _SecretFiles(settings_cls), env_settings


def group_in(field: FieldInfo) -> type[Group] | None:
    """The group that a field holds, if it holds one."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Group) else None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    [prefix] = [kind.model_config["env_prefix"] for kind in Group.__subclasses__() if kind.__name__ == error.title]
    variable = f"{prefix}{first['loc'][0]}".upper()
    reason = first["msg"].removeprefix("Value error, ")
    return f"{variable} {reason}." if reason.startswith(("must", "is ")) else f"{variable} is not valid: {reason}."
