"""What was measured of one server under one load, and how it is printed."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests a second, latencies in milliseconds, CPU in microseconds a request, memory in MiB.

    `failed` requests got no data; of them `lost` are logins whose code WeChat had taken already.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    rss: float
    failed: float
    lost: float = 0

    @classmethod
    def median(cls, runs: Sequence[Self]) -> Self:
        """The median of each figure, but every failure."""
        middle = {field.name: statistics.median(getattr(run, field.name) for run in runs) for field in fields(cls)}
        return cls(**middle | {name: sum(getattr(run, name) for run in runs) for name in ("failed", "lost")})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratio` is the rate as a multiple of `reference`'s in the same rounds."""

    operation: str
    database: str
    sessions: int
    in_flight: int
    server: str
    figures: Figures
    ratio: float | None = None
    reference: str = ""

    def against(self, rate: float, reference: str) -> "Row":
        """The row with its ratio."""
        return replace(self, ratio=self.figures.rate / rate, reference=reference)


_COLUMNS = (
    *("operation", "database", "sessions", "in flight", "server", "req/s", "ratio"),
    *("p50 ms", "p99 ms", "CPU us", "RSS MiB", "failed", "lost"),
)
HEAD = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"


def compared(rows: Sequence[Row], reference: str) -> list[Row]:
    """The rows of one group of rounds, each with its rate against the reference's if that is among them."""
    rate = next((row.figures.rate for row in rows if row.server == reference), 0.0)
    return [row.against(rate, reference) if rate else row for row in rows]


def markdown(row: Row) -> str:
    """A line of the table."""
    figures = row.figures
    cells = [
        row.operation,
        row.database,
        f"{row.sessions:,}",
        str(row.in_flight),
        row.server,
        f"{figures.rate:,.0f}",
        "" if row.ratio is None else f"{row.ratio:.2f} x {row.reference}",
        *(f"{value:.2f}" for value in (figures.p50, figures.p99)),
        *(f"{value:,.0f}" for value in (figures.cpu, figures.rss, figures.failed, figures.lost)),
    ]
    return f"| {' | '.join(cells)} |"


def as_json(row: Row) -> str:
    """Every figure unrounded, on one line."""
    return json.dumps(asdict(row), ensure_ascii=False)
