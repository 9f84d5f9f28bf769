"""Memory over many requests: flat, or not."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.throughput import servers, traffic
from tests.benchmarks.throughput.load import Load, drive, resident
from tests.benchmarks.throughput.script import lines
from tests.benchmarks.throughput.seed import Seeded

_CONNECTIONS: Final = 64
_SECONDS: Final = 5


def measure(
    url: str, people: Sequence[Seeded], *, directory: Path, requests: int, python: str
) -> Iterator[tuple[int, float]]:
    """How many `me` requests there have been so far, and the MiB that the server holds, until there were so many."""
    of_me = directory / "me"
    of_me.write_text(lines(traffic.me(people)), "utf-8")
    with servers.wxgate(url, directory / "wxgate.log", python=python) as server:
        yield 0, resident(server.pid)
        answered, load = 0, Load(of_me, _CONNECTIONS, 1)
        while answered < requests:
            figures = drive(server.url, server.pid, load)
            answered += round(figures.rate * load.seconds)
            yield answered, figures.rss
            load = Load(of_me, _CONNECTIONS, _SECONDS)
