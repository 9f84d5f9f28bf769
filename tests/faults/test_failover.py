"""PostgreSQL that fails over to its replica: the old primary is still there and answers who reads, or is gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Final

import asyncpg
import pytest

from graph.simulator.protocol import ErrcodeError
from graph.simulator.serving import WeChatSimulator
from tests.databases import give_tables, new_postgres_url
from tests.faults.postgres_server import OwnPostgres, Standby, own_postgres, set_read_only, standby_of
from tests.faults.proxy import FaultProxy, Streams, fault_proxy
from tests.faults.recovery import BOUND, readiness
from tests.server import LOGIN, Clock, TestServer, open_server, settings_for

# Seconds from the switch to the first login.
PROMISED: Final = 10.0
LOGINS: Final = 12


@pytest.fixture
def primary() -> Iterator[OwnPostgres]:
    with own_postgres() as postgres:
        yield postgres


@pytest.fixture
def name(primary: OwnPostgres) -> str:
    """Of a database with tables."""
    url = new_postgres_url(primary.directory)
    asyncio.run(give_tables(url))
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def standby(primary: OwnPostgres, name: str) -> Iterator[Standby]:
    with standby_of(primary) as standby:
        yield standby


def way_to(directory: str) -> Callable[[], Awaitable[Streams]]:
    return partial(asyncio.open_unix_connection, f"{directory}/.s.PGSQL.5432")


@pytest.fixture
async def port(primary: OwnPostgres) -> AsyncIterator[FaultProxy]:
    """Where the primary is, whichever server that may be."""
    async with fault_proxy(way_to(primary.directory)) as proxy:
        yield proxy


@pytest.fixture
async def port_of_standby(standby: Standby) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(way_to(standby.directory)) as proxy:
        yield proxy


@pytest.fixture
async def server(
    wechat_simulator: WeChatSimulator, clock: Clock, port: FaultProxy, standby: Standby, name: str
) -> AsyncIterator[TestServer]:
    settings = settings_for(wechat_simulator, f"postgres://postgres@127.0.0.1:{port.port}/{name}")
    async with asyncio.timeout(2 * BOUND), open_server(settings, wechat_simulator, clock) as server:
        yield server


async def opens_all_connections(server: TestServer) -> list[Any]:
    return await asyncio.gather(*[server.login(f"p{number}") for number in range(LOGINS)])


async def log_in(server: TestServer, codes: list[str]) -> list[Any]:
    """What each code is answered, all at once."""
    answers = await asyncio.gather(*[server.post(LOGIN, {"code": code}) for code in codes])
    return [answer["errors"][0]["extensions"]["action"] if "errors" in answer else "ok" for answer in answers]


def seen(wechat: WeChatSimulator, codes: list[str]) -> int:
    """How many of these codes WeChat has been asked about."""
    count = 0
    for code in codes:
        try:
            wechat.state.login_codes.look_up(code)
        except ErrcodeError:
            count += 1
    return count


async def logins_succeed_in_time(server: TestServer, codes: list[str]) -> None:
    """Each with the code that it had from the beginning."""
    async with asyncio.timeout(PROMISED):
        waiting = codes
        while waiting:
            answers = await log_in(server, waiting)
            assert {*answers} <= {"ok", "WAIT"}
            waiting = [code for code, answer in zip(waiting, answers, strict=True) if answer == "WAIT"]
    assert await readiness(server) is None


async def test_a_fail_over_with_the_old_primary_alive_and_read_only_costs_no_code(
    server: TestServer, primary: OwnPostgres, standby: Standby, port: FaultProxy
) -> None:
    [first, *_] = await opens_all_connections(server)
    codes = [server.wechat.login(f"p{number}") for number in range(LOGINS)]
    await set_read_only(primary, on=True)
    for _ in range(3):
        assert await log_in(server, codes) == ["WAIT"] * LOGINS
        assert await readiness(server) == "the database does not answer"
    assert seen(server.wechat, codes) == 0
    await standby.promote()
    assert await log_in(server, codes) == ["WAIT"] * LOGINS, "the port still leads to the old one"
    port.connect = way_to(standby.directory)
    await logins_succeed_in_time(server, codes)
    assert (await server.me(first["token"]))["id"] == first["user"]["id"]


async def test_who_probes_after_a_fail_over_ends_the_reading_from_the_old_primary(
    server: TestServer, primary: OwnPostgres, standby: Standby, port: FaultProxy, name: str
) -> None:
    """Kept connections lead to a server that answers for ever, and knows nobody who has come since."""
    [first, *_] = await opens_all_connections(server)
    await set_read_only(primary, on=True)
    await standby.promote()
    port.connect = way_to(standby.directory)
    new = await asyncpg.connect(host=standby.directory, user="postgres", database=name)
    await new.execute("DELETE FROM sessions")
    await new.close()
    assert await readiness(server) is None
    assert await server.code_of_error("{ me { id } }", token=first["token"]) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("ends", "is_first"), [("blackhole", True), ("refuse", True), ("read-only", True), ("read-only", False)]
)
async def test_of_several_hosts_the_one_that_takes_writes_is_found(
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    primary: OwnPostgres,
    standby: Standby,
    port: FaultProxy,
    port_of_standby: FaultProxy,
    name: str,
    ends: Any,
    is_first: bool,
) -> None:
    hosts = [f"127.0.0.1:{port.port}", f"127.0.0.1:{port_of_standby.port}"]
    url = f"postgres://postgres@{','.join(hosts if is_first else reversed(hosts))}/{name}"
    async with (
        asyncio.timeout(2 * BOUND),
        open_server(settings_for(wechat_simulator, url), wechat_simulator, clock) as server,
    ):
        await opens_all_connections(server)
        codes = [wechat_simulator.login(f"p{number}") for number in range(LOGINS)]
        await set_read_only(primary, on=True)
        assert await log_in(server, codes) == ["WAIT"] * LOGINS
        assert await readiness(server) == "the database does not answer"
        if ends != "read-only":
            await port.turn(ends)
            assert await log_in(server, codes) == ["WAIT"] * LOGINS
        assert seen(wechat_simulator, codes) == 0
        await standby.promote()
        await logins_succeed_in_time(server, codes)
