"""What a login costs with a unionid, and what without: CPU of the server and of its database.

    python -m tests.benchmarks.unionids [--rounds 8] [--logins 250]

A real `wxgate serve` and a WeChat that answers at once. First logins of new users, and logins of users who are known;
the kinds take turns, and the median of the rounds counts.
"""

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Final

import httpx

from graph.simulator import SimulatorState
from graph.simulator.serving import serve
from models.migrate import migrate
from tests.benchmarks.cpu import cpu_seconds, database
from tests.processes import ServerProcess, serve_environment, server_process
from tests.server import APP_ID, APP_SECRET, LOGIN

AT_ONCE: Final = 16
KINDS: Final = ("first", "returning")


async def log_in(server: ServerProcess, codes: list[str]) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:

        async def one_after_the_other() -> None:
            while codes:
                body = {"query": LOGIN, "variables": {"code": codes.pop()}}
                answer = (await http.post("/graphql", json=body)).json()
                assert "errors" not in answer, answer

        await asyncio.gather(*[one_after_the_other() for _ in range(AT_ONCE)])


def measure(kind: str, directory: Path, *, rounds: int, logins: int) -> dict[tuple[str, bool], list[float]]:
    """Microseconds of CPU a login, by kind of login and whether it has a unionid, in each round."""
    costs: dict[tuple[str, bool], list[float]] = {(login, has): [] for login in KINDS for has in (False, True)}
    state = SimulatorState(APP_ID, APP_SECRET, seed=1)
    with database(kind, directory) as (url, database_pid), serve(state) as wechat:
        asyncio.run(migrate(url))
        unlimited = {"WXGATE_RATE_LIMIT_LOGIN": "", "WXGATE_LOG_LEVEL": "ERROR"}
        environment = serve_environment(wechat, url, **unlimited)
        with server_process(environment, directory / "output") as server:
            processes = [server.pid, *([database_pid] if database_pid else [])]
            for number in range(-1, rounds):  # the first one warms up
                for (login, has_unionid), measured in costs.items():
                    users = [f"{login} {has_unionid} {number if login == 'first' else 0} {i}" for i in range(logins)]
                    codes = []
                    for name in users:
                        state.users.get(name, unionid=has_unionid)
                        state.session_keys.log_in(name)
                        codes.append(state.login_codes.issue(name))
                    before = sum(map(cpu_seconds, processes))
                    asyncio.run(log_in(server, codes))
                    if number >= 0:
                        measured.append((sum(map(cpu_seconds, processes)) - before) / logins * 1e6)
    return costs


def main() -> None:
    """Prints a line for each database and kind of login."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--logins", type=int, default=250)
    arguments = parser.parse_args()
    print("| database | login | without unionid | with | ratio |")  # noqa: T201
    print("|---|---|---|---|---|")  # noqa: T201
    for kind in ("postgres", "sqlite"):
        with tempfile.TemporaryDirectory() as directory:
            costs = measure(kind, Path(directory), rounds=arguments.rounds, logins=arguments.logins)
        for login in KINDS:
            without, with_one = (statistics.median(costs[login, has]) for has in (False, True))
            print(f"| {kind} | {login} | {without:.0f} us | {with_one:.0f} us | {with_one / without:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
