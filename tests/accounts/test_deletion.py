"""Users delete themselves: at once, for good, in all mini-programs, and whatever else is going on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.full_user import (
    DELETE,
    EXPORT,
    UNIONID,
    FullUser,
    delete,
    error_of,
    settings_of_two_apps,
    store_full_user,
    tables_with,
    traces,
)
from tests.accounts.pictures import files_to_delete
from tests.accounts.stored import run_sql
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, LOGIN, ME, SHOP, SUBMIT, Clock, TestServer, open_server, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
# These hold a random id and nothing of the user, for other services and for operators.
OUTLIVE: Final = ["audit_log", "deleted_users"]


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_of_two_apps(wechat_simulator, database_url)


def content_of_file(settings: Settings) -> bytes | None:
    """SQLite's file, into which the last connection has moved the log."""
    path = Path(settings.database.url.get_secret_value().removeprefix("sqlite://"))
    assert not path.with_name(f"{path.name}-wal").exists()
    return path.read_bytes() if path.exists() else None


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
        # Random names, of files that a job deletes next.
        assert await files_to_delete(settings) == {f"{picture}.jpg": clock() for picture in known["picture"]}
        kept = {"id", "unionid", "picture"}
        personal = [text for kind, texts in known.items() if kind not in kept for text in texts]
        assert [await tables_with(settings, text) for text in known["picture"]] == [["files_to_delete"]] * 3
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
