"""What the checks of `wxgate doctor` found: a line each as they end, or all of them as one JSON document."""

import json
import platform
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib.metadata import version

import click


class Level(StrEnum):
    """A warning is of what works and should be otherwise; only a fault keeps a server from its work."""

    OK = "ok"
    WARN = "warn"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Check:
    """`note` is what is wrong and what to do about it, or, where all is well, what was found."""

    subject: str
    note: str = ""
    level: Level = Level.OK

    def line(self) -> str:
        """As a terminal shows it."""
        if self.level is Level.OK:
            return f"ok     {self.subject}: {self.note}" if self.note else f"ok     {self.subject}"
        return f"{self.level.upper():5}  {self.subject}  {self.note}"


def warning(subject: str, note: str) -> Check:
    return Check(subject, note, Level.WARN)


def fault(subject: str, note: str) -> Check:
    return Check(subject, note, Level.FAULT)


def fault_if(subject: str, advice: str | None) -> Check:
    """A fault where there is advice."""
    return fault(subject, advice) if advice else Check(subject)


@dataclass(slots=True)
class Report:
    """`versions` has those of wxgate and Python, and of what else the checks meet."""

    as_json: bool = False
    versions: dict[str, str] = field(
        default_factory=lambda: {"wxgate": version("wxgate"), "python": platform.python_version()}
    )
    checks: list[Check] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """That of the worst check."""
        return max((check.level for check in self.checks), key=[*Level].index, default=Level.OK)

    def add(self, check: Check) -> None:
        self.checks.append(check)
        if not self.as_json:
            click.echo(check.line())

    def end(self) -> int:
        """Prints what is left to print, and returns the exit code."""
        if self.as_json:
            checks = [asdict(check) for check in self.checks]
            click.echo(json.dumps({"level": self.level, "versions": self.versions, "checks": checks}, indent=2))
        return 1 if self.level is Level.FAULT else 0
