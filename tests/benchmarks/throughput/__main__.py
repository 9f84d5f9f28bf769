"""How many requests a second a process answers, beside the natural limit of its stack.

python -m tests.benchmarks.throughput [--database postgres] [--sessions 100000] [--connections 64] [--rounds 3]
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from tests.benchmarks.throughput.load import Figures, drive
from tests.benchmarks.throughput.seed import seed
from tests.benchmarks.throughput.servers import Server, natural, wxgate
from tests.databases import new_postgres_url, postgres

ME: Final = "{ me { id nickName avatarUrl gender city province country language } }"


@contextlib.contextmanager
def _database(kind: str, directory: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite://{directory}/wxgate.db"
    else:
        with postgres() as socket_directory:
            yield new_postgres_url(socket_directory)


def _same_answers(servers: list[Server], tokens: list[str], body: bytes) -> None:
    for token in tokens[:20]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        answers = [
            httpx.post(f"{server.url}/graphql", content=body, headers=headers, trust_env=False).json()
            for server in servers
        ]
        if any(answer != answers[0] for answer in answers) or not answers[0]["data"]["me"]:
            message = f"the servers do not answer alike: {answers}"
            raise RuntimeError(message)


def _measure(servers: list[Server], arguments: argparse.Namespace, body: bytes, tokens: Path) -> dict[str, Any]:
    """The median of interleaved rounds for each server, after one that is not counted."""
    runs: dict[str, list[Figures]] = {server.name: [] for server in servers}
    for turn in range(arguments.rounds + 1):
        for server in servers:
            seconds = arguments.seconds if turn else 2
            figures = drive(
                server.url, server.pid, body=body, tokens=tokens, connections=arguments.connections, seconds=seconds
            )
            if turn:
                runs[server.name].append(figures)
    return {
        name: {
            field: statistics.median(getattr(figures, field) for figures in rounds)
            for field in ("rate", "p50", "p99", "cpu", "rss", "failed")
        }
        for name, rounds in runs.items()
    }


def _print(results: dict[str, Any]) -> None:
    lines = [
        "| server | req/s | against h | p50 ms | p99 ms | CPU us a request | RSS MiB | failed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        lines.append(
            f"| {name} | {row['rate']:,.0f} | {row['rate'] / results['h']['rate']:.2f} | {row['p50']:.1f} | "
            f"{row['p99']:.1f} | {row['cpu']:.0f} | {row['rss']:.0f} | {row['failed']:.0f} |"
        )
    print("\n".join([*lines, json.dumps(results)]))  # noqa: T201


def main() -> None:
    """Seeds, starts, compares and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    body = json.dumps({"query": ME}).encode()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as opened:
        directory = Path(name)
        url = opened.enter_context(_database(arguments.database, directory))
        tokens = asyncio.run(seed(url, arguments.sessions))
        (directory / "tokens").write_text("\n".join(tokens), "utf-8")
        servers = [
            opened.enter_context(natural("h", url, directory / "h")),
            opened.enter_context(wxgate(url, directory / "wxgate")),
        ]
        _same_answers(servers, tokens, body)
        servers.append(opened.enter_context(natural("uvicorn alone", "-", directory / "raw")))
        _print(_measure(servers, arguments, body, directory / "tokens"))


if __name__ == "__main__":
    main()
