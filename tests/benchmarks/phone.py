"""What a `me` costs with a user's phone number, and what without: CPU of the server and of its database.

    python -m tests.benchmarks.phone [--rounds 8] [--requests 2000]

A real `wxgate serve`, 16 requests at once over kept connections; the kinds take turns, and the median of the rounds
counts.
"""

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Final

import httpx

from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator, serve
from models.migrate import migrate
from tests.benchmarks.cpu import cpu_seconds, database
from tests.processes import serve_environment, server_process
from tests.server import APP_ID, APP_SECRET, LOGIN, ME, USER

AT_ONCE: Final = 16
ME_WITH_PHONE: Final = f"{{ me {{ {USER} phone {{ masked }} }} }}"
SUBMIT: Final = "mutation ($code: String!) { submitPhoneNumber(code: $code) { phone { masked } } }"
# What is sent, and whether the user has a number.
KINDS: Final = {
    "`me`, user without a number": (ME, False),
    "`me`, user with one": (ME, True),
    "`me { phone { masked } }`, user without one": (ME_WITH_PHONE, False),
    "`me { phone { masked } }`, user with one": (ME_WITH_PHONE, True),
}


async def post(http: httpx.AsyncClient, query: str, **variables: str) -> dict[str, dict[str, str]]:
    """The data of a response without errors."""
    answer = (await http.post("/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    data: dict[str, dict[str, str]] = answer["data"]
    return data


async def sign_in(url: str, wechat: WeChatSimulator, *, with_phone: bool) -> str:
    """The token of a new user."""
    user = f"user {with_phone}"
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
        token = (await post(http, LOGIN, code=wechat.login(user)))["login"]["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        if with_phone:
            await post(http, SUBMIT, code=str(wechat.phone_number(user)["code"]))
    return token


async def ask(url: str, token: str, query: str, requests: int) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as http:
        left = iter(range(requests))

        async def one_after_the_other() -> None:
            for _ in left:
                await post(http, query)

        await asyncio.gather(*[one_after_the_other() for _ in range(AT_ONCE)])


def measure(kind: str, directory: Path, *, rounds: int, requests: int) -> dict[str, list[float]]:
    """Microseconds of CPU a request, by what is asked, in each round."""
    costs: dict[str, list[float]] = {name: [] for name in KINDS}
    with database(kind, directory) as (url, database_pid), serve(SimulatorState(APP_ID, APP_SECRET, seed=1)) as wechat:
        asyncio.run(migrate(url))
        environment = serve_environment(wechat, url, WXGATE_LOG_LEVEL="ERROR")
        with server_process(environment, directory / "output") as server:
            processes = [server.pid, *([database_pid] if database_pid else [])]
            tokens = {has: asyncio.run(sign_in(server.url, wechat, with_phone=has)) for has in (False, True)}
            for number in range(-1, rounds):  # the first one warms up
                for name, (query, has_phone) in KINDS.items():
                    before = sum(map(cpu_seconds, processes))
                    asyncio.run(ask(server.url, tokens[has_phone], query, requests))
                    if number >= 0:
                        costs[name].append((sum(map(cpu_seconds, processes)) - before) / requests * 1e6)
    return costs


def main() -> None:
    """Prints a line for each database and question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--requests", type=int, default=2000)
    arguments = parser.parse_args()
    print("| database | request | CPU | times the first |")  # noqa: T201
    print("|---|---|---|---|")  # noqa: T201
    for kind in ("postgres", "sqlite"):
        with tempfile.TemporaryDirectory() as directory:
            costs = measure(kind, Path(directory), rounds=arguments.rounds, requests=arguments.requests)
        first, *_ = medians = [statistics.median(measured) for measured in costs.values()]
        for name, median in zip(costs, medians, strict=True):
            print(f"| {kind} | {name} | {median:.0f} us | {median / first:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
