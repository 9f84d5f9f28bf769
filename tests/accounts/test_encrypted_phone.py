"""Phone numbers of base libraries that give no code: encrypted, and not signed."""

import base64
from typing import Any, Final

import pytest

from graph.settings import PhoneSettings, Settings
from graph.simulator.device import encrypt
from graph.simulator.serving import WeChatSimulator
from tests.accounts.phones import MASKED, NUMBER, REMOVE, SUBMIT_ENCRYPTED, audited, calls, phone, refusal
from tests.accounts.stored import run_sql
from tests.server import APP_ID, Clock, TestServer, open_server

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

IV: Final = base64.b64encode(bytes(range(16))).decode()


def collect(wechat: WeChatSimulator, user: str = "alice", number: str = NUMBER, **fields: object) -> dict[str, Any]:
    """What the event of an old base library holds."""
    given = wechat.phone_number(user, purePhoneNumber=number, **fields)
    return {name: given[name] for name in ("encryptedData", "iv")}


def forged(wechat: WeChatSimulator, **fields: object) -> dict[str, Any]:
    """Data under Alice's session_key, as WeChat makes them but for `fields`; None leaves one out."""
    info: dict[str, object] = {"phoneNumber": NUMBER, "purePhoneNumber": NUMBER, "countryCode": "86"}
    info["watermark"] = {"timestamp": int(wechat.state.clock()), "appid": APP_ID}
    info = {name: value for name, value in {**info, **fields}.items() if value is not None}
    return encrypt(IV, wechat.state.session_keys.current("alice"), info)


async def submit(server: TestServer, token: str, data: dict[str, Any]) -> Any:
    """The phone after a submission that succeeds."""
    answer = await server.post(SUBMIT_ENCRYPTED, data, token=token)
    assert "errors" not in answer, answer
    return answer["data"]["submitEncryptedPhoneNumber"]["phone"]


async def refused(server: TestServer, token: str, data: dict[str, Any]) -> tuple[str, str]:
    error = await refusal(server, token, data, SUBMIT_ENCRYPTED)
    return error["code"], error["action"]


async def test_an_encrypted_number_is_kept_without_a_call_and_to_repeat_it_changes_nothing(
    server: TestServer, settings: Settings
) -> None:
    login = await server.login("alice")
    data = collect(server.wechat)
    shown = await submit(server, login["token"], data)
    assert (shown["masked"], shown["countryCode"]) == (MASKED, "86")
    server.clock.advance(minutes=5)
    assert await submit(server, login["token"], data) == shown == await phone(server, login["token"])
    assert calls(server.wechat) == 0
    assert await audited(settings) == [("phone_set", login["user"]["id"], '{"replaced": false}')]


