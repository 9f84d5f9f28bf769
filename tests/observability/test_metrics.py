"""What happens shows in the metrics, under a bounded number of labels whatever clients send."""

import json
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import generate_latest

from graph.observability.metrics import Metrics
from graph.settings import HttpSettings, MetricsSettings, RateLimitSettings, Settings, TrustedSettings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.phones import SUBMIT_PHONE
from tests.observability.exposition import Figures, Scrape, scrape
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, LOGIN, ME, SUBMIT, Clock, TestServer, open_server

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)

REQUESTS: Final = "wxgate_http_request_duration_seconds"
OPERATIONS: Final = "wxgate_graphql_operation_duration_seconds"


async def figures(settings: MetricsSettings, name: str, *, zeros: bool = True) -> Figures:
    """The samples of this name; without `zeros` those that are not 0."""
    found = (await scrape(settings)).figures(name)
    return found if zeros else {labels: value for labels, value in found.items() if value}


def exposed(metrics: Metrics) -> Scrape:
    return Scrape(generate_latest(metrics.registry).decode())


def test_a_duration_counts_in_each_bucket_whose_bound_it_does_not_exceed() -> None:
    metrics, other = Metrics(), Metrics()
    for seconds in (0.0004, 0.0025, 0.003, 20.0):
        metrics.request_finished("POST", "/graphql", 200, seconds)
    buckets = {labels[0]: count for labels, count in exposed(metrics).figures(f"{REQUESTS}_bucket").items()}
    assert [buckets[bound] for bound in ("0.0005", "0.001", "0.0025", "0.005", "10.0", "+Inf")] == [1, 1, 2, 3, 3, 4]
    [total] = exposed(metrics).figures(f"{REQUESTS}_sum").values()
    assert round(total, 4) == 20.0059
    assert exposed(other).figures(f"{REQUESTS}_count") == {}


def test_a_token_that_is_sent_as_the_name_of_an_operation_is_no_label() -> None:
    metrics, token = Metrics(), "wxs_" + "a1B2" * 12
    metrics.operation_finished(token, "query", (), 0.001)
    assert secrets_in(token) == ["session token"]
    assert secrets_in(exposed(metrics).text) == []
    assert exposed(metrics).figures(f"{OPERATIONS}_count") == {("query", "(other)", "ok"): 1}


