"""What one run of the command measures, from what was asked for."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

PARTS: Final = ("me", "login", "submitUserInfo", "workers", "hanging", "soak", "start")
DATABASES: Final = ("postgres", "sqlite")


@dataclass(frozen=True, slots=True)
class Plan:
    """A cross, not a square: every number of sessions at the middle number of connections, and the other way round."""

    databases: Sequence[str]
    sessions: Sequence[int]
    connections: Sequence[int]
    parts: Sequence[str]
    rounds: int
    seconds: int
    soak: int
    python: str
    node: bool
    keep: Path | None
    json: Path | None

    @classmethod
    def parse(cls, words: Sequence[str] | None = None, *, description: str = "") -> Self:
        """The plan in a command line."""
        parser = argparse.ArgumentParser(
            description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        add = parser.add_argument
        add("--databases", nargs="+", choices=DATABASES, default=DATABASES, help="where the data is")
        add("--sessions", nargs="+", type=int, default=[1_000, 100_000, 1_000_000], help="how many have signed in")
        add("--connections", nargs="+", type=int, default=[1, 64, 512], help="requests in flight")
        add("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured")
        add("--rounds", type=int, default=3, help="turns that each server takes; the median counts")
        add("--seconds", type=int, default=3, help="how long a turn is")
        add("--soak", type=int, default=1_000_000, help="requests of the part soak")
        add("--python", default=sys.executable, help="whose wxgate soak and start measure, run in a plain install")
        add("--node", action="store_true", help="measure Mercurius, Apollo Server and graphql-yoga too")
        add("--keep", type=Path, help="directory that keeps the seeded databases for the next run")
        add("--json", type=Path, help="file for every figure, one object a line; printed without it")
        return cls(**vars(parser.parse_args(words)))

    @property
    def usual_sessions(self) -> int:
        """How many sessions there are where it is something else that varies."""
        return _middle(self.sessions)

    def connections_at(self, sessions: int) -> Sequence[int]:
        """The numbers of connections to measure at this number of sessions."""
        return self.connections if sessions == self.usual_sessions else [self.usual_connections]

    @property
    def usual_connections(self) -> int:
        """As `usual_sessions`, of connections."""
        return _middle(self.connections)

    @property
    def programs(self) -> list[str]:
        """What must be installed."""
        return ["wrk", "node", "npm"] if self.node else ["wrk"]


def _middle(numbers: Sequence[int]) -> int:
    return sorted(numbers)[len(numbers) // 2]
