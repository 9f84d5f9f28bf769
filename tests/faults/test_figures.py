"""Every fault shows in the figures while it lasts, and its end does too."""

import asyncio

import pytest

from graph.settings import MetricsSettings, Settings, WeChatSettings
from graph.simulator.serving import WeChatSimulator
from graph.wechat.circuit_breaker import FAILURES
from tests.faults.proxy import FaultProxy
from tests.faults.recovery import BOUND, readiness
from tests.observability.exposition import Figures, scrape, until
from tests.processes import free_port
from tests.server import APP_ID, LOGIN, ME, Clock, open_server, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

REQUESTS = "wxgate_http_request_duration_seconds_count"
BREAKER = "wxgate_wechat_breaker_state"


@pytest.fixture
def metrics_settings() -> MetricsSettings:
    return MetricsSettings(port=free_port())


async def figures(settings: MetricsSettings, name: str) -> Figures:
    return (await scrape(settings)).figures(name)


@on_sqlite
async def test_a_wechat_that_is_not_there_and_a_breaker_that_leaves_it_alone(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, metrics_settings: MetricsSettings
) -> None:
    settings = settings_for(wechat_simulator, database_url, metrics=metrics_settings)
    nowhere = settings.wechat.model_copy(update={"base_url": f"http://127.0.0.1:{free_port()}"})
    assert isinstance(nowhere, WeChatSettings)
    away = settings.model_copy(update={"wechat": nowhere})
    async with asyncio.timeout(BOUND), open_server(away, wechat_simulator, clock) as server:
        states = {(APP_ID, "closed"): 1, (APP_ID, "half_open"): 0, (APP_ID, "open"): 0}
        assert await figures(metrics_settings, BREAKER) == states
        for _ in range(FAILURES + 1):
            assert await server.code_of_error(LOGIN, {"code": server.wechat.login()}) == "WECHAT_UNAVAILABLE"
        seen = await scrape(metrics_settings)
    assert seen.figures(BREAKER) == {(APP_ID, "closed"): 0, (APP_ID, "half_open"): 0, (APP_ID, "open"): 1}
    assert seen.figures("wxgate_logins_total")[APP_ID, "WECHAT_UNAVAILABLE"] == FAILURES + 1
    calls = seen.figures("wxgate_wechat_call_duration_seconds_count")
    failed = (APP_ID, "code2session", "connection refused")
    assert calls == {failed: 2 * FAILURES}, "each was tried twice, the last one never"


@on_sqlite
async def test_a_wechat_that_hangs_and_the_logins_that_wait_for_it(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, metrics_settings: MetricsSettings
) -> None:
    settings = settings_for(wechat_simulator, database_url, metrics=metrics_settings)
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        code = server.wechat.login("alice")
        server.wechat.fail("hang", path="/sns/jscode2session")
        login = asyncio.create_task(server.post(LOGIN, {"code": code}))
        await server.wechat_is_asked()
        assert await figures(metrics_settings, "wxgate_logins_under_way") == {(): 1}
        server.wechat.heal()
        assert "errors" not in await login
        assert await figures(metrics_settings, "wxgate_logins_under_way") == {(): 0}


async def test_a_database_that_is_away_and_the_requests_that_are_turned_away_meanwhile(
    impatient: Settings,
    network: FaultProxy,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    metrics_settings: MetricsSettings,
) -> None:
    watched = impatient.model_copy(update={"metrics": metrics_settings})
    async with asyncio.timeout(BOUND), open_server(watched, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        await network.turn("refuse")
        assert await server.code_of_error(ME, token=token) == "SERVICE_UNAVAILABLE"
        assert await readiness(server) is not None
        away = await scrape(metrics_settings)
        await network.turn("pass")
        await server.me(token)
        back = await until(lambda seen: seen.figures("wxgate_database_waiting") == {(): 0}, metrics_settings)
    assert away.figures("wxgate_errors_total")["SERVICE_UNAVAILABLE",] == 1
    assert away.figures(REQUESTS)["GET", "/readyz", "503"] == 1
    assert back.figures("wxgate_database_connections")["busy",] == 0
