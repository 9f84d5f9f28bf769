"""Who is measured when: servers take turns, round after round, and the first round counts for nothing."""

import json
from collections.abc import Callable, Sequence
from typing import Final

import httpx

from tests.benchmarks.throughput.figures import Figures
from tests.benchmarks.throughput.load import Load, drive
from tests.benchmarks.throughput.servers import Server
from tests.benchmarks.throughput.traffic import Request

_ASKED: Final = 20


def measure(servers: Sequence[Server], load: Callable[[int], Load], *, rounds: int, seconds: int) -> dict[str, Figures]:
    """The median of the rounds for each server. `load` makes what is sent for so many seconds."""
    runs: dict[str, list[Figures]] = {server.name: [] for server in servers}
    for turn in range(rounds + 1):
        for server in servers:
            figures = drive(server.url, server.pid, load(seconds if turn else 1))
            if turn:
                runs[server.name].append(figures)
    return {name: Figures.median(figures) for name, figures in runs.items()}


def require_same_answers(servers: Sequence[Server], requests: Sequence[Request]) -> None:
    """Asks every server the same; raises `RuntimeError` where answers differ, hold errors or no data."""
    for token, body in requests[:_ASKED]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        answers = {
            server.name: httpx.post(f"{server.url}/graphql", content=body, headers=headers, trust_env=False).json()
            for server in servers
        }
        first = next(iter(answers.values()))
        if any(answer != first for answer in answers.values()) or "errors" in first or None in first["data"].values():
            message = f"the servers do not answer alike: {json.dumps(answers, ensure_ascii=False)}"
            raise RuntimeError(message)
