"""What a code of wx.login is worth, and what happens when WeChat or the database does not help."""

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from graph.settings import Settings, UnionidSettings
from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.accounts.stored import allow_connections, run_sql
from tests.secret_patterns import secrets_in
from tests.server import LOGIN, Clock, TestServer, open_server, open_server_unmigrated

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def refusal(server: TestServer, code: str) -> dict[str, Any]:
    """The extensions of the one error that a login is answered with, without its requestId."""
    answer = await server.post(LOGIN, {"code": code})
    [error] = answer["errors"]
    assert answer["data"] is None
    assert error["path"] == ["login"]
    return {name: value for name, value in error["extensions"].items() if name != "requestId"}


async def test_the_first_login_makes_a_person_and_the_next_finds_them(server: TestServer) -> None:
    first = await server.login("alice")
    second = await server.login("alice")
    other = await server.login("bob")
    assert first["isNewUser"]
    assert not second["isNewUser"]
    assert second["user"] == first["user"]
    assert second["token"] != first["token"]
    assert other["isNewUser"]
    assert other["user"]["id"] != first["user"]["id"]


async def test_the_answer_tells_when_the_session_ends(server: TestServer) -> None:
    expires_at = datetime.fromisoformat((await server.login())["expiresAt"])
    assert expires_at.utcoffset() == timedelta(0)
    assert expires_at.timestamp() * 1000 == pytest.approx(
        server.clock() + timedelta(days=30) / timedelta(milliseconds=1)
    )


@on_sqlite
async def test_a_code_works_once(server: TestServer) -> None:
    code = server.wechat.login("alice")
    assert "errors" not in await server.post(LOGIN, {"code": code})
    assert await refusal(server, code) == {"code": "LOGIN_CODE_USED", "action": "LOG_IN", "retryable": True}


@on_sqlite
async def test_a_code_that_wechat_does_not_know_is_invalid(server: TestServer) -> None:
    expired = server.wechat.login("alice")
    server.wechat.advance(301)
    of_a_phone_number = server.wechat.phone_number("alice")["code"]
    invented = "0716AVll20uHk94SLDml27etM946AVlq"
    for code in (expired, of_a_phone_number, invented):
        assert await refusal(server, code) == {"code": "LOGIN_CODE_INVALID", "action": "LOG_IN", "retryable": True}


@on_sqlite
@pytest.mark.parametrize("code", ["", "a" * 129, "ключ", "a\nb", "a\0b", "码"])
async def test_what_cannot_be_a_code_is_invalid_and_never_shown_to_wechat(server: TestServer, code: str) -> None:
    server.wechat.fail("errcode", errcode=40013)
    assert (await refusal(server, code))["code"] == "LOGIN_CODE_INVALID"
    assert len(server.wechat.state.faults.active()) == 1, "WeChat was asked"


@on_sqlite
async def test_a_person_whom_wechat_blocks_does_not_get_in(server: TestServer) -> None:
    server.wechat.fail("errcode", errcode=40226)
    assert await refusal(server, server.wechat.login()) == {
        "code": "USER_BLOCKED",
        "action": "GIVE_UP",
        "retryable": False,
    }


@on_sqlite
@pytest.mark.parametrize(("errcode", "milliseconds"), [(45011, 60_000), (45009, 3_600_000)])
async def test_a_quota_of_wechat_tells_how_long_to_wait(server: TestServer, errcode: int, milliseconds: int) -> None:
    server.wechat.fail("errcode", errcode=errcode)
    assert await refusal(server, server.wechat.login()) == {
        "code": "RATE_LIMITED",
        "action": "WAIT",
        "retryable": True,
        "retryAfterMs": milliseconds,
    }


@on_sqlite
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "errcode", "errcode": -1, "times": 2},
        {"kind": "bad-gateway", "times": 2},
        {"kind": "html"},
        {"kind": "empty"},
        {"kind": "truncated"},
        {"kind": "missing-openid"},
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_an_unusable_answer_of_wechat_is_made_good_with_a_new_code(
    server: TestServer, fault: dict[str, Any]
) -> None:
    server.wechat.fail(**fault)
    assert await refusal(server, server.wechat.login("alice")) == {
        "code": "WECHAT_UNAVAILABLE",
        "action": "LOG_IN",
        "retryable": True,
        "retryAfterMs": 1000,
    }
    assert (await server.login("alice"))["isNewUser"], "the failed login left something behind"


@on_sqlite
async def test_a_single_hiccup_of_wechat_is_not_noticed(server: TestServer) -> None:
    server.wechat.fail("errcode", errcode=-1)
    assert (await server.login())["isNewUser"]


