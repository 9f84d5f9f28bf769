"""Users show that they are there, with a fresh code of wx.login, before they are deleted or given what is kept."""

import contextlib
import logging
from collections.abc import AsyncIterator

import asyncpg
import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.full_user import (
    DELETE,
    EXPORT,
    FullUser,
    delete,
    error_of,
    settings_of_two_apps,
    store_full_user,
    users,
)
from tests.accounts.stored import locked_sqlite, run_sql
from tests.accounts.test_session_list import id_of
from tests.server import (
    LOGIN,
    SHOP,
    Clock,
    TestServer,
    open_server,
    settings_behind_proxy,
    settings_for,
    wechat_settings,
)

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_of_two_apps(wechat_simulator, database_url)


async def test_a_code_of_another_user_deletes_neither(
    server: TestServer, settings: Settings, alice: FullUser, caplog: pytest.LogCaptureFixture
) -> None:
    before = await users(settings)
    code = server.wechat.login("bob")
    caplog.clear()
    answer = await delete(server, alice.tokens[0], code=code)
    assert error_of(answer) == ("CODE_OF_ANOTHER_PERSON", "FIX_REQUEST")
    assert "sign out first" in answer["errors"][0]["message"]
    assert await users(settings) == before
    assert await run_sql(settings, "SELECT * FROM deleted_users") == []
    assert await server.code_of_error(LOGIN, {"code": code}) == "LOGIN_CODE_USED"
    [record] = [record for record in caplog.records if record.name == "wxgate.security"]
    assert vars(record)["event"] == "code_of_another_user"
    assert (vars(record)["user_id"], vars(record)["session_id"]) == (alice.id, id_of(alice.tokens[0]))


async def test_a_code_of_another_account_of_the_user_will_do(
    server: TestServer, settings: Settings, alice: FullUser
) -> None:
    await server.login("second phone of alice")
    newest = "(SELECT MAX(id) FROM accounts)"
    await run_sql(settings, f"DELETE FROM sessions WHERE account_id = {newest}")  # noqa: S608
    await run_sql(settings, f"UPDATE accounts SET user_id = '{alice.id}' WHERE id = {newest}")  # noqa: S608
    answer = await delete(server, alice.tokens[0], user="second phone of alice")
    assert "errors" not in answer
    assert alice.id not in await users(settings)


@on_sqlite
async def test_a_code_that_is_no_good_asks_for_another_and_for_no_login(server: TestServer, alice: FullUser) -> None:
    used = server.wechat.login("alice")
    await server.post(LOGIN, {"code": used})
    for mutation in (DELETE, EXPORT):
        for code, error in {
            used: "LOGIN_CODE_USED",
            "0" * 32: "LOGIN_CODE_INVALID",
            "no\ncode": "LOGIN_CODE_INVALID",
            server.wechat.app(SHOP).login("alice"): "LOGIN_CODE_INVALID",
        }.items():
            answer = await server.post(mutation, {"code": code}, token=alice.tokens[0])
            assert error_of(answer) == (error, "ASK_AGAIN"), code
            assert answer["errors"][0]["extensions"]["retryable"]
    assert (await server.me(alice.tokens[0]))["id"] == alice.id


@on_sqlite
async def test_strangers_need_not_come_with_a_code(server: TestServer) -> None:
    for mutation in (DELETE, EXPORT):
        code = server.wechat.login("alice")
        assert await server.code_of_error(mutation, {"code": code}) == "UNAUTHENTICATED"
        assert "errors" not in await server.post(LOGIN, {"code": code}), "it was spent"


