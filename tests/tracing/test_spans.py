"""One span a request and one for each call and statement below it, none of which holds a secret or a user's data."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.app import create_app
from graph.security.tokens import SessionToken
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from graph.tracing import TracingUnavailable
from tests.accounts.phones import SUBMIT_ENCRYPTED, SUBMIT_PHONE
from tests.accounts.profiles import refusal, update
from tests.accounts.test_session_list import SESSIONS
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, LOGIN, ME, SUBMIT, Clock, open_server, open_server_unmigrated, settings_for
from tests.tracing.collector import Collector, attributes, collecting

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as opened:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", opened.url)
        yield opened


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat_simulator, database_url, otel=True)


def family(collector: Collector, trace_id: bytes) -> list[str]:
    """The names of a request's spans, the request itself last."""
    return [span.name for span in collector.spans() if span.trace_id == trace_id]


async def test_a_login_is_a_span_with_its_call_and_its_statements_below(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, collector: Collector, database_url: str
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.login("alice")
    login = collector.named("mutation")
    names = family(collector, login.trace_id)
    assert names[-1] == "mutation"
    system, question = ("sqlite", "SELECT accounts") if "sqlite" in database_url else ("postgresql", "UPDATE sessions")
    assert {"WeChat code2session", question, "transaction"} <= set(names)
    assert all(span.parent_span_id for span in collector.spans() if span is not login and span.name != "mutation")
    call = attributes(collector.named("WeChat code2session"))
    assert call == {"wechat.app_id": APP_ID, "wechat.endpoint": "code2session", "wechat.outcome": "ok"}
    described = attributes(login)
    assert len(str(described.pop("wxgate.request_id"))) == 16
    assert described == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/graphql",
        "graphql.operation.type": "mutation",
    }
    assert attributes(collector.named(question))["db.system.name"] == system


