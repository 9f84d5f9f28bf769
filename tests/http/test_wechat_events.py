"""Where WeChat pushes events: what it is answered, and that nothing else gets more than one refusal."""

import asyncio
import json
import logging
from typing import Final

import httpx
import pytest
from limits import RateLimitItemPerMinute

from graph.accounts import event_inbox
from graph.http import wechat_events
from graph.settings import HttpSettings, MetricsSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.inbox import applied, audited, openid_of, rows, settings_with_events, tried
from tests.accounts.stored import run_sql
from tests.http.answers import refusal
from tests.observability.exposition import scrape
from tests.processes import free_port
from tests.secret_patterns import Listener
from tests.server import APP_ID, ME, SHOP, Clock, TestServer, open_server
from tests.wechat.pushes import AES_KEY, TOKEN, Push, event, push, send, signed

OPENID: Final = "oSYNTHETIC0000000000000user1"
TEMPLATE: Final = "/wechat/events/{app_id}"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    """Of two mini-programs, of which the first takes events, and with figures."""
    shop = wechat_simulator.app(SHOP)
    return settings_with_events(wechat_simulator, database_url, shop, metrics=MetricsSettings(port=free_port()))


def pushed(server: TestServer, *, openid: str = OPENID, mode: str = "safe", seconds: int = 0, info: str = "8") -> Push:
    at = server.clock.ms // 1000
    message = event("user_authorization_revoke", openid, app_id=APP_ID, at=at, RevokeInfo=info)
    return push(message, app_id=APP_ID, at=at + seconds, mode=mode)