@on_sqlite
async def test_a_foreign_number_is_shown_with_its_country_code(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    shown = await submit(server, token, collect(server.wechat, number="60005678", countryCode="852"))
    assert (shown["masked"], shown["countryCode"]) == ("+852 ****5678", "852")


async def test_an_older_number_never_replaces_a_newer_one(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    older = collect(server.wechat, number="13900139000")
    server.wechat.advance(10)
    newer = collect(server.wechat)
    shown = await submit(server, token, newer)
    assert shown["masked"] == MASKED
    assert await submit(server, token, older) == shown


async def test_a_number_that_was_removed_does_not_come_back_by_data_that_is_sent_again(
    server: TestServer, settings: Settings
) -> None:
    token = (await server.login("alice"))["token"]
    older = collect(server.wechat, number="13900139000")
    server.wechat.advance(1)
    data = collect(server.wechat)
    await submit(server, token, data)
    await server.post(REMOVE, token=token)
    for again in (data, older):
        assert await submit(server, token, again) is None
    assert await phone(server, token) is None
    assert await run_sql(settings, "SELECT * FROM phones") == []
    server.wechat.advance(1)
    assert (await submit(server, token, collect(server.wechat)))["masked"] == MASKED


async def test_what_was_encrypted_just_before_a_login_is_still_taken_after_it(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    data = collect(server.wechat)
    await server.login("alice", renewSessionKey=True)
    server.clock.advance(minutes=4, seconds=59)
    assert (await submit(server, token, data))["masked"] == MASKED
    await server.login("alice", renewSessionKey=True)
    assert await refused(server, token, data) == ("SESSION_KEY_STALE", "COLLECT_AGAIN")


@on_sqlite
async def test_data_under_a_key_that_no_login_has_brought_are_waited_for_a_second(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.expire_session_key("alice")
    assert await refused(server, token, collect(server.wechat)) == ("SESSION_KEY_STALE", "COLLECT_AGAIN")
    assert sum(server.clock.slept) == pytest.approx(1)
    token = (await server.login("alice", token=token))["token"]
    assert (await submit(server, token, collect(server.wechat)))["masked"] == MASKED


@on_sqlite
async def test_another_users_data_are_refused(server: TestServer) -> None:
    alice, bob = [(await server.login(name))["token"] for name in ("alice", "bob")]
    assert await refused(server, bob, collect(server.wechat)) == ("SESSION_KEY_STALE", "COLLECT_AGAIN")
    assert [await phone(server, token) for token in (alice, bob)] == [None, None]


@on_sqlite
@pytest.mark.parametrize("api", ["getUserInfo", "getUserProfile"])
async def test_user_info_is_no_phone_number(server: TestServer, api: str) -> None:
    token = (await server.login("alice"))["token"]
    user_info = server.wechat.user_info("alice", policy="old", api=api, nickName=NUMBER)
    assert await refused(server, token, user_info) == ("DECRYPTION_FAILED", "FIX_REQUEST")


@on_sqlite
@pytest.mark.parametrize(
    "fields",
    [
        {"watermark": {"timestamp": 1_700_000_000, "appid": "wx0123456789abcdef"}},
        {"watermark": None},
        {"watermark": {"timestamp": "now", "appid": APP_ID}},
        {"phoneNumber": 13800138000},
        {"phoneNumber": "13900139000"},
        {"purePhoneNumber": "13900139000"},
        {"purePhoneNumber": None},
        {"countryCode": None},
        {"countryCode": "086"},
        {"purePhoneNumber": "x", "phoneNumber": "x"},
    ],
)
async def test_what_opens_must_be_a_phone_number_of_this_mini_program(
    server: TestServer, fields: dict[str, object]
) -> None:
    token = (await server.login("alice"))["token"]
    assert await refused(server, token, forged(server.wechat, **fields)) == ("DECRYPTION_FAILED", "FIX_REQUEST")
    assert await phone(server, token) is None
    assert (await submit(server, token, forged(server.wechat)))["masked"] == MASKED


@on_sqlite
async def test_the_number_must_come_first(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    key, stamp = server.wechat.state.session_keys.current("alice"), int(server.wechat.state.clock())
    watermark = {"timestamp": stamp, "appid": APP_ID}
    late = {"countryCode": "86", "phoneNumber": NUMBER, "purePhoneNumber": NUMBER, "watermark": watermark}
    assert await refused(server, token, encrypt(IV, key, late)) == ("DECRYPTION_FAILED", "FIX_REQUEST")


@on_sqlite
@pytest.mark.parametrize(("seconds", "code"), [(-400, "in the future"), (86_500, "too old")])
async def test_a_number_of_another_time_is_refused(
    server: TestServer, seconds: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = (await server.login("alice"))["token"]
    data = collect(server.wechat)
    server.clock.advance(seconds=seconds)
    assert await refused(server, token, data) == ("WATERMARK_OUT_OF_RANGE", "COLLECT_AGAIN")
    [event] = [vars(record) for record in caplog.records if "submission was refused" in record.getMessage()]
    assert (event["event"], event["reason"]) == ("submission_refused", code)


@on_sqlite
@pytest.mark.parametrize(
    "data",
    [
        {"encryptedData": "", "iv": IV},
        {"encryptedData": "no base64", "iv": IV},
        {"encryptedData": base64.b64encode(bytes(15)).decode(), "iv": IV},
        {"encryptedData": "A" * 24_580, "iv": IV},
        {"encryptedData": base64.b64encode(bytes(16)).decode(), "iv": IV[4:]},
        {"encryptedData": base64.b64encode(bytes(16)).decode(), "iv": ""},
    ],
)
async def test_what_no_key_could_open_is_the_clients_to_mend(server: TestServer, data: dict[str, Any]) -> None:
    token = (await server.login("alice"))["token"]
    assert await refused(server, token, data) == ("BAD_USER_INPUT", "FIX_REQUEST")


@on_sqlite
async def test_encrypted_numbers_can_be_switched_off(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    off = settings.model_copy(update={"phone": PhoneSettings(encrypted=False)})
    async with open_server(off, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        assert await refused(server, token, collect(wechat_simulator)) == ("NOT_ENABLED", "GIVE_UP")
        assert await phone(server, token) is None


async def test_an_encrypted_number_of_another_user_is_refused_where_numbers_are_unique(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    unique = settings.model_copy(update={"phone": PhoneSettings(unique=True)})
    async with open_server(unique, wechat_simulator, clock) as server:
        alice, bob = [(await server.login(name))["token"] for name in ("alice", "bob")]
        await submit(server, alice, collect(wechat_simulator))
        assert await refused(server, bob, collect(wechat_simulator, "bob")) == ("PHONE_IN_USE", "GIVE_UP")
        await run_sql(settings, "DELETE FROM users WHERE id IN (SELECT user_id FROM phones)")
        assert (await submit(server, bob, collect(wechat_simulator, "bob")))["masked"] == MASKED
