"""Prints what was measured: Markdown for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from tests.benchmarks.throughput.figures import Row

_HEAD = (
    "operation",
    "database",
    "sessions",
    "connections",
    "server",
    "req/s",
    "against",
    "p50 ms",
    "p99 ms",
    "p99/p50",
    "CPU us",
    "RSS MiB",
    "failed",
)


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *lines])


def rows_as_markdown(rows: Sequence[Row]) -> str:
    """The table of the loads."""
    return markdown(_HEAD, [_cells(row) for row in rows])


def rows_as_json(rows: Sequence[Row]) -> str:
    """One object a line, every figure unrounded."""
    return "\n".join(json.dumps(asdict(row) | {"tail": row.figures.tail}, ensure_ascii=False) for row in rows)


def _cells(row: Row) -> list[str]:
    figures = row.figures
    return [
        row.operation,
        row.database,
        f"{row.sessions:,}",
        str(row.connections),
        row.server,
        f"{figures.rate:,.0f}",
        "" if row.against is None else f"{row.against:.2f} x {row.reference}",
        f"{figures.p50:.2f}",
        f"{figures.p99:.2f}",
        f"{figures.tail:.1f}",
        f"{figures.cpu:.0f}",
        f"{figures.rss:.0f}",
        f"{figures.failed:,.0f}",
    ]
