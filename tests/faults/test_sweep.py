"""The removal of ended sessions where a clock is wrong, and where the operator stops it."""

import asyncio
import signal
import subprocess
import sys
import time

import asyncpg
import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.cli.processes import environment, invoke
from tests.faults.recovery import BOUND
from tests.server import Clock, TestServer, open_server

DAY_NS = 86_400 * 1_000_000_000


@pytest.mark.parametrize("days", [8, 40])
async def test_a_machine_whose_clock_is_days_ahead_removes_no_live_session(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    """By the machine's clock each of them has ended, for want of use or by its absolute limit."""
    async with open_server(settings, wechat_simulator, clock) as server:
        for person in ("alice", "bob"):
            await server.login(person)
        await run_sql(settings, "UPDATE sessions SET expires_at = 1 WHERE account_id = 2")
    now = time.time_ns
    with monkeypatch.context() as wrong:
        wrong.setattr("time.time_ns", lambda: now() + days * DAY_NS)
        swept = await asyncio.to_thread(invoke, "cleanup", WXGATE_DATABASE_URL=settings.database.url.get_secret_value())
    assert (swept.exit_code, swept.output) == (0, "1 sessions removed\n")
    assert await run_sql(settings, "SELECT account_id FROM sessions") == [{"account_id": 1}]
    # The honest sweeps of other machines are not put off until that day.
    [lease] = await run_sql(settings, "SELECT held_until, done_at FROM leases")
    assert lease["held_until"] == 0
    assert lease["done_at"] <= now() // 1_000_000


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
