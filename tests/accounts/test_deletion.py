"""Users delete themselves, with a fresh code of wx.login in hand: at once, for good, and whoever else is at work."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from graph.settings import RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.full_user import DELETE, EXPORT, SHOP, UNIONID, FullUser, store_full_user, tables_with, traces
from tests.accounts.stored import run_sql
from tests.accounts.test_session_list import id_of
from tests.secret_patterns import secrets_in
from tests.server import (
    APP_ID,
    LOGIN,
    ME,
    SUBMIT,
    Clock,
    TestServer,
    open_server,
    settings_behind_proxy,
    settings_for,
    wechat_settings,
)

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
# These hold a random id and nothing of the user, for other services and for operators.
OUTLIVE: Final = ["audit_log", "deleted_users"]


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    """A server of two mini-programs, on which a user may try as often as a test wants."""
    wechat = wechat_settings(wechat_simulator, wechat_simulator.app(SHOP))
    unlimited = RateLimitSettings(privacy="")
    return settings_for(wechat_simulator, database_url).model_copy(update={"wechat": wechat, "rate_limit": unlimited})


@pytest.fixture
async def alice(server: TestServer, settings: Settings) -> FullUser:
    return await store_full_user(server, settings)


async def delete(server: TestServer, token: str, *, user: str = "alice", code: str | None = None) -> Any:
    """The answer to deleteMe with a fresh code."""
    return await server.post(DELETE, {"code": code or server.wechat.login(user)}, token=token)


def error_of(answer: Any) -> tuple[str, str]:
    [error] = answer["errors"]
    return error["extensions"]["code"], error["extensions"]["action"]


def content_of_file(settings: Settings) -> bytes | None:
    """SQLite's file, into which the last connection has moved the log."""
    path = Path(settings.database.url.get_secret_value().removeprefix("sqlite://"))
    assert not path.with_name(f"{path.name}-wal").exists()
    return path.read_bytes() if path.exists() else None


async def users(settings: Settings) -> list[str]:
    return [row["id"] for row in await run_sql(settings, "SELECT id FROM users ORDER BY created_at, id")]


