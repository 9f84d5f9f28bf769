"""What a polite client of another address sees of attacks, and how much memory the server takes for them.

    python -m tests.benchmarks.attacks [--seconds 6] [--calm 3] [--attack NAME] [--database postgres|sqlite]

For each attack a `wxgate serve` of its own. The polite client sends `me`, one after the other with short pauses, every
tenth over a new connection, and logs in now and then. The attacker is another process, and has 127.0.0.1 unless many
addresses are named.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator, serve
from models.migrate import migrate
from tests.benchmarks.databases import DATABASES, new_database
from tests.processes import serve_environment, server_process
from tests.protocols.serving import post, read_response
from tests.server import APP_ID, APP_SECRET, LOGIN, ME

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

ONE: Final = ("127.0.0.1",)
MANY: Final = tuple(f"127.0.1.{host}" for host in range(1, 65))
POLITE: Final = "127.0.0.2"
JSON: Final = "Content-Type: application/json"
# What takes longest to validate of what is allowed.
COSTLY: Final = "{" + "me{id}" * 49 + "}"


def graphql(query: str, variables: dict[str, str] | None = None, *headers: str) -> bytes:
    """A request in full."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    return post(body, JSON, *headers, path="/graphql")


@dataclass
class Attacker:
    """Connections from some addresses, and what has become of them."""

    port: int
    seconds: float
    addresses: Sequence[str]
    outcomes: Counter[str] = field(default_factory=Counter)
    numbers: Any = field(default_factory=itertools.count)

    async def keep_up(self, connections: int, attack: Callable[[Streams], Awaitable[None]]) -> None:
        """So many connections at once, each replaced as soon as it has ended."""
        end = time.monotonic() + self.seconds

        async def one(address: str) -> None:
            while time.monotonic() < end:
                try:
                    streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
                except OSError as error:
                    self.outcomes[type(error).__name__] += 1
                    await asyncio.sleep(0.1)
                    continue
                try:
                    await attack(streams)
                except (OSError, EOFError, asyncio.IncompleteReadError):
                    self.outcomes["closed"] += 1
                finally:
                    streams[1].transport.abort()

        addresses = itertools.islice(itertools.cycle(self.addresses), connections)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                await asyncio.gather(*[one(address) for address in addresses])

    async def half_body(self, streams: Streams, size: int, sent: int) -> None:
        """Sends less than it announced, and waits for what comes of that."""
        reader, writer = streams
        writer.write(post(b"x" * size, JSON, path="/graphql")[: sent - size or None])
        status = (await reader.readline()).split()
        self.outcomes[status[1].decode() if status else "closed"] += 1
        await asyncio.sleep(0.2)

    async def idle(self, streams: Streams) -> None:
        """One request, and no other."""
        reader, writer = streams
        writer.write(b"GET /livez HTTP/1.1\r\nHost: server\r\n\r\n")
        self.outcomes[str((await read_response(reader)).status)] += 1
        await reader.read()
        self.outcomes["closed"] += 1

    async def flood(self, streams: Streams, query: str, variables: dict[str, str] | None = None) -> None:
        """One request after the other, each with another number for its #."""
        reader, writer = streams
        while True:
            number = str(next(self.numbers))
            filled = {name: value.replace("#", number) for name, value in (variables or {}).items()}
            writer.write(graphql(query.replace("#", f"# {number}"), filled))
            body = (await read_response(reader)).json
            self.outcomes[body["errors"][0]["extensions"]["code"] if "errors" in body else "answered"] += 1


@dataclass(frozen=True)
class Attack:
    """What an attacker does, from where, and how many descriptors the server has."""

    play: Callable[[Attacker], Awaitable[None]]
    addresses: Sequence[str] = ONE
    descriptors: int | None = None


def half_bodies(count: int, size: int, sent: int) -> Callable[[Attacker], Awaitable[None]]:
    return lambda attacker: attacker.keep_up(count, lambda streams: attacker.half_body(streams, size, sent))


def floods(query: str, variables: dict[str, str] | None = None) -> Callable[[Attacker], Awaitable[None]]:
    return lambda attacker: attacker.keep_up(16, lambda streams: attacker.flood(streams, query, variables))


ATTACKS: Final = {
    "C1 500 half bodies": Attack(half_bodies(500, 200, 100)),
    "C2 2,000 bodies, 63 of 64 KB": Attack(half_bodies(2_000, 65_536, 64_512)),
    "C2 from 64 addresses": Attack(half_bodies(2_000, 65_536, 64_512), MANY),
    "C3 300 idle, `ulimit -n 256`": Attack(lambda attacker: attacker.keep_up(300, attacker.idle), descriptors=256),
    "C4 new documents": Attack(floods(COSTLY + "#")),
    "C4 from 64 addresses": Attack(floods(COSTLY + "#"), MANY),
    "B3 garbage codes": Attack(floods(LOGIN, {"code": "garbage-#"})),
}