@on_sqlite
async def test_a_mini_program_that_is_served_no_more_cannot_show_who_is_there(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        alice = await store_full_user(server, settings)
    code = wechat_simulator.app(SHOP).login("alice")
    alone = settings.model_copy(update={"wechat": wechat_settings(wechat_simulator)})
    async with open_server(alone, wechat_simulator, clock) as server:
        assert error_of(await delete(server, alice.tokens[2], code=code)) == ("APP_UNKNOWN", "FIX_REQUEST")
        assert "errors" not in await delete(server, alice.tokens[0])


@pytest.mark.parametrize("mutation", [DELETE, EXPORT])
async def test_a_database_that_is_not_as_it_should_be_spends_no_code(
    server: TestServer, settings: Settings, alice: FullUser, mutation: str
) -> None:
    code = server.wechat.login("alice")
    await run_sql(settings, "ALTER TABLE unionids RENAME TO unionids_away")
    answer = await server.post(mutation, {"code": code}, token=alice.tokens[0])
    assert error_of(answer) == ("SERVICE_UNAVAILABLE", "WAIT")
    await run_sql(settings, "ALTER TABLE unionids_away RENAME TO unionids")
    assert "errors" not in await server.post(mutation, {"code": code}, token=alice.tokens[0])


@pytest.mark.parametrize("mutation", [DELETE, EXPORT])
async def test_a_database_that_fails_after_the_code_is_spent_has_done_nothing(
    wechat_simulator: WeChatSimulator, database_url: str, settings: Settings, clock: Clock, mutation: str
) -> None:
    is_sqlite = database_url.startswith("sqlite")
    impatient = f"{database_url}{'?busy_timeout=1' if is_sqlite else '&command_timeout=1'}"
    settings = settings.model_copy(update={"database": settings_for(wechat_simulator, impatient).database})
    locked = locked_sqlite(database_url) if is_sqlite else locked_postgres(database_url)
    async with open_server(settings, wechat_simulator, clock) as server:
        token, code = (await server.login("alice"))["token"], wechat_simulator.login("alice")
        async with locked:
            answer = await server.post(mutation, {"code": code}, token=token)
        assert error_of(answer) == ("SERVICE_UNAVAILABLE", "ASK_AGAIN")
        assert answer["errors"][0]["extensions"]["retryAfterMs"] == 1000
        assert await server.code_of_error(mutation, {"code": code}, token=token) == "LOGIN_CODE_USED"
        assert (await server.me(token))["id"]
    kept = settings_for(wechat_simulator, database_url)
    assert await run_sql(kept, "SELECT action FROM audit_log") == [{"action": "user_created"}]
    assert await run_sql(kept, "SELECT user_id FROM deleted_users") == []


@contextlib.asynccontextmanager
async def locked_postgres(url: str) -> AsyncIterator[None]:
    keeper = await asyncpg.connect(url)
    async with keeper.transaction():
        await keeper.execute("LOCK TABLE accounts IN SHARE MODE")
        yield
    await keeper.close()


@on_sqlite
async def test_a_user_may_try_five_times_an_hour_and_hinders_no_other(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        alice, bob = [(await server.login(user))["token"] for user in ("alice", "bob")]
        for _ in range(3):  # no codes of hers: a thief of her token has no others
            await server.post(DELETE, {"code": "0" * 32}, token=alice)
        for _ in range(4):
            assert "errors" not in await server.post(EXPORT, {"code": server.wechat.login("alice")}, token=alice)
        assert "errors" not in await server.post(DELETE, {"code": server.wechat.login("alice")}, token=alice)
        # The account is another one now, and the user of WeChat the same.
        alice = (await server.login("alice"))["token"]
        for mutation in (DELETE, EXPORT):
            answer = await server.post(mutation, {"code": server.wechat.login("alice")}, token=alice)
            assert error_of(answer) == ("RATE_LIMITED", "ASK_AGAIN")
            assert answer["errors"][0]["extensions"]["retryAfterMs"] == 3_600_000
        assert "errors" not in await server.post(EXPORT, {"code": server.wechat.login("bob")}, token=bob)
        clock.advance(hours=1)
        assert "errors" not in await server.post(DELETE, {"code": server.wechat.login("alice")}, token=alice)


@on_sqlite
async def test_an_address_counts_as_for_logins(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    limited = settings_behind_proxy(wechat_simulator, database_url, login="3/minute")
    async with open_server(limited, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        for _ in range(2):
            await server.post(EXPORT, {"code": server.wechat.login("alice")}, token=token)
        code = server.wechat.login("alice")
        assert error_of(await server.post(EXPORT, {"code": code}, token=token)) == ("RATE_LIMITED", "WAIT")
        assert error_of(await server.post(LOGIN, {"code": code})) == ("RATE_LIMITED", "WAIT")
        answer = await server.post(EXPORT, {"code": code}, token=token, X_Forwarded_For="203.0.113.7")
        assert "errors" not in answer
