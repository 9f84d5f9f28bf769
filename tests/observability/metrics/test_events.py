"""What happens shows in the figures: logins, submissions, calls to WeChat, refusals, connections."""

import pytest

from graph.settings import HttpSettings, MetricsSettings, RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.observability.metrics.exposition import Figures, scrape
from tests.server import LOGIN, SUBMIT, Clock, TestServer, open_server

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def figures(settings: MetricsSettings, name: str) -> Figures:
    return (await scrape(settings)).figures(name)


@on_sqlite
async def test_logins_are_counted_by_how_they_end(server: TestServer, metrics_settings: MetricsSettings) -> None:
    await server.login("alice")
    await server.login("bob")
    await server.login("alice")
    code = server.wechat.login("alice")
    await server.post(LOGIN, {"code": code})
    assert await server.code_of_error(LOGIN, {"code": code}) == "LOGIN_CODE_USED"
    assert await figures(metrics_settings, "wxgate_logins_total") == {
        ("new",): 2,
        ("returning",): 2,
        ("LOGIN_CODE_USED",): 1,
    }


@on_sqlite
async def test_submissions_are_counted_by_the_key_that_signed_them(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    token = (await server.login("alice"))["token"]
    before = server.wechat.user_info("alice", policy="old")
    await server.submit(token, before)
    await server.login("alice", renewSessionKey=True)
    await server.submit(token, before)
    server.clock.advance(minutes=6)
    assert await server.code_of_error(SUBMIT, before, token=token) == "SESSION_KEY_STALE"
    now = server.wechat.user_info("alice", policy="old")
    server.clock.advance(days=2)
    assert await server.code_of_error(SUBMIT, now, token=token) == "WATERMARK_OUT_OF_RANGE"
    assert await figures(metrics_settings, "wxgate_decryptions_total") == {
        ("current", "opened"): 1,
        ("previous", "opened"): 1,
        ("none", "refused"): 1,
        ("current", "too old"): 1,
    }


@on_sqlite
async def test_calls_to_wechat_are_counted_by_what_it_answered(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.login("alice")
    server.wechat.fail("errcode", errcode=40013)
    assert await server.code_of_error(LOGIN, {"code": server.wechat.login("alice")}) == "WECHAT_MISCONFIGURED"
    server.wechat.fail("bad-gateway")
    await server.login("alice")  # by the second try
    counted = await figures(metrics_settings, "wxgate_wechat_call_duration_seconds_count")
    assert counted == {("code2session", "ok"): 2, ("code2session", "40013"): 1, ("code2session", "http 502"): 1}


@on_sqlite
async def test_refusals_are_counted_by_what_was_refused_and_whose_limit_it_was(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, metrics_settings: MetricsSettings
) -> None:
    limits = {
        "rate_limit": RateLimitSettings(login="2/minute", submit="1/minute"),
        "http": HttpSettings(trusted_proxies=("127.0.0.1",)),
    }
    limited = settings.model_copy(update=limits)
    async with open_server(limited, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        await server.login("alice")
        for _ in range(3):
            assert await server.code_of_error(LOGIN, {"code": server.wechat.login("alice")}) == "RATE_LIMITED"
        elsewhere = {"query": LOGIN, "variables": {"code": server.wechat.login("alice")}}
        await server.http.post("/graphql", json=elsewhere, headers={"X-Forwarded-For": "203.0.113.9"})
        submission = server.wechat.user_info("alice", policy="old")
        await server.submit(token, submission)
        assert await server.code_of_error(SUBMIT, submission, token=token) == "RATE_LIMITED"
        counted = await figures(metrics_settings, "wxgate_rate_limit_refusals_total")
        logins = await figures(metrics_settings, "wxgate_logins_total")
        failures = await figures(metrics_settings, "wxgate_rate_limit_storage_failures_total")
    assert counted == {
        ("address", "login"): 3,
        ("account", "login"): 1,
        ("address", "submit"): 1,
        ("account", "submit"): 0,
    }
    assert logins["RATE_LIMITED",] == 4
    assert failures == {(): 0}


@on_sqlite
async def test_a_shared_storage_that_does_not_answer_is_counted(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, metrics_settings: MetricsSettings
) -> None:
    limited = RateLimitSettings.model_validate({"storage": "redis://127.0.0.1:1"})
    async with open_server(settings.model_copy(update={"rate_limit": limited}), wechat_simulator, clock) as server:
        await server.login("alice")
        assert await figures(metrics_settings, "wxgate_rate_limit_storage_failures_total") == {(): 1}


@on_postgres
async def test_connections_are_counted_idle_busy_and_awaited(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.login("alice")
    before = await scrape(metrics_settings)
    assert before.figures("wxgate_database_connections")["busy",] == 0
    assert before.figures("wxgate_database_connections")["idle",] >= 1
    assert before.figures("wxgate_database_connections_max") == {(): 10}
    assert before.figures("wxgate_database_waiting") == {(): 0}


@on_sqlite
async def test_where_there_is_no_pool_no_connections_are_counted(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.login("alice")
    assert await figures(metrics_settings, "wxgate_database_connections") == {}