@on_sqlite
async def test_requests_are_counted_by_method_path_and_status(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.me(None)
    await server.me(None)
    await server.http.get("/readyz")
    await server.http.get("/graphql")
    await server.http.request("PROPFIND", "/graphql")
    assert await figures(metrics_settings, f"{REQUESTS}_count") == {
        ("POST", "/graphql", "200"): 2,
        ("GET", "/readyz", "200"): 1,
        ("GET", "/graphql", "400"): 1,
        ("(other)", "/graphql", "405"): 1,
    }


@on_sqlite
async def test_operations_are_counted_by_name_kind_and_outcome(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.post(ME)
    await server.post(f"query Me {ME}")
    await server.post(f"query Me {ME}", token="wxs_nobody")
    await server.post('mutation LogIn { login(code: "") { token } }')
    assert await figures(metrics_settings, f"{OPERATIONS}_count") == {
        ("query", "(anonymous)", "ok"): 1,
        ("query", "Me", "ok"): 1,
        ("query", "Me", "error"): 1,
        ("mutation", "LogIn", "error"): 1,
    }


@on_sqlite
async def test_errors_are_counted_by_code_whoever_gave_them(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.post(ME, token="wxs_nobody")
    await server.post("{ me")
    await server.post("{ nobody }")
    await server.http.get("/nowhere")
    await server.http.post("/graphql", content=b"{", headers={"Content-Type": "application/json"})
    await server.http.get("/graphql", headers={"Accept": "text/html"})
    assert await figures(metrics_settings, "wxgate_errors_total", zeros=False) == {
        ("UNAUTHENTICATED",): 1,
        ("GRAPHQL_PARSE_FAILED",): 1,
        ("GRAPHQL_VALIDATION_FAILED",): 1,
        ("NOT_FOUND",): 1,
        ("BAD_REQUEST",): 1,
        ("NOT_ACCEPTABLE",): 1,
    }


@pytest.mark.slow
@on_sqlite
async def test_a_thousand_names_and_paths_are_a_hundred_and_a_few(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    for number in range(1000):
        await server.http.request(f"METHOD{number}", "/nowhere")
        await server.http.get(f"/nowhere/{number}")
        await server.post(f"query Operation{number} {{ me {{ id }} }}")
        await server.post(f"query Invalid{number} {{ nobody }}")
        server.clock.advance(seconds=1)  # as slowly as new documents may come
    requests = await figures(metrics_settings, f"{REQUESTS}_count")
    assert requests == {("GET", "?", "404"): 1000, ("POST", "/graphql", "200"): 2000, ("(other)", "?", "404"): 1000}
    operations = await figures(metrics_settings, f"{OPERATIONS}_count")
    assert len(operations) == 101
    assert operations["query", "(other)", "ok"] == 900
    assert not [labels for labels in operations if "Invalid" in labels[1]]


@on_sqlite
async def test_operations_of_trusted_documents_keep_their_names(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    metrics_settings: MetricsSettings,
    tmp_path: Path,
) -> None:
    file = tmp_path / "persisted-documents.json"
    file.write_text(json.dumps({"a1": f"query Trusted {ME}"}))
    trusting = settings.model_copy(update={"trusted": TrustedSettings(documents=file)})
    async with open_server(trusting, wechat_simulator, clock) as server:
        for number in range(150):
            await server.post(f"query Stranger{number} {{ __typename }}")
            server.clock.advance(seconds=0.5)
        await server.http.post("/graphql", json={"documentId": "a1"})
        operations = await figures(metrics_settings, f"{OPERATIONS}_count")
    assert operations["query", "Trusted", "ok"] == 1
    assert operations["query", "(other)", "ok"] == 51


@on_sqlite
async def test_logins_are_counted_by_how_they_end(server: TestServer, metrics_settings: MetricsSettings) -> None:
    await server.login("alice")
    await server.login("bob")
    await server.login("alice")
    code = server.wechat.login("alice")
    await server.post(LOGIN, {"code": code})
    assert await server.code_of_error(LOGIN, {"code": code}) == "LOGIN_CODE_USED"
    assert await figures(metrics_settings, "wxgate_logins_total") == {
        (APP_ID, "new"): 2,
        (APP_ID, "returning"): 2,
        (APP_ID, "LOGIN_CODE_USED"): 1,
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
    token = (await server.login("alice"))["token"]
    for code in (server.wechat.phone_number("alice")["code"], "f" * 64):
        await server.post(SUBMIT_PHONE, {"code": code}, token=token)
    counted = await figures(metrics_settings, "wxgate_wechat_call_duration_seconds_count")
    outcomes = {"ok": 3, "40013": 1, "http 502": 1}
    assert counted == {
        **{(APP_ID, "code2session", outcome): times for outcome, times in outcomes.items()},
        **dict.fromkeys([(APP_ID, "get_phone_number", outcome) for outcome in ("ok", "40029")], 1),
        (APP_ID, "get_stable_access_token", "ok"): 1,
    }


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
        ("address", "check_session"): 0,
        ("account", "check_session"): 0,
        ("address", "phone"): 0,
        ("account", "phone"): 0,
        ("address", "upload"): 0,
        ("account", "upload"): 0,
        ("address", "profile"): 0,
        ("account", "profile"): 0,
        ("address", "documents"): 0,
        ("address", "refused_codes"): 0,
        ("address", "services"): 0,
        ("account", "privacy"): 0,
    }
    assert logins[APP_ID, "RATE_LIMITED"] == 4
    assert failures == {(): 0}


@on_sqlite
async def test_an_access_token_that_is_forced_is_counted(server: TestServer, metrics_settings: MetricsSettings) -> None:
    name = "wxgate_wechat_forced_token_refreshes_total"
    token = (await server.login("alice"))["token"]
    assert await figures(metrics_settings, name) == {(APP_ID,): 0}
    # Refused once, but WeChat goes on giving it.
    server.wechat.fail("errcode", errcode=40001, path="/wxa/checksession")
    assert (await server.post("{ checkSession }", token=token))["data"] == {"checkSession": True}
    assert await figures(metrics_settings, name) == {(APP_ID,): 1}


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
