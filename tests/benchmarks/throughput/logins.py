"""Logins over so many connections, one at a time on each, and what became of the codes that WeChat took for them."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import uvloop

from tests.benchmarks.throughput.requests import Request
from tests.benchmarks.throughput.results import Figures
from tests.benchmarks.throughput.servers import Server
from tests.benchmarks.throughput.wrk import cpu_seconds, resident

_HEAD: Final = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
# Longer than the server gives a request.
_TIMEOUT: Final = 15.0


@dataclass
class Outcomes:
    """Seconds of each login that succeeded before the time was up, and how many there were in all."""

    seconds: list[float] = field(default_factory=list)
    succeeded: int = 0
    failed: int = 0


def drive(server: Server, wechat_url: str, logins: Iterator[Request], *, connections: int, seconds: float) -> Figures:
    """Sends logins for so long, waits for the last responses, and compares them with the codes that WeChat took.

    A login is lost when WeChat took its code and the client got no token for it.
    """
    taken, before = codes_taken(wechat_url), cpu_seconds(server.pid)
    outcomes = Outcomes()
    uvloop.run(_drive(server.url, logins, outcomes, connections=connections, seconds=seconds))
    used = cpu_seconds(server.pid) - before
    milliseconds = [1000 * taken_by_one for taken_by_one in outcomes.seconds] or [0.0, 0.0]
    percentiles = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return Figures(
        rate=len(outcomes.seconds) / seconds,
        p50=percentiles[49],
        p99=percentiles[98],
        cpu=1e6 * used / max(1, outcomes.succeeded + outcomes.failed),
        rss=resident(server.pid),
        failed=outcomes.failed,
        lost=codes_taken(wechat_url) - taken - outcomes.succeeded,
    )


def codes_taken(wechat_url: str) -> int:
    """How many codes the benchmark's WeChat has taken."""
    return int(httpx.get(f"{wechat_url}/taken", trust_env=False).text)


async def _drive(url: str, logins: Iterator[Request], outcomes: Outcomes, *, connections: int, seconds: float) -> None:
    end = time.perf_counter() + seconds
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_client(url, logins, outcomes, end))


async def _client(url: str, logins: Iterator[Request], outcomes: Outcomes, end: float) -> None:
    while time.perf_counter() < end:
        try:
            await _log_in(url, logins, outcomes, end)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            outcomes.failed += 1


async def _log_in(url: str, logins: Iterator[Request], outcomes: Outcomes, end: float) -> None:
    """Over one connection until the end, or until the connection breaks."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        while (began := time.perf_counter()) < end:
            _, body = next(logins)
            writer.write(f"{_HEAD}{len(body)}\r\n\r\n{body}".encode())
            async with asyncio.timeout(_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                response = await reader.readexactly(size)
            if b'"errors"' in response:
                outcomes.failed += 1
                await asyncio.sleep(_wait(json.loads(response)))
                continue
            outcomes.succeeded += 1
            if (now := time.perf_counter()) < end:
                outcomes.seconds.append(now - began)
    finally:
        writer.close()


def _wait(response: dict[str, Any]) -> float:
    milliseconds: int = response["errors"][0]["extensions"].get("retryAfterMs", 0)
    return milliseconds / 1000
