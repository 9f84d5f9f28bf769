"""Phone numbers by the code of a tap, as a client meets them."""

import asyncio
import logging
from datetime import datetime
from typing import Any

import pytest

from graph.settings import PhoneSettings, RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.phones import (
    GET_PHONE_NUMBER,
    MASKED,
    MY_PHONE,
    NUMBER,
    REMOVE,
    SUBMIT_ENCRYPTED,
    SUBMIT_PHONE,
    audited,
    calls,
    phone,
    refusal,
    submit,
    tap,
)
from tests.accounts.stored import run_sql
from tests.accounts.test_session_list import id_of
from tests.server import LOGIN, ME, Clock, TestServer, open_server, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_the_number_of_a_tap_is_kept_and_shown_masked(server: TestServer) -> None:
    login = await server.login("alice")
    assert await phone(server, login["token"]) is None
    tapped_at = int(server.wechat.state.clock())
    server.wechat.state.now = lambda: tapped_at
    user = await submit(server, login["token"], tap(server.wechat))
    assert user["id"] == login["user"]["id"]
    shown = user["phone"]
    assert (shown["masked"], shown["countryCode"]) == (MASKED, "86")
    assert datetime.fromisoformat(shown["verifiedAt"]).timestamp() == tapped_at
    assert await phone(server, login["token"]) == shown
    assert (await server.login("alice"))["user"] == login["user"], "a phone number is no user info"


async def test_the_same_code_again_changes_nothing_and_asks_wechat_nothing(
    server: TestServer, settings: Settings
) -> None:
    token = (await server.login("alice"))["token"]
    code = tap(server.wechat)
    first = await submit(server, token, code)
    server.clock.advance(minutes=6)
    assert await submit(server, token, code) == first
    assert calls(server.wechat) == 1
    assert len(await audited(settings)) == 1


async def test_twenty_submissions_of_one_code_at_once_ask_wechat_once(server: TestServer, settings: Settings) -> None:
    token = (await server.login("alice"))["token"]
    code = tap(server.wechat)
    users = await asyncio.gather(*[submit(server, token, code) for _ in range(20)])
    assert [user["phone"]["masked"] for user in users] == [MASKED] * 20
    assert calls(server.wechat) == 1
    assert len(await audited(settings)) == 1


