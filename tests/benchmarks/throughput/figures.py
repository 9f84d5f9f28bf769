"""What was measured of one server under one load."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests a second, latencies in milliseconds, CPU in microseconds a request, memory in MiB."""

    rate: float
    p50: float
    p99: float
    cpu: float
    rss: float
    failed: float

    @property
    def tail(self) -> float:
        """p99 as a multiple of p50."""
        return self.p99 / self.p50 if self.p50 else 0.0

    @classmethod
    def median(cls, runs: Sequence[Self]) -> Self:
        """The median of each figure, but every failure."""
        middle = {field.name: statistics.median(getattr(run, field.name) for run in runs) for field in fields(cls)}
        return cls(**middle | {"failed": sum(run.failed for run in runs)})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `against` is the rate as a multiple of `reference`'s in the same rounds."""

    operation: str
    database: str
    sessions: int
    connections: int
    server: str
    figures: Figures
    against: float | None = None
    reference: str = ""


def compared(rows: Sequence[Row], reference: str) -> list[Row]:
    """The rows of one group of rounds, each with its rate against the reference's if that is among them."""
    rate = next((row.figures.rate for row in rows if row.server == reference), 0.0)
    return [_against(row, reference, rate) if rate else row for row in rows]


def bounded(row: Row, wechat_ms: int) -> Row:
    """A row of logins against what a WeChat that takes so long allows: each connection one login at a time."""
    if not wechat_ms:
        return row
    bound = row.connections * 1000 / wechat_ms
    return _against(row, f"the bound {bound:,.0f}", bound)


def _against(row: Row, reference: str, rate: float) -> Row:
    return Row(
        row.operation,
        row.database,
        row.sessions,
        row.connections,
        row.server,
        row.figures,
        row.figures.rate / rate,
        reference,
    )
