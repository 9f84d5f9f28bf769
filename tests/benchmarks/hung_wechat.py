"""How long `me` takes while logins wait for a WeChat that hangs, beside how long it takes when all is calm.

    python -m tests.benchmarks.hung_wechat [--logins 200] [--rounds 3] [--seconds 4] [--database sqlite|postgres]

Each round measures calm, then as long while the logins hang, which is less than the five seconds that a call to WeChat
may take; then WeChat recovers. A login that is refused is sent again when the response asks for it.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any, Final

import httpx

from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator, serve
from models.migrate import migrate
from tests.benchmarks.databases import DATABASES, new_database
from tests.processes import serve_environment, serve_process
from tests.protocols.serving import read_response
from tests.server import APP_ID, APP_SECRET, LOGIN, ME

READERS: Final = 4


class Clients:
    """Connections to the server, and what has become of logins."""

    def __init__(self, url: str, wechat: WeChatSimulator) -> None:
        self._readers = httpx.AsyncClient(base_url=url, timeout=60, trust_env=False)
        self._host, self._port = url.removeprefix("http://").split(":")
        self.wechat = wechat
        self.outcomes: Counter[str] = Counter()

    async def aclose(self) -> None:
        await self._readers.aclose()

    async def sign_in(self) -> str:
        """A token, while all is well."""
        body = {"query": LOGIN, "variables": {"code": self.wechat.login("alice")}}
        return str((await self._readers.post("/graphql", json=body)).json()["data"]["login"]["token"])

    async def me(self, token: str) -> None:
        """Sends one `me`."""
        headers = {"Authorization": f"Bearer {token}"}
        response = (await self._readers.post("/graphql", json={"query": ME}, headers=headers)).json()
        if "errors" in response:
            self.outcomes[f"me: {response['errors'][0]['extensions']['code']}"] += 1
        else:
            assert response["data"]["me"]

    async def latencies(self, token: str, seconds: float) -> list[float]:
        """How long `me` took each time, sent by a few clients, one after the other each."""
        taken: list[float] = []
        end = time.perf_counter() + seconds

        async def read() -> None:
            while (started := time.perf_counter()) < end:
                await self.me(token)
                taken.append(time.perf_counter() - started)

        await asyncio.gather(*[read() for _ in range(READERS)])
        return taken

    async def log_in(self, code: str) -> None:
        """Until it is done, or the code may be spent; over one connection, and too cheap to slow the readers down."""
        body = json.dumps({"query": LOGIN, "variables": {"code": code}}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        reader, writer = await asyncio.open_connection(self._host, int(self._port))
        action = "WAIT"
        while action == "WAIT":
            writer.write(head.encode() + b"\r\n\r\n" + body)
            response = (await read_response(reader)).body
            error: dict[str, Any] = response["errors"][0]["extensions"] if "errors" in response else {"action": "done"}
            action = error["action"]
            self.outcomes[f"login: {action}"] += 1
            await asyncio.sleep(error.get("retryAfterMs", 1000 * (action == "WAIT")) / 1000)
        writer.close()


async def play(
    clients: Clients, *, logins: int, rounds: int, seconds: float
) -> tuple[list[list[float]], list[list[float]]]:
    """The latencies of calm rounds, and of those in between."""
    token = await clients.sign_in()
    await clients.latencies(token, 1)  # warms up
    calm, hung = [], []
    for number in range(rounds):
        codes = [clients.wechat.login(f"p{number}-{place}") for place in range(logins)]
        calm.append(await clients.latencies(token, seconds))
        clients.wechat.fail("hang", times=None)
        tasks = [asyncio.create_task(clients.log_in(code)) for code in codes]
        await asyncio.sleep(0.5)  # they arrive
        hung.append(await clients.latencies(token, seconds))
        clients.wechat.heal()
        await asyncio.gather(*tasks)
    return calm, hung


def main() -> None:
    """Prints the medians, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logins", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--database", choices=DATABASES, default="postgres")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        new_database(arguments.database, Path(name)) as url,
        serve(SimulatorState(APP_ID, APP_SECRET, seed=1)) as wechat,
    ):
        asyncio.run(migrate(url))
        unlimited = {"WXGATE_RATE_LIMIT_LOGIN": ""}
        environment = serve_environment(wechat, url, **unlimited)
        with serve_process(environment, Path(name) / "output") as server:

            async def run() -> tuple[list[list[float]], list[list[float]], Counter[str]]:
                clients = Clients(server, wechat)
                async with contextlib.aclosing(clients):
                    rounds = await play(
                        clients, logins=arguments.logins, rounds=arguments.rounds, seconds=arguments.seconds
                    )
                return *rounds, clients.outcomes

            calm, hung, outcomes = asyncio.run(run())
    before, meanwhile = (statistics.median(chain(*rounds)) for rounds in (calm, hung))
    print("| logins waiting | `me`, calm | `me` meanwhile | ratio | of each round | responses |")  # noqa: T201
    print("|---|---|---|---|---|---|")  # noqa: T201
    ratios = ", ".join(
        f"{statistics.median(during) / statistics.median(quiet):.2f}" for quiet, during in zip(calm, hung, strict=True)
    )
    print(  # noqa: T201
        f"| {arguments.logins} | {1000 * before:.2f} ms | {1000 * meanwhile:.2f} ms | {meanwhile / before:.2f} "
        f"| {ratios} | {dict(outcomes)} |"
    )


if __name__ == "__main__":
    main()
