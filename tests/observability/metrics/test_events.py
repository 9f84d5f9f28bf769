"""What happens shows in the figures: logins, submissions, calls to WeChat, refusals, connections."""

import pytest

from graph.settings import HttpSettings, MetricsSettings, RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.observability.metrics.exposition import Figures, scrape
from tests.server import LOGIN, SUBMIT, Clock, Gate, open_gate

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def figures(settings: MetricsSettings, name: str) -> Figures:
    return (await scrape(settings)).figures(name)


@on_sqlite
async def test_logins_are_counted_by_how_they_end(gate: Gate, metrics_settings: MetricsSettings) -> None:
    await gate.login("alice")
    await gate.login("bob")
    await gate.login("alice")
    code = gate.wechat.login("alice")
    await gate.post(LOGIN, {"code": code})
    assert await gate.code_of_error(LOGIN, {"code": code}) == "LOGIN_CODE_USED"
    assert await figures(metrics_settings, "wxgate_logins_total") == {
        ("new",): 2,
        ("returning",): 2,
        ("LOGIN_CODE_USED",): 1,
    }


@on_sqlite
async def test_submissions_are_counted_by_the_key_that_signed_them(
    gate: Gate, metrics_settings: MetricsSettings
) -> None:
    token = (await gate.login("alice"))["token"]
    before = gate.wechat.user_info("alice", policy="old")
    await gate.submit(token, before)
    await gate.login("alice", renewSessionKey=True)
    await gate.submit(token, before)
    gate.clock.advance(minutes=6)
    assert await gate.code_of_error(SUBMIT, before, token=token) == "SESSION_KEY_STALE"
    now = gate.wechat.user_info("alice", policy="old")
    gate.clock.advance(days=2)
    assert await gate.code_of_error(SUBMIT, now, token=token) == "WATERMARK_OUT_OF_RANGE"
    assert await figures(metrics_settings, "wxgate_decryptions_total") == {
        ("current", "opened"): 1,
        ("previous", "opened"): 1,
        ("none", "refused"): 1,
        ("current", "too old"): 1,
    }


@on_sqlite
async def test_calls_to_wechat_are_counted_by_what_it_answered(gate: Gate, metrics_settings: MetricsSettings) -> None:
    await gate.login("alice")
    gate.wechat.fail("errcode", errcode=40013)
    assert await gate.code_of_error(LOGIN, {"code": gate.wechat.login("alice")}) == "WECHAT_MISCONFIGURED"
    gate.wechat.fail("bad-gateway")
    await gate.login("alice")  # by the second try
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
    async with open_gate(limited, wechat_simulator, clock) as gate:
        token = (await gate.login("alice"))["token"]
        await gate.login("alice")
        for _ in range(3):
            assert await gate.code_of_error(LOGIN, {"code": gate.wechat.login("alice")}) == "RATE_LIMITED"
        elsewhere = {"query": LOGIN, "variables": {"code": gate.wechat.login("alice")}}
        await gate.http.post("/graphql", json=elsewhere, headers={"X-Forwarded-For": "203.0.113.9"})
        submission = gate.wechat.user_info("alice", policy="old")
        await gate.submit(token, submission)
        assert await gate.code_of_error(SUBMIT, submission, token=token) == "RATE_LIMITED"
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
    async with open_gate(settings.model_copy(update={"rate_limit": limited}), wechat_simulator, clock) as gate:
        await gate.login("alice")
        assert await figures(metrics_settings, "wxgate_rate_limit_storage_failures_total") == {(): 1}


@on_postgres
async def test_connections_are_counted_idle_busy_and_awaited(gate: Gate, metrics_settings: MetricsSettings) -> None:
    await gate.login("alice")
    before = await scrape(metrics_settings)
    assert before.figures("wxgate_database_connections")["busy",] == 0
    assert before.figures("wxgate_database_connections")["idle",] >= 1
    assert before.figures("wxgate_database_connections_max") == {(): 10}
    assert before.figures("wxgate_database_waiting") == {(): 0}


@on_sqlite
async def test_where_there_is_no_pool_no_connections_are_counted(gate: Gate, metrics_settings: MetricsSettings) -> None:
    await gate.login("alice")
    assert await figures(metrics_settings, "wxgate_database_connections") == {}
