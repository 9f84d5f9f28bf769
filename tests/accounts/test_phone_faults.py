"""What becomes of a phone code when WeChat, the database or a clock fails, and what the client does then."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.phones import (
    GET_PHONE_NUMBER,
    MASKED,
    NUMBER,
    SUBMIT_PHONE,
    calls,
    phone,
    refusal,
    submit,
    tap,
)
from tests.accounts.stored import locked_sqlite, run_sql
from tests.accounts.test_session_key_check import count_fetches
from tests.server import Clock, TestServer, open_server, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MAY_BE_SPENT: Final = " Perhaps it was spent by a response that was lost: have the user tap again."


@pytest.mark.parametrize("errcode", [42001, 40001])
async def test_an_access_token_that_is_refused_once_is_replaced(
    server: TestServer, monkeypatch: pytest.MonkeyPatch, errcode: int
) -> None:
    token = (await server.login("alice"))["token"]
    await submit(server, token, tap(server.wechat))
    fetches = count_fetches(server.wechat, monkeypatch)
    if errcode == 42001:
        server.wechat.access_tokens.expire_all()
    else:
        server.wechat.fail("errcode", errcode=errcode, path=GET_PHONE_NUMBER)
    assert (await submit(server, token, tap(server.wechat, number="13900139000")))["phone"]["masked"] == "139****9000"
    assert calls(server.wechat) == 3
    assert fetches == ([False] if errcode == 42001 else [False, True])


@on_sqlite
async def test_an_access_token_that_is_always_refused_is_the_operators_to_mend(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail("errcode", errcode=40001, path=GET_PHONE_NUMBER, times=3)
    code = tap(server.wechat)
    for _ in range(2):
        refused = await refusal(server, token, code)
        assert (refused["code"], refused["action"]) == ("WECHAT_MISCONFIGURED", "GIVE_UP")
    assert calls(server.wechat) == 2, "a third call was made, or the second request asked WeChat again"
    server.wechat.heal()
    server.clock.advance(seconds=30)
    assert (await submit(server, token, code))["phone"]["masked"] == MASKED, "the code is not spent"


@on_sqlite
@pytest.mark.parametrize("fault", [{"kind": "errcode", "errcode": -1}, {"kind": "bad-gateway"}])
async def test_a_call_without_a_usable_response_is_made_once_more(server: TestServer, fault: dict[str, Any]) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail(path=GET_PHONE_NUMBER, **fault)
    assert (await submit(server, token, tap(server.wechat)))["phone"]["masked"] == MASKED
    assert calls(server.wechat) == 2


@on_sqlite
async def test_a_code_that_a_lost_response_has_spent_is_said_to_be_perhaps_spent(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail("bad-gateway", path=GET_PHONE_NUMBER, carriedOut=True)
    refused = await refusal(server, token, tap(server.wechat))
    assert (refused["code"], refused["action"]) == ("PHONE_CODE_INVALID", "ASK_AGAIN")
    assert refused["message"].endswith(MAY_BE_SPENT)
    assert calls(server.wechat) == 2


@on_sqlite
async def test_a_client_that_repeats_a_code_without_an_answer_learns_that_it_may_be_spent(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail("bad-gateway", path=GET_PHONE_NUMBER, carriedOut=True, times=2)
    code = tap(server.wechat)
    lost = await refusal(server, token, code)
    assert (lost["code"], lost["action"], lost["retryAfterMs"]) == ("WECHAT_UNAVAILABLE", "WAIT", 1000)
    refused = await refusal(server, token, code)
    assert (refused["code"], refused["action"]) == ("PHONE_CODE_INVALID", "ASK_AGAIN")
    assert refused["message"].endswith(MAY_BE_SPENT)
    assert not (await refusal(server, token, "f" * 64))["message"].endswith(MAY_BE_SPENT)
    assert (await submit(server, token, tap(server.wechat)))["phone"]["masked"] == MASKED


@on_sqlite
@pytest.mark.parametrize(
    ("errcode", "code", "action", "wait"),
    [
        (40029, "PHONE_CODE_INVALID", "ASK_AGAIN", None),
        (40013, "PHONE_CODE_INVALID", "ASK_AGAIN", None),
        (40003, "PHONE_CODE_INVALID", "ASK_AGAIN", None),
        (45011, "RATE_LIMITED", "WAIT", 60_000),
        (48001, "WECHAT_MISCONFIGURED", "GIVE_UP", None),
        (50002, "WECHAT_MISCONFIGURED", "GIVE_UP", None),
    ],
)
async def test_what_wechat_refuses_has_a_code_and_is_not_asked_again(
    server: TestServer, caplog: pytest.LogCaptureFixture, errcode: int, code: str, action: str, wait: int | None
) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail("errcode", errcode=errcode, path=GET_PHONE_NUMBER)
    caplog.set_level(logging.INFO, "graph.wechat")
    refused = await refusal(server, token, tap(server.wechat))
    assert (refused["code"], refused["action"], refused.get("retryAfterMs")) == (code, action, wait)
    assert calls(server.wechat) == 1
    levels = {40029: [], 40003: [], 40013: [logging.WARNING], 45011: [logging.WARNING]}
    found = [record.levelno for record in caplog.records if record.name == "graph.wechat.attempts"]
    assert found == levels.get(errcode, [logging.ERROR])
    assert (await server.login("bob"))["isNewUser"], "logins suffer"


def odd(**fields: object) -> Callable[[dict[str, object]], dict[str, object]]:
    return lambda info: {**info, **fields}


def without(name: str) -> Callable[[dict[str, object]], dict[str, object]]:
    return lambda info: {field: value for field, value in info.items() if field != name}


def stamped(**fields: object) -> Callable[[dict[str, object]], dict[str, object]]:
    def change(info: dict[str, object]) -> dict[str, object]:
        watermark = info["watermark"]
        assert isinstance(watermark, dict)
        return {**info, "watermark": {**watermark, **fields}}

    return change


ODD: Final[dict[str, Callable[[dict[str, object]], object]]] = {
    "no object": lambda _: "13800138000",
    "nothing": lambda _: {},
    "another app": stamped(appid="wx0123456789abcdef"),
    "no app": stamped(appid=None),
    "no time": stamped(timestamp="1700000000"),
    "long ago": stamped(timestamp=1_700_000_000),
    "the future": stamped(timestamp=10**11),
    "no watermark": without("watermark"),
    "no number": without("purePhoneNumber"),
    "no shown number": without("phoneNumber"),
    "no country": without("countryCode"),
    "another number shown": odd(phoneNumber="13900139000"),
    "a number of letters": odd(phoneNumber="1380013800x", purePhoneNumber="1380013800x"),
    "a number with a sign": odd(phoneNumber="+13800138000", purePhoneNumber="+13800138000"),
    "digits of another script": odd(phoneNumber="１３８００１３８０００", purePhoneNumber="１３８００１３８０００"),
    "a number as number": odd(purePhoneNumber=int(NUMBER)),
    "too short": odd(phoneNumber="138", purePhoneNumber="138"),
    "too long": odd(phoneNumber="1" * 14, purePhoneNumber="1" * 14),
    "masked": odd(phoneNumber=MASKED, purePhoneNumber=MASKED),
    "no digits of a country": odd(countryCode="+86"),
    "a country with zeros": odd(countryCode="0086"),
    "a country of five digits": odd(countryCode="12345"),
    "a country that is true": odd(countryCode=True),
    "half a country": odd(countryCode=86.5),
    "a negative country": odd(countryCode=-86),
}


@on_sqlite
@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
async def test_an_odd_response_is_no_number(
    server: TestServer, settings: Settings, change: Callable[[dict[str, object]], object]
) -> None:
    token = (await server.login("alice"))["token"]
    user, info = server.wechat.state.phone_codes.use(tap(server.wechat))
    code = server.wechat.state.phone_codes.issue((user, change(info)))  # type: ignore[arg-type]
    refused = await refusal(server, token, code)
    assert (refused["code"], refused["action"]) == ("WECHAT_UNAVAILABLE", "ASK_AGAIN")
    assert calls(server.wechat) == 1, "the code is spent"
    assert await run_sql(settings, "SELECT * FROM phones") == []


@on_sqlite
@pytest.mark.parametrize("kind", ["empty", "html", "truncated", "huge"])
async def test_half_a_response_is_no_number(server: TestServer, kind: str) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail(kind, path=GET_PHONE_NUMBER)
    assert (await refusal(server, token, tap(server.wechat)))["code"] == "WECHAT_UNAVAILABLE"
    assert await phone(server, token) is None


@pytest.mark.parametrize("table", ["phones", "accounts", "audit_log"])
async def test_a_code_is_not_spent_while_the_database_cannot_take_its_number(
    server: TestServer, settings: Settings, table: str
) -> None:
    token = (await server.login("alice"))["token"]
    code = tap(server.wechat)
    await run_sql(settings, f"ALTER TABLE {table} RENAME TO elsewhere")
    refused = await refusal(server, token, code)
    assert (refused["code"], refused["action"]) == ("SERVICE_UNAVAILABLE", "WAIT")
    assert calls(server.wechat) == 0
    await run_sql(settings, f"ALTER TABLE elsewhere RENAME TO {table}")
    assert (await submit(server, token, code))["phone"]["masked"] == MASKED


async def test_a_number_that_the_database_cannot_take_wants_another_tap(
    wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path
) -> None:
    url = f"sqlite://{tmp_path / 'wxgate.db'}?busy_timeout=1"
    async with open_server(settings_for(wechat_simulator, url), wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        async with locked_sqlite(url):
            refused = await refusal(server, token, tap(wechat_simulator))
        message = "The phone number could not be kept: have the user tap again."
        advice = {"action": "ASK_AGAIN", "retryable": True, "retryAfterMs": 1000}
        assert refused == {"code": "SERVICE_UNAVAILABLE", "message": message, **advice}
        assert (await submit(server, token, tap(wechat_simulator)))["phone"]["masked"] == MASKED


@on_sqlite
async def test_a_mini_program_that_is_served_no_more_gets_no_numbers(
    server: TestServer, settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    token = (await server.login("alice"))["token"]
    await run_sql(settings, "UPDATE accounts SET app_id = 'wx00c1f0c9be2d3784'")
    refused = await refusal(server, token, tap(wechat_simulator))
    assert (refused["code"], refused["action"]) == ("APP_UNKNOWN", "FIX_REQUEST")
    assert calls(wechat_simulator) == 0


async def test_a_number_goes_to_whose_the_account_is_when_it_comes(server: TestServer, settings: Settings) -> None:
    alice, bob = await server.login("alice"), await server.login("bob")
    server.wechat.fail("hang", path=GET_PHONE_NUMBER)
    submission = asyncio.create_task(submit(server, alice["token"], tap(server.wechat)))
    await server.wechat_is_asked()
    # As a merge does it.
    await run_sql(settings, "UPDATE accounts SET user_id = (SELECT user_id FROM accounts ORDER BY id DESC LIMIT 1)")
    server.wechat.heal()
    user = await submission
    assert (user["id"], user["phone"]["masked"]) == (bob["user"]["id"], MASKED)
    assert await phone(server, bob["token"]) == user["phone"]


async def test_a_user_who_is_deleted_meanwhile_has_no_number(server: TestServer, settings: Settings) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.fail("hang", path=GET_PHONE_NUMBER)
    submission = asyncio.create_task(server.code_of_error(SUBMIT_PHONE, {"code": tap(server.wechat)}, token=token))
    await server.wechat_is_asked()
    await run_sql(settings, "DELETE FROM users")
    server.wechat.heal()
    assert await submission == "UNAUTHENTICATED"
    assert await run_sql(settings, "SELECT * FROM phones") == []
