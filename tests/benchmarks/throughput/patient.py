"""People who sign in while WeChat does not answer, each as patient as the server asks them to be.

    python -m tests.benchmarks.throughput.patient URL FILE CONNECTIONS SECONDS

`wrk` would send the next login as soon as one is refused. A mini-program waits for `retryAfterMs`, a second.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import uvloop

_WAIT_SECONDS: Final = 1.0
_ARRIVE_SECONDS: Final = 1.0


async def person(host: str, port: int, bodies: Iterator[str], *, comes_after: float) -> None:
    """Signs in, and again a second after each answer."""
    await asyncio.sleep(comes_after)
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for body in bodies:
            head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
            writer.write(f"{head}{len(body)}\r\n\r\n{body}".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            await asyncio.sleep(_WAIT_SECONDS)
    finally:
        writer.close()


async def main(url: str, lines: list[str], people: int, seconds: float) -> None:
    """Has them come one after another within a second, and go together."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    bodies = (line.partition("\t")[2] for line in lines)
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for number in range(people):
                after = _ARRIVE_SECONDS * number / people
                group.create_task(person(host, port, bodies, comes_after=after))
    except TimeoutError:
        pass


if __name__ == "__main__":
    uvloop.run(
        main(sys.argv[1], Path(sys.argv[2]).read_text("utf-8").splitlines(), int(sys.argv[3]), float(sys.argv[4]))
    )
