"""PostgreSQL that cannot be reached: at the start and later, refused, cut off or swallowed."""

import asyncio
import logging
import time
from functools import partial

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.databases import give_tables
from tests.faults.proxy import FaultProxy, Mode
from tests.faults.recovery import BOUND, readiness, recovered, refused, soon
from tests.server import LOGIN, ME, Clock, open_server, open_server_unmigrated


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole"])
async def test_a_server_starts_without_its_database_and_works_as_soon_as_it_comes(
    impatient: Settings, wechat_simulator: WeChatSimulator, clock: Clock, network: FaultProxy, mode: Mode
) -> None:
    async with asyncio.timeout(BOUND), open_server(impatient, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
    code = wechat_simulator.login("bob")

    await network.turn(mode)
    async with asyncio.timeout(BOUND), open_server_unmigrated(impatient, wechat_simulator, clock) as server:
        assert await readiness(server) == "the database does not answer"
        await refused(server, token=token, code=code)
        await network.turn("pass")
        await recovered(server, token=token, code=code)


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole"])
async def test_a_database_that_goes_away_costs_no_code_and_no_session(
    impatient: Settings, wechat_simulator: WeChatSimulator, clock: Clock, network: FaultProxy, mode: Mode
) -> None:
    async with asyncio.timeout(BOUND), open_server(impatient, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        code = wechat_simulator.login("bob")
        await asyncio.gather(*[server.me(token) for _ in range(20)])

        await network.turn(mode)
        for _ in range(3):
            await refused(server, token=token, code=code)
        assert await readiness(server) == "the database does not answer"

        await network.turn("pass")
        await recovered(server, token=token, code=code)


async def test_connections_that_die_silently_are_replaced_together_and_cost_one_wait(
    impatient: Settings, wechat_simulator: WeChatSimulator, clock: Clock, network: FaultProxy
) -> None:
    async with asyncio.timeout(BOUND), open_server(impatient, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        for ask in (partial(server.me, token), partial(server.login, "bob")):
            await asyncio.gather(*[server.login("bob") for _ in range(12)])  # opens all five connections
            network.forget()
            # All at once, and all are answered: those who log in share one question, and it meets a dead connection.
            await asyncio.gather(*[ask() for _ in range(12)])
            answered_at = time.monotonic()
            for _ in range(5):
                await ask()
            assert time.monotonic() < answered_at + 1, "another dead connection was used"


async def test_it_is_said_once_that_the_database_went_and_once_that_it_came_back(
    impatient: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    network: FaultProxy,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.database.LOOK_EVERY_SECONDS", 0.05)
    async with asyncio.timeout(BOUND), open_server(impatient, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        for _ in range(2):
            caplog.clear()
            await network.turn("refuse")
            for _ in range(3):
                await refused(server, token=token, code=wechat_simulator.login("bob"))
                assert await readiness(server) is not None
            await network.turn("pass")
            await soon(lambda: "the database answers again" in caplog.text)
            said = [(line.levelname, line.getMessage()) for line in caplog.records if line.name == "models.database"]
            assert said == [("WARNING", "the database does not answer"), ("INFO", "the database answers again")]


async def test_a_start_without_the_database_is_one_warning(
    impatient: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    network: FaultProxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await network.turn("refuse")
    async with asyncio.timeout(BOUND), open_server_unmigrated(impatient, wechat_simulator, clock):
        await soon(lambda: "the database does not answer" in caplog.text)
        await asyncio.sleep(0.1)
    assert len([line for line in caplog.records if line.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize("mode", ["delay", "trickle"])
async def test_a_slow_way_to_the_database_is_slow_and_nothing_else(
    patient: Settings, wechat_simulator: WeChatSimulator, clock: Clock, network: FaultProxy, mode: Mode
) -> None:
    await give_tables(patient.database.url.get_secret_value())
    await network.turn(mode, seconds=0.02 if mode == "delay" else 0)
    async with asyncio.timeout(BOUND), open_server_unmigrated(patient, wechat_simulator, clock) as server:
        answer = await server.post(LOGIN, {"code": wechat_simulator.login("alice")})
        token = answer["data"]["login"]["token"]
        answers = await asyncio.gather(*[server.post(ME, token=token) for _ in range(10)])
        assert [answer for answer in answers if "errors" in answer] == []