def checking(server: TestServer, **changes: str) -> dict[str, str]:
    timestamp = str(server.clock.ms // 1000)
    signature = signed(TOKEN, timestamp, "1320562132")
    query = {"signature": signature, "timestamp": timestamp, "nonce": "1320562132", "echostr": "4375120948345356249"}
    return query | changes


@on_sqlite
@pytest.mark.parametrize("path", ["/wechat/events", f"/wechat/events/{APP_ID}"])
async def test_the_check_of_the_url_is_answered_with_its_text_alone(server: TestServer, path: str) -> None:
    answer = await server.http.get(path, params=checking(server))
    assert (answer.status_code, answer.content) == (200, b"4375120948345356249")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    for changes in ({"signature": "0" * 40}, {"nonce": "2"}, {"echostr": ""}, {"echostr": "<script>é"}):
        assert refusal(await server.http.get(path, params=checking(server, **changes)), 403) == "FORBIDDEN"


@pytest.mark.parametrize("path", ["/wechat/events", f"/wechat/events/{APP_ID}"])
@pytest.mark.parametrize("mode", ["safe", "compatible"])
async def test_an_event_is_stored_and_answered_with_success(
    server: TestServer, settings: Settings, path: str, mode: str
) -> None:
    answer = await send(server.http, pushed(server, mode=mode), path)
    assert (answer.status_code, answer.content) == (200, b"success")
    assert answer.headers["content-type"].startswith("text/plain")
    assert [row["event"] for row in await rows(settings)] == ["user_authorization_revoke"]


@on_sqlite
async def test_what_the_server_does_not_act_on_is_success_and_not_stored(
    server: TestServer, settings: Settings
) -> None:
    at = server.clock.ms // 1000
    for message in ({"MsgType": "text", "Content": "hello"}, {"MsgType": "event", "Event": "debug_demo"}, {}):
        assert (await send(server.http, push({**message}, app_id=APP_ID, at=at))).text == "success"
    assert await rows(settings) == []
    received = (await scrape(settings.metrics)).figures("wxgate_events_received_total")
    assert {labels: number for labels, number in received.items() if number} == {(APP_ID, "(other)"): 3}


@on_sqlite
async def test_whatever_is_wrong_with_a_push_is_one_refusal(server: TestServer, settings: Settings) -> None:
    good, at = pushed(server), server.clock.ms // 1000
    bad = {
        "request": Push({**good.query, "nonce": ""}, good.body),
        "time": pushed(server, seconds=-660),
        "signature": Push({**good.query, "msg_signature": "0" * 40}, good.body),
        "plain": pushed(server, mode="plain"),
        "body": Push(good.query, b"<xml"),
        "decryption": push({"MsgType": "event"}, app_id=APP_ID, at=at, aes_key=AES_KEY[::-1]),
        "app": push({"MsgType": "event"}, app_id=SHOP, at=at),
        "message": push(b"hello", app_id=APP_ID, at=at),
    }
    bodies = set()
    for reason, one in bad.items():
        answer = await send(server.http, one)
        assert refusal(answer, 403) == "FORBIDDEN", reason
        bodies.add(answer.text.replace(answer.headers["x-request-id"], ""))
    assert len(bodies) == 1
    refused = (await scrape(settings.metrics)).figures("wxgate_events_refused_total")
    assert {labels: number for labels, number in refused.items() if number} == {(APP_ID, reason): 1 for reason in bad}
    assert await rows(settings) == []


@on_sqlite
async def test_a_parameter_that_comes_twice_is_refused(server: TestServer) -> None:
    good = pushed(server)
    url = f"/wechat/events?{httpx.QueryParams(good.query)}&nonce={good.query['nonce']}"
    assert refusal(await server.http.post(url, content=good.body), 403) == "FORBIDDEN"


@on_sqlite
async def test_a_clock_that_is_eleven_minutes_off_refuses_every_push(server: TestServer) -> None:
    good = pushed(server)
    for minutes in (11, -22):
        server.clock.advance(minutes=minutes)
        assert refusal(await send(server.http, good), 403) == "FORBIDDEN"
    server.clock.advance(minutes=11)
    assert (await send(server.http, good)).text == "success"


async def test_a_forged_body_under_a_captured_signature_changes_nothing(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    settings = settings_with_events(wechat_simulator, database_url)
    async with open_server(settings, wechat_simulator, clock) as server:
        login = await server.login("alice")
        openid = await openid_of(settings, login["user"]["id"], APP_ID)
        at = clock.ms // 1000
        captured = push({"MsgType": "text"}, app_id=APP_ID, at=at, mode="compatible")
        forged = event("user_authorization_cancellation", openid, app_id=APP_ID, at=at)
        encrypted = json.loads(captured.body)["Encrypt"]
        for body in (forged, {**forged, "Encrypt": ""}, {**forged, "encrypt": encrypted + "AA"}):
            assert refusal(await send(server.http, Push(captured.query, json.dumps(body).encode())), 403) == "FORBIDDEN"
        # What is not encrypted is not looked at beside what is.
        beside = Push(captured.query, json.dumps({**forged, "Encrypt": encrypted}).encode())
        assert (await send(server.http, beside)).text == "success"
        assert await rows(settings) == await audited(settings) == []
        assert (await server.me(login["token"]))["id"] == login["user"]["id"]


async def test_what_is_not_encrypted_counts_where_the_operator_wants_it(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    settings = settings_with_events(wechat_simulator, database_url, plain=True)
    async with open_server(settings, wechat_simulator, clock) as server:
        login = await server.login("alice")
        openid, at = await openid_of(settings, login["user"]["id"], APP_ID), clock.ms // 1000
        message = event("user_authorization_cancellation", openid, app_id=APP_ID, at=at)
        plain = push(message, app_id=APP_ID, at=at, mode="plain")
        bad = plain.with_query(signature="0" * 40)
        assert refusal(await send(server.http, bad), 403) == "FORBIDDEN"
        assert (await send(server.http, plain)).text == "success"
        await applied(settings)
        assert await server.code_of_error(ME, token=login["token"]) == "UNAUTHENTICATED"


@on_sqlite
@pytest.mark.parametrize("path", [SHOP, "wxffffffffffffffff", "x", f"{APP_ID}/x", "", "%2e%2e"])
async def test_a_mini_program_that_takes_no_events_has_nothing_there(server: TestServer, path: str) -> None:
    for method in ("GET", "POST"):
        assert refusal(await server.http.request(method, f"/wechat/events/{path}"), 404) == "NOT_FOUND"


@on_sqlite
async def test_without_keys_there_is_nothing_at_all(
    wechat_simulator: WeChatSimulator, settings: Settings, clock: Clock
) -> None:
    keyless = settings.wechat.model_copy(update={"events_token": None, "events_aes_key": None})
    async with open_server(settings.model_copy(update={"wechat": keyless}), wechat_simulator, clock) as server:
        assert refusal(await send(server.http, pushed(server)), 404) == "NOT_FOUND"


@on_sqlite
async def test_other_methods_and_hosts_are_refused_as_everywhere(
    wechat_simulator: WeChatSimulator, settings: Settings, clock: Clock
) -> None:
    http = HttpSettings(allowed_hosts=("server",))
    async with open_server(settings.model_copy(update={"http": http}), wechat_simulator, clock) as server:
        answer = await server.http.put("/wechat/events")
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
        assert refusal(answer, 405) == "METHOD_NOT_ALLOWED"
        good = pushed(server)
        elsewhere = await server.http.post(
            "/wechat/events", params=good.query, content=good.body, headers={"Host": "elsewhere"}
        )
        assert refusal(elsewhere, 400) == "BAD_REQUEST"
        assert (await send(server.http, good)).text == "success"


@on_sqlite
async def test_too_many_pushes_are_to_be_sent_again(
    server: TestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wechat_events, "_RATE", RateLimitItemPerMinute(2))
    forged = pushed(server).with_query(msg_signature="0" * 40)
    for _ in range(3):
        assert refusal(await send(server.http, forged), 403) == "FORBIDDEN"
    answers = [await send(server.http, pushed(server, info=str(number))) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert refusal(answers[2], 503) == "SERVICE_UNAVAILABLE"
    server.clock.advance(minutes=1)
    assert (await send(server.http, pushed(server))).text == "success"
    refused = (await scrape(settings.metrics)).figures("wxgate_events_refused_total")
    assert refused[APP_ID, "rate"] == 1


async def test_without_a_database_wechat_is_to_send_again(server: TestServer, settings: Settings) -> None:
    good = pushed(server)
    await run_sql(settings, "ALTER TABLE events RENAME TO mislaid")
    answer = await send(server.http, good)
    assert refusal(answer, 503) == "SERVICE_UNAVAILABLE"
    assert answer.headers["retry-after"] == "1"
    await run_sql(settings, "ALTER TABLE mislaid RENAME TO events")
    assert (await send(server.http, good)).text == "success"
    await applied(settings)
    received = (await scrape(settings.metrics)).figures("wxgate_events_received_total")
    assert received[APP_ID, "user_authorization_revoke"] == 1


@on_sqlite
async def test_how_long_events_wait_and_how_many_are_given_up_is_measured(
    server: TestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def measured() -> tuple[float, float]:
        found = await scrape(settings.metrics)
        return found.figures("wxgate_events_oldest_seconds")[()], found.figures("wxgate_events_failed")[()]

    monkeypatch.setattr(event_inbox, "LOOK_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(event_inbox, "RETRY_AFTER_MS", (1_800_000,))
    assert await measured() == (0, 0)
    with monkeypatch.context() as broken:
        broken.setattr(event_inbox, "read_event", lambda *_: None)
        await send(server.http, pushed(server))
        await tried(settings, 1)
        server.clock.advance(minutes=6)
        assert await measured() == (360, 0)
        server.clock.advance(minutes=24)
        await tried(settings, 2)
        async with asyncio.timeout(30):
            while await measured() != (0, 1):  # noqa: ASYNC110 - no event announces it
                await asyncio.sleep(0.02)


@on_sqlite
async def test_log_and_metrics_name_the_path_by_its_template(
    server: TestServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await send(server.http, pushed(server), f"/wechat/events/{APP_ID}")
    await server.http.post("/wechat/events/wxffffffffffffffff")
    await server.http.get("/wechat/elsewhere")
    paths = [vars(record)["path"] for record in caplog.records if record.getMessage() == "request"]
    assert paths == [TEMPLATE, TEMPLATE, "?"]
    counted = (await scrape(settings.metrics)).figures("wxgate_http_request_duration_seconds_count")
    assert counted == {("POST", TEMPLATE, "200"): 1, ("POST", TEMPLATE, "404"): 1, ("GET", "?", "404"): 1}


@on_sqlite
async def test_at_debug_level_nothing_of_a_push_is_logged(
    server: TestServer, settings: Settings, no_secret_is_logged: Listener
) -> None:
    lines, before = no_secret_is_logged.lines, len(no_secret_is_logged.lines)
    login = await server.login("alice")
    openid = await openid_of(settings, login["user"]["id"], APP_ID)
    good = pushed(server, openid=openid, info="6")
    for one in (good, good.with_query(msg_signature="0" * 40), pushed(server, openid=openid, mode="plain")):
        await send(server.http, one)
    await applied(settings)
    await asyncio.sleep(0)
    assert len(lines) >= before + 4
    secret = [TOKEN, AES_KEY, openid, json.loads(good.body)["Encrypt"], *map(good.query.get, ("signature", "nonce"))]
    ours = [line for line in lines if not line.startswith("httpx ")]  # the client's own
    assert [value for value in secret if str(value) in "".join(ours)] == []
