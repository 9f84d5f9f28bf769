"""Finds what a schema takes from the clients of an earlier one, and which schema the earlier one is."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graphql import build_schema, find_breaking_changes

SCHEMA: Final = "schema.graphql"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A schema that clients may have been built from; `release` is its version, if it was released."""

    sdl: str
    release: str | None = None


def breaking_changes(earlier: str, now: str) -> list[str]:
    """A sentence for each thing that a client of the earlier schema loses, from graphql-js's list of what breaks."""
    return [change.description for change in find_breaking_changes(build_schema(earlier), build_schema(now))]


def accepted_changes(changelog: str, version: str) -> str:
    """What the changelog says under a version, without line breaks: `breaking: ` and a sentence accept a change."""
    [section] = re.findall(rf"^## {re.escape(version)}\b.*?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return " ".join(str(section).split())


def unaccepted(changes: list[str], changelog: str, version: str) -> list[str]:
    """The changes that the changelog does not own up to, as it would."""
    said = accepted_changes(changelog, version)
    return [line for change in changes if (line := f"- breaking: {change}") not in said]


def may_break(release: str, version: str) -> bool:
    """Whether clients of a release must expect a version to break them: a new major one, or before 1.0 a minor one."""
    before, now = ([int(number) for number in re.findall(r"\d+", text)[:2]] for text in (release, version))
    return now > before if before[0] == 0 else now[0] > before[0]


def earlier_schema(repository: Path) -> Earlier | None:
    """What the schema in the working tree has to answer for: the newest release's, or else the last different one's.

    None where the repository cannot tell: it is no clone, or a shallow one, or the schema never changed.
    """
    release = _git(repository, "describe", "--tags", "--match", "v[0-9]*", "--abbrev=0")
    if release is not None and (sdl := _at(repository, release.strip())) is not None:
        return Earlier(sdl, release.strip().removeprefix("v"))
    now = (repository / SCHEMA).read_text("utf-8")
    # Before a commit the last different one is HEAD's, and after it, as in CI, the one before.
    for commit in (_git(repository, "log", "--format=%H", "--", SCHEMA) or "").split():
        if (sdl := _at(repository, commit)) not in {None, now}:
            return Earlier(str(sdl))
    return None


def _at(repository: Path, commit: str) -> str | None:
    return _git(repository, "show", f"{commit}:./{SCHEMA}")


def _git(repository: Path, *arguments: str) -> str | None:
    """What git says; None when it says that it cannot."""
    # A container's user is seldom the owner of the clone; nothing here runs what the clone configures.
    command = ["git", "-c", "safe.directory=*", *arguments]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