@on_sqlite
@pytest.mark.parametrize("errcode", [40013, 40125, 40164])
async def test_a_refusal_of_the_server_itself_alarms_its_operators(
    server: TestServer, errcode: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.wechat.fail("errcode", errcode=errcode)
    assert await refusal(server, server.wechat.login()) == {
        "code": "WECHAT_MISCONFIGURED",
        "action": "GIVE_UP",
        "retryable": False,
    }
    [alarm] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert vars(alarm)["errcode"] == errcode
    assert vars(alarm)["rid"].count("-") == 2
    assert secrets_in(str(vars(alarm)) + alarm.getMessage()) == []


async def logins_have_asked(server: TestServer) -> None:
    """Returns when the logins in flight have asked SQLite, which serves them in turn."""
    await server.http.get("/readyz")


async def two_logins_with_one_code(server: TestServer) -> tuple[asyncio.Task[Any], asyncio.Task[Any]]:
    """Alice's, in flight until WeChat is healed."""
    server.wechat.fail("hang")
    code = server.wechat.login("alice")
    first = asyncio.create_task(server.post(LOGIN, {"code": code}))
    await server.wechat_is_asked()
    second = asyncio.create_task(server.post(LOGIN, {"code": code}))
    await asyncio.sleep(0)
    await logins_have_asked(server)
    assert not second.done(), "it asked WeChat by itself"
    return first, second


@on_sqlite
async def test_logins_with_one_code_share_one_call_and_get_a_session_each(server: TestServer) -> None:
    first, second = await two_logins_with_one_code(server)

    server.wechat.heal()
    payloads = [answer["data"]["login"] for answer in await asyncio.gather(first, second)]

    assert payloads[0]["token"] != payloads[1]["token"]
    assert sorted(payload["isNewUser"] for payload in payloads) == [False, True]
    for payload in payloads:
        assert (await server.me(payload["token"]))["id"] == payloads[0]["user"]["id"]


@on_sqlite
async def test_a_shared_call_outlives_the_client_that_made_it(server: TestServer) -> None:
    first, second = await two_logins_with_one_code(server)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.wechat.heal()

    assert (await second)["data"]["login"]["isNewUser"]


@on_postgres
async def test_a_code_is_not_spent_while_the_database_is_down(
    server: TestServer, settings: Settings, postgres_directory: str
) -> None:
    code = server.wechat.login("alice")
    await allow_connections(settings, postgres_directory, allowed=False)
    assert await refusal(server, code) == {"code": "SERVICE_UNAVAILABLE", "action": "WAIT", "retryable": True}
    await allow_connections(settings, postgres_directory, allowed=True)
    assert (await server.post(LOGIN, {"code": code}))["data"]["login"]["isNewUser"]


@on_sqlite
async def test_a_code_is_not_spent_before_the_database_is_there(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path
) -> None:
    url = settings.database.url.get_secret_value()
    await migrate(url)
    away = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-away"))  # noqa: ASYNC240 - nothing else runs here
    code = wechat_simulator.login("alice")
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        assert (await refusal(server, code))["code"] == "SERVICE_UNAVAILABLE"
        away.rename(tmp_path)
        assert (await server.post(LOGIN, {"code": code}))["data"]["login"]["isNewUser"]


async def test_a_unionid_that_comes_later_is_adopted(server: TestServer, settings: Settings) -> None:
    first = await server.login("alice")
    assert await run_sql(settings, "SELECT unionid FROM accounts") == [{"unionid": None}]
    second = await server.login("alice", unionId="union-of-alice")
    assert await run_sql(settings, "SELECT unionid FROM accounts") == [{"unionid": "union-of-alice"}]
    assert second["user"]["id"] == first["user"]["id"]


async def test_another_unionid_does_not_replace_the_first_and_is_noticed(
    server: TestServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await server.login("alice", unionId="union-of-alice")
    await server.login("alice", unionId="another-union")
    await server.login("alice", unionId=False)
    assert await run_sql(settings, "SELECT unionid FROM accounts") == [{"unionid": "union-of-alice"}]
    warnings = [record.getMessage() for record in caplog.records if record.name == "graph.accounts.login"]
    assert warnings == ["kept the unionid that was stored first"]


async def test_another_unionid_replaces_the_first_where_that_is_set(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    replacing = settings.model_copy(update={"unionid": UnionidSettings(on_change="replace")})
    async with open_server(replacing, wechat_simulator, clock) as server:
        first = await server.login("alice", unionId="union-of-alice")
        second = await server.login("alice", unionId="another-union")
        await server.login("alice", unionId=False)
    assert second["user"]["id"] == first["user"]["id"]
    assert await run_sql(settings, "SELECT unionid FROM accounts") == [{"unionid": "another-union"}]
    actions = [row["action"] for row in await run_sql(settings, "SELECT action FROM audit_log ORDER BY action")]
    assert actions == ["unionid_changed", "user_created"]
    assert [record for record in caplog.records if record.name == "graph.accounts.login"] == []


@on_sqlite
@pytest.mark.parametrize(
    "authorization",
    [b"", b"Bearer", b"Bearer ", b"Bearer garbage", b"Basic YWxpY2U6c2VjcmV0", b"Bearer wxs_" + b"A" * 49, b"\xff\xfe"],
)
async def test_no_authorization_keeps_anyone_from_logging_in(server: TestServer, authorization: bytes) -> None:
    body = {"query": LOGIN, "variables": {"code": server.wechat.login("alice")}}
    response = await server.http.post("/graphql", json=body, headers=[(b"Authorization", authorization)])
    assert response.json()["data"]["login"]["isNewUser"]
