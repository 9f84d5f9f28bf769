"""PostgreSQL leaves for ten seconds under load, and comes back: what clients and the orchestrator see of it.

    python -m tests.benchmarks.outage [--seconds 10] [--calm 5] [--fault stopped|frozen]

Twenty people ask who they are, five log in, a few hundred requests a second in all; the probe is asked every 50 ms. The
server is `wxgate serve` with the time-outs that it has unless told otherwise.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Final

from graph.simulator import SimulatorState
from graph.simulator.serving import serve
from models.migrate import migrate
from tests.databases import new_postgres_url
from tests.faults.outage import Outage, watch
from tests.faults.postgres_server import OwnPostgres, own_postgres
from tests.processes import serve_environment, serve_process
from tests.server import APP_ID, APP_SECRET

FAULTS: Final = ("stopped", "frozen")


def measure(fault: str, postgres: OwnPostgres, directory: Path, *, seconds: float, calm: float) -> Outage:
    """One outage of a server of its own."""
    url = new_postgres_url(postgres.directory)
    asyncio.run(migrate(url))
    faults = {"stopped": (postgres.stop, postgres.start), "frozen": (postgres.freeze, postgres.thaw)}
    leave, come_back = faults[fault]
    with serve(SimulatorState(APP_ID, APP_SECRET, seed=1)) as wechat:
        environment = serve_environment(wechat, url, WXGATE_RATE_LIMIT_LOGIN="")
        with serve_process(environment, directory / fault) as server:
            return asyncio.run(
                watch(server, wechat, leave=leave, come_back=come_back, seconds=seconds, calm=calm, database=url)
            )


def main() -> None:
    """Prints a line for each fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--calm", type=float, default=5)
    parser.add_argument("--fault", choices=FAULTS)
    arguments = parser.parse_args()
    print("| PostgreSQL | answers | errors | slowest | 503 after | 200 again after | last error after | connections |")  # noqa: T201
    print("|---|---|---|---|---|---|---|---|")  # noqa: T201
    with tempfile.TemporaryDirectory() as directory, own_postgres() as postgres:
        for fault in [arguments.fault] if arguments.fault else FAULTS:
            seen = measure(fault, postgres, Path(directory), seconds=arguments.seconds, calm=arguments.calm)
            errors = sum(answer.code is not None for answer in seen.answers)
            print(  # noqa: T201
                f"| {fault} {arguments.seconds:.0f} s | {len(seen.answers)} | {errors} | {seen.longest:.2f} s "
                f"| {seen.unready_after:.2f} s | {seen.ready_after:.2f} s | {seen.last_error_after:.2f} s "
                f"| {dict(seen.connections)} |"
            )


if __name__ == "__main__":
    main()