@dataclass
class Polite:
    """A client that means well."""

    port: int
    wechat: WeChatSimulator
    token: str = ""
    refused: Counter[str] = field(default_factory=Counter)
    users: Any = field(default_factory=itertools.count)
    _streams: Streams | None = None

    async def ask(self, request: bytes, *, anew: bool, address: str = POLITE) -> Any:
        """The data of a response, over a new connection or the last one; none for a refusal, which is counted."""
        try:
            if self._streams is None or anew:
                await self.leave()
                self._streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
            reader, writer = self._streams
            writer.write(request)
            body = (await read_response(reader)).json
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            self.refused[type(error).__name__] += 1
            await self.leave()
            return None
        if "errors" in body:
            self.refused[body["errors"][0]["extensions"]["code"]] += 1
            return None
        return body["data"]

    async def leave(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def log_in(self, address: str = POLITE) -> str | None:
        """A token."""
        code = await asyncio.to_thread(self.wechat.login, f"user-{next(self.users)}")
        data = await self.ask(graphql(LOGIN, {"code": code}), anew=True, address=address)
        await self.leave()
        return data and str(data["login"]["token"])

    async def latencies(self, seconds: float) -> list[float]:
        """How many milliseconds each `me` took."""
        taken: list[float] = []
        end = time.monotonic() + seconds
        me = graphql(ME, None, f"Authorization: Bearer {self.token}")
        for number in itertools.count():
            if (started := time.monotonic()) >= end:
                break
            if await self.ask(me, anew=number % 10 == 0) is not None:
                taken.append(1000 * (time.monotonic() - started))
            if number % 50 == 25:
                await self.log_in()
            await asyncio.sleep(0.01)
        return taken


def memory(pid: int, what: str) -> float:
    """MiB of a process, by the kernel's name for them."""
    found = re.search(rf"^{what}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def quantiles(latencies: Sequence[float]) -> str:
    """The median and the 99th percentile."""
    return f"{statistics.median(latencies):.1f}, {statistics.quantiles(latencies, n=100)[98]:.1f}"


async def measure(name: str, polite: Polite, pid: int, *, calm: float, seconds: float) -> str:
    """A line of the table, and what the attacker saw."""
    token = await polite.log_in()
    assert token is not None
    polite.token = token
    await polite.latencies(1)  # warms up
    before, rss = await polite.latencies(calm), memory(pid, "VmRSS")
    attacker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.attacks", "--seconds", str(seconds + 1)),
        *("--attack", name, "--port", str(polite.port)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert attacker.stdout is not None
    await attacker.stdout.readline()  # it has begun
    meanwhile = await polite.latencies(seconds)
    outcomes, _ = await attacker.communicate()
    refused = dict(polite.refused) or "nothing"
    started = time.monotonic()
    while await polite.log_in(ONE[0]) is None and time.monotonic() < started + 60:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.2)
    return (
        f"| {name} | {quantiles(before)} | {quantiles(meanwhile)} | {len(meanwhile)} | {refused} "
        f"| {rss:.0f}, {memory(pid, 'VmHWM'):.0f} | {time.monotonic() - started:.1f} s | {outcomes.decode().strip()} |"
    )


async def attack(name: str, port: int, seconds: float) -> None:
    """The other process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(flush=True)  # noqa: T201
    attacker = Attacker(port, seconds, ATTACKS[name].addresses)
    await ATTACKS[name].play(attacker)
    print(dict(attacker.outcomes))  # noqa: T201


def main() -> None:
    """Prints a line for each attack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--calm", type=float, default=3)
    parser.add_argument("--attack", choices=ATTACKS)
    parser.add_argument("--database", choices=DATABASES, default="postgres")
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.port:
        asyncio.run(attack(arguments.attack, arguments.port, arguments.seconds))
        return
    print("| attack | `me` before, p50, p99 (ms) | meanwhile | requests | refused | RSS before, at most (MiB) ", end="")  # noqa: T201
    print("| login from the attacker's address after | the attacker |")  # noqa: T201
    print("|---|---|---|---|---|---|---|---|")  # noqa: T201
    for name in [arguments.attack] if arguments.attack else ATTACKS:
        with (
            tempfile.TemporaryDirectory() as directory,
            new_database(arguments.database, Path(directory)) as url,
            serve(SimulatorState(APP_ID, APP_SECRET, seed=1)) as wechat,
        ):
            asyncio.run(migrate(url))
            output = Path(directory) / "output"
            limit = ATTACKS[name].descriptors
            with server_process(serve_environment(wechat, url), output, descriptors=limit) as server:
                polite = Polite(server.port, wechat)
                line = asyncio.run(measure(name, polite, server.pid, calm=arguments.calm, seconds=arguments.seconds))
                print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
