"""The removal of ended sessions where the operator stops it."""

import asyncio
import signal
import subprocess
import sys

import asyncpg
import pytest

from graph.settings import Settings
from tests.accounts.stored import run_sql
from tests.cli.processes import environment
from tests.faults.recovery import BOUND
from tests.server import TestServer


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_an_operator_who_interrupts_it_leaves_the_next_process_no_lease(
    server: TestServer, settings: Settings
) -> None:
    await server.login("alice")
    url = settings.database.url.get_secret_value()
    keeper = await asyncpg.connect(url)
    async with asyncio.timeout(BOUND), keeper.transaction():
        await keeper.execute("LOCK TABLE sessions")  # in the middle of it, for as long as it takes
        sweep = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graph", "cleanup"),
            env=environment(WXGATE_DATABASE_URL=f"{url}&command_timeout=60"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        while not await keeper.fetchval("SELECT COUNT(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
        [held] = await run_sql(settings, "SELECT held_until FROM leases")
        assert held["held_until"] > server.clock()
        sweep.send_signal(signal.SIGINT)
        said, _ = await sweep.communicate()
    await keeper.close()
    assert (sweep.returncode, said) == (1, b"\nAborted!\n")
    assert await run_sql(settings, "SELECT held_until, done_at FROM leases") == [{"held_until": 0, "done_at": 0}]