@on_sqlite
async def test_a_client_that_leaves_does_not_end_the_call_that_others_wait_for(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    code = tap(server.wechat)
    server.wechat.fail("hang", path=GET_PHONE_NUMBER)
    first = asyncio.create_task(submit(server, token, code))
    await server.wechat_is_asked()
    second = asyncio.create_task(submit(server, token, code))
    first.cancel()
    await asyncio.wait([first])
    server.wechat.heal()
    assert (await second)["phone"]["masked"] == MASKED
    assert calls(server.wechat) == 1


async def test_a_stolen_code_is_refused_and_stays_its_users(
    server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    thief = await server.login("bob")
    alice, bob = (await server.login("alice"))["token"], thief["token"]
    code = tap(server.wechat)
    assert (await refusal(server, bob, code))["code"] == "PHONE_CODE_INVALID"
    assert await phone(server, bob) is None
    [event] = [vars(record) for record in caplog.records if "submission was refused" in record.getMessage()]
    assert (event["event"], event["reason"]) == ("submission_refused", "phone code")
    assert (event["user_id"], event["session_id"]) == (thief["user"]["id"], id_of(bob))
    assert (await submit(server, alice, code))["phone"]["masked"] == MASKED
    assert (await refusal(server, bob, code))["code"] == "PHONE_CODE_INVALID"


async def test_a_stolen_code_is_refused_while_its_user_submits_it(server: TestServer) -> None:
    alice, bob = [(await server.login(name))["token"] for name in ("alice", "bob")]
    code = tap(server.wechat)
    server.wechat.fail("hang", path=GET_PHONE_NUMBER)
    first = asyncio.create_task(submit(server, alice, code))
    await server.wechat_is_asked()
    assert (await refusal(server, bob, code))["code"] == "PHONE_CODE_INVALID"
    server.wechat.heal()
    assert (await first)["phone"]["masked"] == MASKED
    assert await phone(server, bob) is None


@pytest.mark.parametrize("code", ["used", "old", "f" * 64, "0" * 20])
@on_sqlite
async def test_a_code_that_wechat_does_not_know_wants_another_tap(server: TestServer, code: str) -> None:
    token = (await server.login("alice"))["token"]
    if code in {"used", "old"}:
        kind, code = code, tap(server.wechat)
        if kind == "used":
            await submit(server, token, code)
            await server.post(REMOVE, token=token)
        else:
            server.wechat.advance(301)
    message = (
        "WeChat does not know this phone code: it must come from this user's tap on the button of this mini-program, "
        "less than 5 minutes ago, and works once."
    )
    refused = {"code": "PHONE_CODE_INVALID", "action": "ASK_AGAIN", "retryable": True, "message": message}
    assert await refusal(server, token, code) == refused


@on_sqlite
async def test_a_code_of_wx_login_is_recognized_and_stays_good_for_a_login(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    code = server.wechat.login("alice")
    refused = await refusal(server, token, code)
    assert refused["code"] == "PHONE_CODE_INVALID"
    assert refused["message"].endswith(" and works once. This looks like a code of wx.login.")
    assert "errors" not in await server.post(LOGIN, {"code": code})


@on_sqlite
@pytest.mark.parametrize("code", ["", "a" * 15, "a" * 129, "a" * 20 + "\n", "a" * 20 + " ", "код" * 10])
async def test_what_cannot_be_a_code_is_not_sent(server: TestServer, code: str) -> None:
    token = (await server.login("alice"))["token"]
    refused = await refusal(server, token, code)
    assert (refused["code"], refused["action"]) == ("BAD_USER_INPUT", "FIX_REQUEST")
    assert calls(server.wechat) == 0


@on_sqlite
async def test_nothing_is_done_for_a_client_that_is_not_signed_in(server: TestServer) -> None:
    given = server.wechat.phone_number("alice")
    del given["errMsg"]
    for query in (SUBMIT_PHONE, SUBMIT_ENCRYPTED, REMOVE):
        for token in (None, "wxs_nonsense"):
            assert await server.code_of_error(query, given, token=token) == "UNAUTHENTICATED"
    assert calls(server.wechat) == 0


async def test_a_newer_tap_replaces_the_number_and_the_same_number_only_its_time(
    server: TestServer, settings: Settings
) -> None:
    login = await server.login("alice")
    token, user_id = login["token"], login["user"]["id"]
    seen = []
    for number in (NUMBER, NUMBER, "13900139000"):
        seen.append((await submit(server, token, tap(server.wechat, number=number)))["phone"])
        server.clock.advance(seconds=10)
        server.wechat.advance(10)
    assert [each["masked"] for each in seen] == [MASKED, MASKED, "139****9000"]
    assert seen[0]["verifiedAt"] < seen[1]["verifiedAt"] < seen[2]["verifiedAt"]
    assert await phone(server, token) == seen[2]
    assert await audited(settings) == [
        ("phone_set", user_id, '{"replaced": false}'),
        ("phone_set", user_id, '{"replaced": true}'),
    ]


async def test_a_number_that_is_removed_is_gone_and_to_repeat_it_changes_nothing(
    server: TestServer, settings: Settings
) -> None:
    login = await server.login("alice")
    await submit(server, login["token"], tap(server.wechat))
    for _ in range(2):
        server.clock.advance(seconds=1)
        answer = await server.post(REMOVE, token=login["token"])
        assert answer == {"data": {"removePhoneNumber": {"id": login["user"]["id"], "phone": None}}}
    assert await phone(server, login["token"]) is None
    assert await run_sql(settings, "SELECT * FROM phones") == []
    assert [action for action, *_ in await audited(settings)] == ["phone_set", "phone_removed"]
    assert (await submit(server, login["token"], tap(server.wechat)))["phone"]["masked"] == MASKED


async def test_the_database_holds_no_number_and_no_code(server: TestServer, settings: Settings) -> None:
    token = (await server.login("alice"))["token"]
    code = tap(server.wechat)
    await submit(server, token, code)
    [row] = await run_sql(settings, "SELECT * FROM phones")
    log = await run_sql(settings, "SELECT * FROM audit_log")
    assert row["number"].startswith("v1.k1.")
    assert [secret for secret in (NUMBER, NUMBER[3:7], code) if secret in f"{row}{log}"] == []


async def test_users_may_share_a_number_unless_the_operators_say_otherwise(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        for name in ("alice", "bob"):
            token = (await server.login(name))["token"]
            assert (await submit(server, token, tap(wechat_simulator, name)))["phone"]["masked"] == MASKED
    unique = settings.model_copy(update={"phone": PhoneSettings(unique=True)})
    async with open_server(unique, wechat_simulator, clock) as server:
        carol = (await server.login("carol"))["token"]
        refused = await refusal(server, carol, tap(wechat_simulator, "carol"))
        message = "Another user of this server has this phone number."
        assert refused == {"code": "PHONE_IN_USE", "action": "GIVE_UP", "retryable": False, "message": message}
        assert await phone(server, carol) is None
        assert (await submit(server, carol, tap(wechat_simulator, "carol", "13900139000")))["phone"] is not None


@pytest.mark.parametrize(
    ("number", "code", "masked"),
    [
        ("60005678", "852", "+852 ****5678"),
        ("60005678", 852, "+852 ****5678"),
        (NUMBER, 86, MASKED),
        ("2025550123", "1", "+1 ****0123"),
        ("1234567", "674", "+674 ****67"),
        ("1234", "290", "+290 ****34"),
        ("2088888888", "86", "+86 ****8888"),
    ],
)
@on_sqlite
async def test_numbers_of_all_countries_are_masked(server: TestServer, number: str, code: object, masked: str) -> None:
    token = (await server.login("alice"))["token"]
    shown = (await submit(server, token, tap(server.wechat, number=number, countryCode=code)))["phone"]
    assert (shown["masked"], shown["countryCode"]) == (masked, str(code))


async def test_only_a_document_that_selects_the_number_reads_it(server: TestServer, settings: Settings) -> None:
    token = (await server.login("alice"))["token"]
    await run_sql(settings, "ALTER TABLE phones RENAME TO elsewhere")
    assert (await server.post(ME, token=token))["data"]["me"]["isAnonymous"]
    answer = await server.post(MY_PHONE, token=token)
    assert answer["data"]["me"]["phone"] is None
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("SERVICE_UNAVAILABLE", ["me", "phone"])


@on_sqlite
async def test_a_number_that_cannot_be_opened_is_none(
    server: TestServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = [(await server.login(name))["token"] for name in ("alice", "bob")]
    await submit(server, alice, tap(server.wechat))
    await submit(server, bob, tap(server.wechat, "bob", "13900139000"))
    await run_sql(
        settings, "UPDATE phones SET number = (SELECT number FROM phones ORDER BY verified_at, number LIMIT 1)"
    )
    assert [await phone(server, token) is None for token in (alice, bob)].count(True) == 1
    [warning] = [record for record in caplog.records if "phone number cannot be opened" in record.getMessage()]
    assert (warning.levelno, vars(warning)["reason"]) == (logging.WARNING, "Tampered")


@on_sqlite
async def test_an_account_submits_so_many_numbers_an_hour(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    limited = settings_for(wechat_simulator, database_url, rate_limit=RateLimitSettings(phone="2/hour"))
    async with open_server(limited, wechat_simulator, clock) as server:
        alice, bob = [(await server.login(name))["token"] for name in ("alice", "bob")]
        for _ in range(2):
            await submit(server, alice, tap(wechat_simulator))
        refused = await refusal(server, alice, tap(wechat_simulator))
        assert (refused["code"], refused["action"]) == ("RATE_LIMITED", "WAIT")
        given: dict[str, Any] = wechat_simulator.phone_number("alice")
        assert (await refusal(server, alice, given, SUBMIT_ENCRYPTED))["code"] == "RATE_LIMITED"
        assert calls(wechat_simulator) == 2
        await submit(server, bob, tap(wechat_simulator, "bob"))
        clock.advance(hours=1)
        wechat_simulator.advance(3600)
        await submit(server, alice, tap(wechat_simulator))


@on_sqlite
async def test_numbers_of_several_users_count_for_their_common_address(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    limited = settings_for(wechat_simulator, database_url, rate_limit=RateLimitSettings(submit="2/minute"))
    async with open_server(limited, wechat_simulator, clock) as server:
        for name, taken in (("alice", True), ("bob", True), ("carol", False)):
            token = (await server.login(name))["token"]
            answer = await server.post(SUBMIT_PHONE, {"code": tap(wechat_simulator, name)}, token=token)
            assert ("errors" not in answer) == taken
