"""How long a server takes from its start to its first answer."""

import statistics
from pathlib import Path
from typing import Final

from tests.benchmarks.throughput import servers

STARTS: Final = 5


def measure(url: str, *, directory: Path, python: str) -> float:
    """The median of the seconds from the start of the process to the first answer of `/livez`."""
    taken = []
    for _ in range(STARTS):
        with servers.wxgate(url, directory / "wxgate.log", python=python) as server:
            taken.append(server.started_in)
    return statistics.median(taken)
