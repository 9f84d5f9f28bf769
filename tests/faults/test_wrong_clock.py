"""Real processes whose clock is wrong, or is set while they run."""

import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import httpx
import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.accounts.test_session_cleanup import REMOVED
from tests.cli.processes import PATIENCE, Process, environment, invoke, listening, run, serving
from tests.faults.recovery import BOUND
from tests.processes import serve_environment
from tests.programs import faketime
from tests.server import LOGIN
from tests.test_doctor import faults_in

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)

DIFFERS: Final = "the clock differs from the database's"


@pytest.fixture
def variables(wechat_simulator: WeChatSimulator, database_url: str) -> dict[str, str]:
    well = serve_environment(wechat_simulator, database_url)
    assert invoke("migrate", **well).exit_code == 0
    return well


def wrong_by(offset: str) -> dict[str, str]:
    """What makes a process's clock wrong by +40d or the like."""
    return {"LD_PRELOAD": faketime(), "FAKETIME": offset}


# libfaketime can leave the monotonic clock alone, but not what `time.sleep` does by it.
_SLEEPING_OTHERWISE: Final = """
import select, time
time.sleep = lambda seconds: select.select((), (), (), seconds)
from graph.cli import main
main()
"""


class SettableClock:
    """The clock of processes, which is set while they run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def set(self, offset: str) -> None:
        new = self.directory / "new"
        new.write_text(f"{offset}\n")
        new.rename(self.directory / "clock")

    def serving(self, variables: dict[str, str], **others: str) -> AbstractContextManager[Process]:
        faked = {
            "LD_PRELOAD": faketime(),
            "FAKETIME_TIMESTAMP_FILE": str(self.directory / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        command = (sys.executable, "-W", "error", "-c", _SLEEPING_OTHERWISE, "serve")
        return listening(command, self.directory, environment(**variables, **faked, **others))


@pytest.fixture
def settable(tmp_path: Path) -> SettableClock:
    return SettableClock(tmp_path)


def unready(server: Process) -> str | None:
    """Why a server is not ready, if it is not."""
    response = server.get("/readyz")
    reason: str | None = response.json().get("reason")
    assert response.status_code == (503 if reason else 200)
    return reason


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + BOUND
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def signs_in(server: Process, wechat: WeChatSimulator) -> bool:
    """Whether a login succeeds."""
    request = {"query": LOGIN, "variables": {"code": wechat.login("alice")}}
    return "errors" not in httpx.post(f"{server.url}/graphql", json=request, timeout=PATIENCE, trust_env=False).json()


@on_postgres
@pytest.mark.parametrize("offset", ["+8d", "+40d"])
def test_a_server_that_is_days_ahead_is_not_ready_and_signs_nobody_out(
    variables: dict[str, str], wechat_simulator: WeChatSimulator, tmp_path: Path, offset: str
) -> None:
    with (
        serving("serve", cwd=tmp_path, **variables) as right,
        serving("serve", cwd=tmp_path, **variables, **wrong_by(offset)) as wrong,
    ):
        tokens = [right.login(wechat_simulator.login("alice"))["token"] for _ in range(3)]
        assert unready(right) is None
        assert [unready(wrong) for _ in range(3)] == [DIFFERS] * 3
        # Whom it is sent all the same.
        tokens.append(wrong.login(wechat_simulator.login("alice"))["token"])
        assert all(right.me(token) for token in tokens)
    assert wrong.output.count("WARNING") == wrong.output.count("this machine's clock differs from the database's") == 1
    assert "clock" not in right.output


@on_postgres
def test_a_clock_that_is_put_right_is_told_once_and_the_server_is_ready(
    variables: dict[str, str], settable: SettableClock
) -> None:
    settable.set("+40d")
    with settable.serving(variables) as server:
        assert unready(server) == DIFFERS
        settable.set("+0")
        assert [unready(server) for _ in range(3)] == [None] * 3
    logged = re.findall(
        r"(WARNING|INFO) .*this machine's clock (differs from|agrees with) the database's", server.output
    )
    assert logged == [("WARNING", "differs from"), ("INFO", "agrees with")]


@on_postgres
@pytest.mark.parametrize("offset", ["+8d", "+40d", "-40d"])
async def test_a_cleanup_by_a_wrong_clock_removes_no_live_session_and_puts_no_other_off(
    variables: dict[str, str], settings: Settings, wechat_simulator: WeChatSimulator, tmp_path: Path, offset: str
) -> None:
    with serving("serve", cwd=tmp_path, **variables) as server:
        token = server.login(wechat_simulator.login("alice"))["token"]
        server.login(wechat_simulator.login("bob"))
        await run_sql(settings, "UPDATE sessions SET expires_at = 1 WHERE account_id = 2")
        before = time.time_ns() // 1_000_000
        wrong = run("cleanup", cwd=tmp_path, **variables, **wrong_by(offset))
        assert (wrong.returncode, wrong.stdout) == (0, REMOVED.format(1))
        leases = await run_sql(settings, "SELECT name, held_until, done_at FROM leases")
        jobs = {"sweep", "audit", "deleted_users", "events", "uploads", "pictures_old"}
        assert {lease["name"] for lease in leases} == jobs
        for lease in leases:
            assert lease["held_until"] == 0
            assert before - 1000 <= lease["done_at"] <= time.time_ns() // 1_000_000 + 1000
        right = run("cleanup", cwd=tmp_path, **variables)
        assert (right.returncode, right.stdout) == (0, REMOVED.format(0))
        assert server.me(token)


@on_postgres
def test_a_database_that_is_weeks_ahead_of_all_ends_no_session(
    variables: dict[str, str], wechat_simulator: WeChatSimulator, tmp_path: Path
) -> None:
    variables |= wrong_by("-40d")
    with serving("serve", cwd=tmp_path, **variables) as server:
        token = server.login(wechat_simulator.login("alice"))["token"]
        assert run("cleanup", cwd=tmp_path, **variables).stdout == REMOVED.format(0)
        assert server.me(token)


@on_sqlite
def test_a_clock_that_was_weeks_ahead_puts_no_later_cleanup_off(variables: dict[str, str], tmp_path: Path) -> None:
    assert run("cleanup", cwd=tmp_path, **variables, **wrong_by("+40d")).returncode == 0
    right = run("cleanup", cwd=tmp_path, **variables)
    assert (right.returncode, right.stdout) == (0, REMOVED.format(0))


@on_postgres
@pytest.mark.parametrize(("offset", "seconds"), [("+40d", r"-3456\d\d\d"), ("-40d", r"\+345[56]\d\d\d")])
def test_doctor_names_by_how_much_the_clocks_differ(
    variables: dict[str, str], tmp_path: Path, offset: str, seconds: str
) -> None:
    examined = run("doctor", cwd=tmp_path, **variables, **wrong_by(offset))
    assert examined.returncode == 1
    faults = faults_in(examined.stdout)
    assert faults.keys() == {"database clock", "clock"}
    assert re.fullmatch(rf"is {seconds} s off this machine's: synchronise both, .*", faults["database clock"])


BACK_AND_FORWARD: Final = pytest.mark.parametrize(
    ("before", "after"), [("+2d", "+1d"), ("+1d", "+2d")], ids=["back", "forward"]
)


@on_sqlite
@BACK_AND_FORWARD
def test_a_rate_limit_lasts_as_long_as_it_should_while_the_clock_is_set_a_day(
    variables: dict[str, str],
    settable: SettableClock,
    wechat_simulator: WeChatSimulator,
    before: str,
    after: str,
) -> None:
    settable.set(before)
    with (
        settable.serving(variables, WXGATE_RATE_LIMIT_LOGIN="1/2second") as brief,
        settable.serving(variables, WXGATE_RATE_LIMIT_LOGIN="1/hour") as long,
    ):
        token = long.login(wechat_simulator.login("alice"))["token"]
        until(lambda: not signs_in(brief, wechat_simulator))
        settable.set(after)
        assert not signs_in(long, wechat_simulator)
        until(lambda: signs_in(brief, wechat_simulator))
        assert long.me(token)


@on_sqlite
@BACK_AND_FORWARD
def test_deadlines_and_the_circuit_breaker_go_on_while_the_clock_is_set_a_day(
    variables: dict[str, str],
    settable: SettableClock,
    wechat_simulator: WeChatSimulator,
    before: str,
    after: str,
) -> None:
    settable.set(before)
    with settable.serving(variables, WXGATE_RATE_LIMIT_LOGIN="") as server, ThreadPoolExecutor() as threads:
        token = server.login(wechat_simulator.login("alice"))["token"]
        wechat_simulator.fail("hang", times=None)
        logins = [threads.submit(signs_in, server, wechat_simulator) for _ in range(12)]
        until(lambda: wechat_simulator.state.faults.waiting() > 0)
        settable.set(after)
        assert not any(login.result(BOUND) for login in logins)
        wechat_simulator.heal()
        settable.set(before)
        until(lambda: signs_in(server, wechat_simulator))
        assert server.me(token)
