"""What processes cost: CPU time by /proc, and a database whose process can be asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.databases import new_postgres_url, postgres

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """What a process, its children and those of its children that have ended have used."""
    used = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if pid in {int(stat.parent.name), int(fields[1])}:
            used += sum(map(int, fields[11:15]))
    return used / _TICKS


@contextmanager
def database(kind: str, directory: Path) -> Iterator[tuple[str, int | None]]:
    """Its URL, and its process if it is one."""
    if kind == "sqlite":
        yield f"sqlite://{directory / 'wxgate.db'}", None
    else:
        with postgres() as socket_directory:
            pid = int(Path(socket_directory, "postmaster.pid").read_text().split()[0])
            yield new_postgres_url(socket_directory), pid
