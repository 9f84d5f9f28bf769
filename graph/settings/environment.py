"""Reads the environment: what each variable holds, or the file that one names."""

import difflib
import os
import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from graph.settings import values

# Kubernetes describes each Service of a namespace to each pod: one that is called `wxgate-metrics` sets
# `WXGATE_METRICS_PORT=tcp://10.0.0.1:9464` and ten more.
_LINK: Final = re.compile(r"(tcp|udp|sctp)://\S+").fullmatch
_NAME_OF_LINK: Final = re.compile(
    r"\w+_SERVICE_HOST|\w+_SERVICE_PORT(_\w+)?|\w+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
).fullmatch


def read_variables(fields: Mapping[str, FieldInfo]) -> tuple[dict[str, str], list[str]]:
    """The variables that are set, and a sentence for each that cannot be read."""
    given: dict[str, str] = {}
    faults = []
    for variable, field in fields.items():
        value = _cleaned(os.environ.get(variable, ""))
        file = _cleaned(os.environ.get(f"{variable}_FILE", "")) if is_secret(field) else ""
        if value and file:
            faults.append(f"{variable} and {variable}_FILE are both set: keep one of them.")
        elif file:
            try:
                value = _cleaned(Path(file).read_text("utf-8-sig"))
            except (OSError, UnicodeDecodeError):
                faults.append(f"{variable}_FILE names a file that cannot be read as text.")
            else:
                faults += [] if value else [f"{variable}_FILE names an empty file."]
        if not _LINK(value) and (value or (variable in os.environ and values.EMPTY_IS_A_VALUE in field.metadata)):
            given[variable] = value
    return given, faults


def source_of(variable: str, field: FieldInfo, given: Container[str]) -> str:
    """Where a setting comes from, of which `given` are those that `read_variables` found set."""
    if variable not in given:
        return "default"
    from_file = is_secret(field) and _cleaned(os.environ.get(f"{variable}_FILE", ""))
    return f"{variable}_FILE" if from_file else "environment"


def _cleaned(value: str) -> str:
    """Without blanks, line ends and a pair of quotes around it, which `docker --env-file` and Windows leave there."""
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1].strip() if quoted else value


def unknown_variables(settings: Mapping[str, FieldInfo]) -> list[str]:
    """A sentence for each variable of the environment that looks like a setting and is none."""
    known = {*settings, *(f"{variable}_FILE" for variable, field in settings.items() if is_secret(field))}
    sentences = []
    for variable, value in sorted(os.environ.items()):
        if variable.startswith("WXGATE_") and not (variable in known or _NAME_OF_LINK(variable) or _LINK(value)):
            similar = difflib.get_close_matches(variable, known, n=1, cutoff=0.85)
            meant = f" (did you mean {similar[0]}?)" if similar else ""
            sentences.append(f"{variable}: no such setting{meant}; `wxgate settings` lists them.")
    return sentences


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is a secret, and may therefore come from a file as well."""
    return _mentions_secret(field.annotation)


def _mentions_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_mentions_secret(inner) for inner in getattr(annotation, "__args__", ()))