async def test_after_a_deletion_no_table_knows_the_user(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        alice = await store_full_user(server, settings)
        known = await traces(settings, alice.id)
        for kind, texts in known.items():
            assert [text for text in texts if not await tables_with(settings, text)] == [], kind

        answer = await delete(server, alice.tokens[0])

        deleted_at = datetime.fromisoformat(answer["data"]["deleteMe"]["deletedAt"])
        assert round(1000 * deleted_at.timestamp()) == clock()
        assert {text: await tables_with(settings, text) for text in known["id"]} == {alice.id: OUTLIVE}
        # Bob has shown the same unionid: it is his as well.
        assert await tables_with(settings, UNIONID) == ["accounts"]
        personal = [text for kind, texts in known.items() if kind not in {"id", "unionid"} for text in texts]
        assert {text: tables for text in personal if (tables := await tables_with(settings, text))} == {}
        entries = await run_sql(settings, f"SELECT action, actor, detail FROM audit_log WHERE user_id = '{alice.id}'")  # noqa: S608
        assert {"action": "deleted", "actor": "user", "detail": "{}"} in entries
        [gone] = await run_sql(settings, "SELECT user_id, at, reason, merged_into FROM deleted_users")
        assert gone == {"user_id": alice.id, "at": clock(), "reason": 1, "merged_into": None}

    if (content := content_of_file(settings)) is not None:
        assert [text for text in personal if text.encode() in content] == []
        assert alice.id.encode() in content


async def test_all_devices_in_all_mini_programs_are_signed_out_at_once(server: TestServer, alice: FullUser) -> None:
    await delete(server, alice.tokens[0])
    assert [await server.code_of_error(ME, token=token) for token in alice.tokens] == ["UNAUTHENTICATED"] * 3
    code = server.wechat.login("alice")
    for mutation in (DELETE, EXPORT):
        assert await server.code_of_error(mutation, {"code": code}, token=alice.tokens[0]) == "UNAUTHENTICATED"
    assert "errors" not in await server.post(LOGIN, {"code": code}), "the code was spent"


async def test_a_login_after_a_deletion_makes_a_new_user(server: TestServer, alice: FullUser) -> None:
    await delete(server, alice.tokens[2], code=server.wechat.app(SHOP).login("alice"))
    login = await server.login("alice", unionId="union-made-since")
    assert login["isNewUser"]
    assert login["user"]["id"] != alice.id
    assert login["user"]["nickName"] is None
    in_shop = await server.login("alice", app=server.wechat.app(SHOP), unionId="union-made-since")
    assert (in_shop["isNewUser"], in_shop["user"]["id"]) == (False, login["user"]["id"])


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
async def locked_sqlite(url: str) -> AsyncIterator[None]:
    """A file that can be read meanwhile, and not written."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite://"), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        yield


@contextlib.asynccontextmanager
async def locked_postgres(url: str) -> AsyncIterator[None]:
    keeper = await asyncpg.connect(url)
    async with keeper.transaction():
        await keeper.execute("LOCK TABLE accounts IN SHARE MODE")
        yield
    await keeper.close()


@pytest.mark.parametrize("codes", [1, 20])
async def test_of_many_deletions_at_once_one_deletes_and_no_code_is_tried_twice(
    server: TestServer, settings: Settings, alice: FullUser, codes: int, caplog: pytest.LogCaptureFixture
) -> None:
    given = [server.wechat.login("alice") for _ in range(codes)]
    answers = await asyncio.gather(
        *[delete(server, alice.tokens[n % 2], code=given[n % codes]) for n in range(20)],
    )

    times = {answer["data"]["deleteMe"]["deletedAt"] for answer in answers if "errors" not in answer}
    assert len(times) == 1
    assert {error_of(answer)[0] for answer in answers if "errors" in answer} <= {"UNAUTHENTICATED"}
    assert await run_sql(settings, "SELECT user_id FROM deleted_users") == [{"user_id": alice.id}]
    entries = await run_sql(settings, "SELECT user_id, app_id FROM audit_log WHERE action = 'deleted'")
    assert entries == [{"user_id": alice.id, "app_id": APP_ID}]
    [record] = [record for record in caplog.records if vars(record).get("event") == "user_deleted"]
    assert vars(record)["user_id"] == alice.id
    assert secrets_in(str(vars(record))) == []


@pytest.fixture
async def patient_server(
    settings: Settings, database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> AsyncIterator[TestServer]:
    """One whose statements may wait for long."""
    database = settings_for(wechat_simulator, f"{database_url}&command_timeout=60").database
    async with open_server(settings.model_copy(update={"database": database}), wechat_simulator, clock) as server:
        yield server


@on_postgres
async def test_a_login_that_waits_for_a_deletion_makes_a_new_user(
    patient_server: TestServer, settings: Settings
) -> None:
    server, alice = patient_server, await store_full_user(patient_server, settings)
    async with meeting(settings) as waiting:
        deleting = asyncio.create_task(delete(server, alice.tokens[0]))
        await waiting(1)
        signing_in = asyncio.create_task(server.login("alice", unionId="union-made-since"))
        await waiting(2)
    assert "errors" not in await deleting
    login = await signing_in
    assert login["isNewUser"]
    assert (await server.me(login["token"]))["id"] == login["user"]["id"] != alice.id
    assert await run_sql(settings, "SELECT user_id FROM deleted_users") == [{"user_id": alice.id}]


@on_postgres
async def test_a_submission_that_waits_for_a_deletion_changes_nothing(
    patient_server: TestServer, settings: Settings
) -> None:
    server, alice = patient_server, await store_full_user(patient_server, settings)
    server.wechat.advance(10)
    submission = server.wechat.user_info("alice", policy="old", nickName="Back again")
    async with meeting(settings) as waiting:
        # The code is for the shop: it leaves the key that the submission is signed with.
        code = server.wechat.app(SHOP).login("alice")
        deleting = asyncio.create_task(delete(server, alice.tokens[2], code=code))
        await waiting(1)
        submitting = asyncio.create_task(server.post(SUBMIT, submission, token=alice.tokens[0]))
        await waiting(2)
    assert "errors" not in await deleting
    assert error_of(await submitting) == ("UNAUTHENTICATED", "LOG_IN")
    assert await tables_with(settings, "Back again") == []


@contextlib.asynccontextmanager
async def meeting(settings: Settings) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Until the block ends, a deletion stops when it has locked the user; returns when so many statements wait."""
    url = settings.database.url.get_secret_value()
    keeper, watcher = await asyncpg.connect(url), await asyncpg.connect(url)

    async def waiting(number: int) -> None:
        while await watcher.fetchval("SELECT COUNT(*) FROM pg_locks WHERE NOT granted") < number:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    try:
        async with asyncio.timeout(20), keeper.transaction():
            await keeper.execute("LOCK TABLE deleted_users IN SHARE MODE")
            yield waiting
    finally:
        await keeper.close()
        await watcher.close()


@on_sqlite
async def test_a_user_may_try_five_times_an_hour_and_hinders_no_other(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        alice, bob = [(await server.login(user))["token"] for user in ("alice", "bob")]
        for mutation in (DELETE, EXPORT, DELETE, EXPORT, EXPORT):
            await server.post(mutation, {"code": "0" * 32}, token=alice)
        code = server.wechat.login("alice")
        for mutation in (DELETE, EXPORT):
            answer = await server.post(mutation, {"code": code}, token=alice)
            assert error_of(answer) == ("RATE_LIMITED", "WAIT")
            assert answer["errors"][0]["extensions"]["retryAfterMs"] == 3_600_000
        assert "errors" not in await server.post(EXPORT, {"code": server.wechat.login("bob")}, token=bob)
        clock.advance(hours=1)
        assert "errors" not in await server.post(DELETE, {"code": code}, token=alice), "the code was spent"


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
