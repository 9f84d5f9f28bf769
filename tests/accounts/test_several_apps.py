"""One server for several mini-programs: which of them a login is for, and that nothing of one works in another."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from graph.wechat.circuit_breaker import STOPS
from tests.accounts.stored import run_sql
from tests.server import APP_ID, LOGIN, ME, SHOP, SUBMIT, Clock, TestServer, open_server, settings_for, wechat_settings

FOREIGN: Final = "wxffffffffffffffff"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass
class Two:
    """A server of two mini-programs, the second one called shop."""

    server: TestServer
    shop: WeChatSimulator
    settings: Settings


@pytest.fixture
def settings_of_two(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    served = {"wechat": wechat_settings(wechat_simulator, wechat_simulator.app(SHOP))}
    return settings_for(wechat_simulator, database_url).model_copy(update=served)


@pytest.fixture
async def two(
    settings_of_two: Settings, wechat_simulator: WeChatSimulator, clock: Clock, plans: bool
) -> AsyncIterator[Two]:
    async with open_server(settings_of_two, wechat_simulator, clock, plans=plans) as server:
        yield Two(server, wechat_simulator.app(SHOP), settings_of_two)


def referer(app_id: str) -> str:
    return f"https://servicewechat.com/{app_id}/128/page-frame.html"


async def apps_of_accounts(settings: Settings) -> list[str]:
    return [row["app_id"] for row in await run_sql(settings, "SELECT app_id FROM accounts ORDER BY id")]


@pytest.mark.parametrize("naming", [{"X_Wxgate_App": SHOP}, {"Referer": referer(SHOP)}])
async def test_a_login_is_for_the_mini_program_that_a_header_or_wechats_referer_names(
    two: Two, naming: dict[str, str]
) -> None:
    answer = await two.server.post(LOGIN, {"code": two.shop.login("alice")}, **naming)
    assert answer["data"]["login"]["isNewUser"]
    await two.server.login("alice")
    assert await apps_of_accounts(two.settings) == [SHOP, APP_ID]


@on_sqlite
async def test_the_header_goes_before_the_referer(two: Two) -> None:
    code = two.shop.login("alice")
    answer = await two.server.post(LOGIN, {"code": code}, X_Wxgate_App=SHOP, Referer=referer(APP_ID))
    assert "errors" not in answer
    assert await apps_of_accounts(two.settings) == [SHOP]


@on_sqlite
async def test_a_code_of_one_mini_program_is_of_no_use_in_another(two: Two) -> None:
    code = two.shop.login("alice")
    assert await two.server.code_of_error(LOGIN, {"code": code}) == "LOGIN_CODE_INVALID"
    code = two.server.wechat.login("alice")
    assert await two.server.code_of_error(LOGIN, {"code": code}, X_Wxgate_App=SHOP) == "LOGIN_CODE_INVALID"


@on_sqlite
async def test_one_code_that_is_sent_for_two_mini_programs_at_once_is_asked_of_each(two: Two) -> None:
    code = {"code": two.shop.login("alice")}
    two.server.wechat.fail("delay", seconds=0.2, times=2)
    own, other = await asyncio.gather(two.server.post(LOGIN, code, X_Wxgate_App=SHOP), two.server.post(LOGIN, code))
    assert own["data"]["login"]["isNewUser"]
    assert other["errors"][0]["extensions"]["code"] == "LOGIN_CODE_INVALID"
    assert await apps_of_accounts(two.settings) == [SHOP]


@on_sqlite
@pytest.mark.parametrize("naming", [{"X_Wxgate_App": FOREIGN}, {"Referer": referer(FOREIGN)}])
async def test_a_mini_program_that_is_not_served_is_refused_before_its_code_is_spent(
    two: Two, naming: dict[str, str]
) -> None:
    code = two.shop.login("alice")
    [error] = (await two.server.post(LOGIN, {"code": code}, **naming))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["action"]) == ("APP_UNKNOWN", "FIX_REQUEST")
    assert SHOP not in error["message"]
    assert "errors" not in await two.server.post(LOGIN, {"code": code}, X_Wxgate_App=SHOP)


@on_sqlite
async def test_in_development_the_refusal_names_those_that_are_served(
    settings_of_two: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    open_settings = settings_of_two.model_copy(update={"introspection": True})
    async with open_server(open_settings, wechat_simulator, clock) as server:
        [error] = (await server.post(LOGIN, {"code": "code"}, X_Wxgate_App=FOREIGN))["errors"]
    assert error["message"].endswith(f"It serves {APP_ID}, {SHOP}.")


@on_sqlite
@pytest.mark.parametrize("named", ["", "shop", f"{SHOP}, {SHOP}", SHOP.upper(), "wx" * 2000])
async def test_a_header_that_names_no_mini_program_is_a_bad_request(two: Two, named: str) -> None:
    assert await two.server.code_of_error(LOGIN, {"code": "code"}, X_Wxgate_App=named) == "BAD_REQUEST"


@on_sqlite
async def test_where_one_alone_is_served_a_foreign_referer_is_let_pass_and_explains_a_failure(
    server: TestServer,
) -> None:
    code = server.wechat.login("alice")
    assert "errors" not in await server.post(LOGIN, {"code": code}, Referer=referer(FOREIGN))
    [error] = (await server.post(LOGIN, {"code": "0" * 32}, Referer=referer(FOREIGN)))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["action"]) == ("LOGIN_CODE_INVALID", "LOG_IN")
    assert f"The request comes from {FOREIGN}, and this server serves {APP_ID}." in error["message"]


@on_sqlite
async def test_of_logins_with_one_code_the_hint_is_for_the_one_with_the_foreign_referer(server: TestServer) -> None:
    code = {"code": "0" * 32}
    server.wechat.fail("delay", seconds=0.2)
    hinted, plain = await asyncio.gather(server.post(LOGIN, code, Referer=referer(FOREIGN)), server.post(LOGIN, code))
    assert FOREIGN in hinted["errors"][0]["message"]
    assert FOREIGN not in plain["errors"][0]["message"]


async def test_a_submission_is_read_with_the_key_and_the_watermark_of_the_sessions_app(two: Two) -> None:
    login = await two.server.login("alice", app=two.shop)
    await two.server.login("alice")
    elsewhere = two.server.wechat.user_info("alice", policy="old")
    assert await two.server.code_of_error(SUBMIT, elsewhere, token=login["token"]) == "SESSION_KEY_STALE"
    # The same session_key in both, so that the watermark alone tells them apart.
    for app in two.server.wechat.state.apps.values():
        app.session_keys.put("alice", "5tF5KuDigyB6e4m7FigHvw==")
    login = await two.server.login("alice", app=two.shop)
    forged = two.server.wechat.user_info("alice", policy="old")
    assert await two.server.code_of_error(SUBMIT, forged, token=login["token"]) == "DECRYPTION_FAILED"
    own = two.shop.user_info("alice", policy="old", nickName="Alice")
    assert (await two.server.submit(login["token"], own))["nickName"] == "Alice"


async def test_a_user_sees_and_ends_their_sessions_in_every_mini_program(two: Two) -> None:
    for app in (two.server.wechat, two.shop):
        app.bind_open_platform()
    for _ in range(5):
        own = await two.server.login("alice")
        shop = await two.server.login("alice", app=two.shop)
        assert own["user"]["id"] == shop["user"]["id"]
        answer = await two.server.post("{ sessions { id appId isCurrent } }", token=own["token"])
        listed = {session["appId"]: session for session in answer["data"]["sessions"]}
        assert {app_id: session["isCurrent"] for app_id, session in listed.items()} == {APP_ID: True, SHOP: False}
        # Each ends the other at once: one is too late, though each belongs to an account of its own.
        tokens = own["token"], shop["token"]
        answers = await asyncio.gather(*[two.server.post("mutation { revokeOtherSessions }", token=t) for t in tokens])
        assert sorted("errors" in answer for answer in answers) == [False, True]
        [left] = [token for token, answer in zip(tokens, answers, strict=True) if "errors" not in answer]
        ended = await two.server.login("alice", app=two.shop)
        sessions = (await two.server.post("{ sessions { id isCurrent } }", token=ended["token"]))["data"]["sessions"]
        [other] = [session["id"] for session in sessions if not session["isCurrent"]]
        revoked = await two.server.post(f'mutation {{ revokeSession(id: "{other}") }}', token=ended["token"])
        assert revoked["data"] == {"revokeSession": True}
        assert await two.server.code_of_error(ME, token=left) == "UNAUTHENTICATED"
        assert (await two.server.post("mutation { logout }", token=ended["token"]))["data"] == {"logout": True}


@on_sqlite
async def test_what_wechat_refuses_one_mini_program_stops_no_other(two: Two) -> None:
    secret = two.server.wechat.state.apps[SHOP]
    secret.app_secret = secret.app_secret[::-1]
    for _ in range(STOPS + 1):
        code = {"code": two.shop.login("alice")}
        assert await two.server.code_of_error(LOGIN, code, X_Wxgate_App=SHOP) == "WECHAT_MISCONFIGURED"
    calls = two.server.wechat.state.calls["/sns/jscode2session"]
    assert calls == STOPS, "after so many refusals WeChat is not asked for a while"
    await two.server.login("alice")