@pytest.mark.parametrize("logins", [1, 7])
async def test_sessions_are_listed_by_one_statement_however_many(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, collector: Collector, logins: int
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        token = [(await server.login("alice"))["token"] for _ in range(logins)][-1]
        answer = await server.post(SESSIONS.replace("{", "query Devices {", 1), token=token)
    assert len(answer["data"]["sessions"]) == logins
    names = family(collector, collector.named("query Devices").trace_id)
    assert names == ["SELECT sessions", "SELECT sessions", "query Devices"], "one for the token, one for the list"


@on_sqlite
async def test_a_failure_has_its_code_and_a_call_what_wechat_returned(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, collector: Collector
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        code = server.wechat.login("alice")
        server.wechat.fail("errcode", errcode=40013)
        named = LOGIN.replace("mutation", "mutation SignIn")
        assert await server.code_of_error(named, {"code": code}) == "WECHAT_MISCONFIGURED"
    call = collector.named("WeChat code2session")
    refused = {"wechat.endpoint": "code2session", "wechat.outcome": "40013", "error.type": "40013"}
    assert attributes(call) == {"wechat.app_id": APP_ID, **refused}
    assert call.status.code == call.status.STATUS_CODE_ERROR
    assert call.status.message == ""
    request = attributes(collector.named("mutation SignIn"))
    assert (request["graphql.operation.name"], request["error.type"]) == ("SignIn", "WECHAT_MISCONFIGURED")


@on_sqlite
async def test_a_statement_that_fails_has_the_kind_of_its_failure(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, collector: Collector
) -> None:
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        assert await server.code_of_error(ME, token=SessionToken.issue().get_secret_value()) == "SERVICE_UNAVAILABLE"
    statement = collector.named("SELECT sessions")
    assert attributes(statement) == {"db.system.name": "sqlite", "error.type": "DatabaseBehind"}
    assert statement.status.code == statement.status.STATUS_CODE_ERROR
    assert list(statement.events) == []


@on_sqlite
async def test_nothing_that_is_sent_is_a_secret_or_data_of_a_user(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, collector: Collector
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        code = server.wechat.login("alice", nickName="Ailisi")
        token = (await server.post(LOGIN, {"code": code}))["data"]["login"]["token"]
        assert "errors" in await server.post(LOGIN, {"code": code})
        submission = server.wechat.user_info("alice", policy="old", nickName="Ailisi")
        await server.submit(token, submission)
        assert (await server.me(token))["nickName"] == "Ailisi"
        await server.post(SUBMIT, {**submission, "signature": "0" * 40}, token=token)
        given = server.wechat.phone_number("alice", purePhoneNumber="60005678", countryCode="852")
        number = await server.post(SUBMIT_PHONE, {"code": given["code"]}, token=token)
        assert number["data"]["submitPhoneNumber"]["phone"]["masked"] == "+852 ****5678"
        assert "errors" in await server.post(SUBMIT_PHONE, {"code": "f" * 64}, token=token)
        await server.post(SUBMIT_ENCRYPTED, given, token=token)
        assert (await update(server, token, nickName="Zanzibarella", city="Quetzalcoatlan"))["city"] == "Quetzalcoatlan"
        await refusal(server, token, nickName="Zanzibarella risky")
        await refusal(server, token, nickName="Zanzibarella\u202e")
        await server.http.get("/graphql", params={"query": f'{{ me(token: "{token}") {{ id }} }}'})
        await server.http.get(f"/{token}", headers={"tracestate": f"a={token}", "User-Agent": "Qx7", "Cookie": "Qx7"})
        await server.http.post("/graphql", json={"query": f"query {token} {{ me {{ id }} }}"})
        await server.http.request("Q" * 50, "/graphql?Qx7")
    sent = collector.text()
    assert len(collector.spans()) > 20
    assert secrets_in(sent) == []
    assert "getuserphonenumber" not in sent
    of_phone = ("60005678", *map(str, given.values()))
    for private in (
        token,
        code,
        "Ailisi",
        "Zanzibar",
        "Quetzal",
        "Qx7",
        "QQQ",
        *map(str, submission.values()),
        *of_phone,
    ):
        assert private not in sent


@on_sqlite
async def test_the_caller_s_trace_is_a_link_and_decides_nothing(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, collector: Collector
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        for flags in ("00", "01"):
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-{flags}", "tracestate": "vendor=opaque"}
            await server.http.post("/graphql", json={"query": ME}, headers=headers)
        await server.http.post("/graphql", json={"query": ME}, headers={"traceparent": "nonsense"})
    *linked, alone = collector.spans()
    assert len(linked) == 2
    for span in linked:
        [link] = span.links
        assert (link.trace_id.hex(), link.span_id.hex(), link.trace_state) == (TRACE, PARENT, "")
        assert span.trace_id.hex() != TRACE
        assert span.parent_span_id == b""
    assert list(alone.links) == []


@on_sqlite
async def test_probes_are_not_traced_and_unknown_paths_have_no_name(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, collector: Collector
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.http.get("/livez")
        await server.http.get("/readyz")
        await server.http.get("/nowhere")
    [span] = collector.spans()
    assert span.name == "GET"
    assert "http.route" not in attributes(span)


@on_sqlite
async def test_the_environment_names_the_service_and_samples(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.me(None)
    assert collector.service()["service.name"] == "wxgate"
    collector.bodies.clear()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "wxgate-eu")
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.me(None)
    assert collector.service()["service.name"] == "wxgate-eu"
    collector.bodies.clear()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.login("alice")
    assert collector.bodies == []


@on_sqlite
@pytest.mark.parametrize("collector_is", ["down", "silent"])
async def test_a_collector_that_takes_nothing_keeps_the_server_from_nothing(
    collector_is: str,
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graph.tracing.spans._FLUSH_SECONDS", 0.1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    # The exporter that the shutdown leaves behind gives up half a minute later, in the middle of another test.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if collector_is == "down":
            silent.close()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        async with asyncio.timeout(20), open_server(settings, wechat_simulator, clock) as server:
            assert (await server.login("alice"))["isNewUser"]


@on_sqlite
def test_without_the_extra_it_says_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "graph.tracing.spans", raising=False)
    with pytest.raises(TracingUnavailable, match=r"pip install 'wxgate\[otel\]'"):
        create_app(settings)


def test_nothing_of_it_is_imported_unless_it_is_asked_for() -> None:
    look = "import sys, graph.cli; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    imported = subprocess.run(
        [sys.executable, "-c", look], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert imported.stdout == "[]\n"
