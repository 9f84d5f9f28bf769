"""No login is taken, and no code spent, before the key ring is proven to be the database's own."""

from typing import Any

import pytest

from graph.accounts.errors import KeyRingMismatch
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import allow_connections, known_keys, run_sql, sealed_with, wxgate
from tests.server import (
    ANOTHER_K1,
    ENCRYPTION_KEYS,
    K2,
    LOGIN,
    ME,
    Clock,
    TestServer,
    open_server,
    open_server_unmigrated,
    with_keys,
)

on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def assert_refused_for_a_while(server: TestServer, code: str) -> None:
    """The same code may be sent again."""
    [error] = (await server.post(LOGIN, {"code": code}))["errors"]
    assert error["extensions"] | {"requestId": ""} == {
        "code": "SERVICE_UNAVAILABLE",
        "action": "WAIT",
        "retryable": True,
        "requestId": "",
    }


async def login_with(server: TestServer, code: str) -> Any:
    """The payload of a login with this very code."""
    response = await server.post(LOGIN, {"code": code})
    assert "errors" not in response, response
    return response["data"]["login"]


@on_postgres
async def test_a_login_with_keys_of_another_database_spends_no_code_and_stores_nothing(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, postgres_directory: str
) -> None:
    async with open_server(settings, wechat_simulator, clock):
        pass
    code = wechat_simulator.login("alice")
    await allow_connections(settings, postgres_directory, allowed=False)
    async with open_server_unmigrated(with_keys(settings, ANOTHER_K1), wechat_simulator, clock) as server:
        await assert_refused_for_a_while(server, code)
        # It started without its database, and could not see until now that its keys are wrong.
        await allow_connections(settings, postgres_directory, allowed=True)
        for _ in range(2):
            await assert_refused_for_a_while(server, code)
    assert await run_sql(settings, "SELECT id FROM accounts") == []
    assert await known_keys(settings) == ["k1"]
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        assert (await login_with(server, code))["isNewUser"]


async def test_a_server_that_is_older_than_its_tables_notes_its_key_with_the_first_login(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        code = wechat_simulator.login("alice")
        await assert_refused_for_a_while(server, code)
        wxgate(settings, "migrate")
        assert await known_keys(settings) == []
        assert (await login_with(server, code))["isNewUser"]
        assert await known_keys(settings) == ["k1"]
    with pytest.raises(KeyRingMismatch):
        async with open_server_unmigrated(with_keys(settings, ANOTHER_K1), wechat_simulator, clock):
            pytest.fail("it started")


@pytest.mark.parametrize("table", ["accounts", "sessions"])
async def test_a_code_is_not_spent_while_a_table_is_missing(server: TestServer, settings: Settings, table: str) -> None:
    await server.login("bob")
    code = server.wechat.login("alice")
    await run_sql(settings, f"ALTER TABLE {table} RENAME TO elsewhere")
    await assert_refused_for_a_while(server, code)
    await run_sql(settings, f"ALTER TABLE elsewhere RENAME TO {table}")
    assert (await login_with(server, code))["isNewUser"]


async def test_after_a_key_is_lost_a_server_starts_with_another(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        alice, bob = [await server.login(name) for name in ("alice", "bob")]
    with_the_new = with_keys(settings, K2)
    with pytest.raises(KeyRingMismatch, match="run `wxgate keys retire k1` when it is retired or lost"):
        async with open_server_unmigrated(with_the_new, wechat_simulator, clock):
            pytest.fail("it started")

    assert (
        wxgate(with_the_new, "keys", "retire", "k1", "--lost")
        == "k1 is retired; it was needed for 2 accounts, 2 sessions, 0 phone numbers.\n"
    )

    async with open_server_unmigrated(with_the_new, wechat_simulator, clock) as server:
        assert await known_keys(settings) == ["k2"]
        # Nothing tells any more whether the sessions are as the server wrote them.
        assert await server.code_of_error(ME, token=alice["token"]) == "UNAUTHENTICATED"
        submission = wechat_simulator.user_info("alice", policy="old")
        again = await server.login("alice", token=alice["token"])
        assert again["user"]["id"] == alice["user"]["id"]
        assert (await server.submit(again["token"], submission))["nickName"] == "alice"
        assert await sealed_with(settings) == ["k2", "k1"]
        assert (await server.login("bob", token=bob["token"]))["user"]["id"] == bob["user"]["id"]


async def test_a_retired_key_that_a_server_still_has_is_noted_again(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock):
        pass
    wxgate(with_keys(settings, f"{K2},{ENCRYPTION_KEYS}"), "keys", "retire", "k1")
    assert await known_keys(settings) == []
    async with open_server_unmigrated(with_keys(settings, f"{ENCRYPTION_KEYS},{K2}"), wechat_simulator, clock):
        assert await known_keys(settings) == ["k1"]
