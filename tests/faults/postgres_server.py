"""A PostgreSQL server that a test may stop, start and freeze, because nobody else uses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.databases import postgres_server


@dataclass
class OwnPostgres:
    """It runs until it is stopped."""

    server: Any

    @property
    def directory(self) -> str:
        """Where its socket is."""
        return str(self.server.pgdata)

    def stop(self) -> None:
        """As an operator does: connections are cut off at once."""
        self.server.stop()

    def start(self) -> None:
        """Returns when it takes connections."""
        self.server.ensure_postgres_running()

    def freeze(self) -> None:
        """Nothing moves any more, and nobody is told: as on a machine that swaps, or a disk that hangs."""
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        """Ends `freeze`; harmless without it."""
        for process in self._processes():
            process.resume()

    def _processes(self) -> list[Any]:
        postmaster: Any = self.server.get_postmaster_info().process
        return [postmaster, *postmaster.children()] if postmaster.is_running() else []


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A server that is gone when the block ends, whatever the test has left it in."""
    with postgres_server() as server:
        postgres = OwnPostgres(server)
        try:
            yield postgres
        finally:
            postgres.thaw()
