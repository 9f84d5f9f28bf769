"""What is kept for a time only: the audit log and the feed of deleted users, which servers and operators shorten."""

import asyncio

import pytest

from graph.accounts import jobs
from graph.accounts.cleanup import cleanup_jobs
from graph.accounts.jobs import EVERY_MS, LEASE_MS, Jobs
from graph.accounts.sessions import epoch_ms
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.leases import take_lease
from tests.accounts.pictures import add_picture, add_upload, files_to_delete
from tests.accounts.stored import run_sql, wxgate
from tests.cli.processes import invoke
from tests.databases import give_tables
from tests.server import Clock, open_server

PATIENCE = 30
DAY_MS = 86_400_000
USER = "id, nick_name, avatar_url, gender, city, province, country, language, created_at, updated_at"
JOBS = ["sweep", "audit", "deleted_users", "events", "uploads", "pictures_old"]


async def in_table(settings: Settings, table: str) -> list[str]:
    rows = await run_sql(settings, f"SELECT user_id FROM {table} ORDER BY user_id")  # noqa: S608 - of this file
    return [row["user_id"] for row in rows]


async def delete_user(settings: Settings, user_id: str, at: int) -> None:
    columns = f"(user_id, at, reason) VALUES ('{user_id}', {at}, 1)"
    await run_sql(settings, f"INSERT INTO deleted_users {columns}")


async def add_entry(settings: Settings, user_id: str, at: int) -> None:
    columns = "(id, at, action, user_id, app_id, session, actor, detail)"
    values = f"('{user_id}', {at}, 'logged_out', '{user_id}', '', '', 'user', '{{}}')"
    await run_sql(settings, f"INSERT INTO audit_log {columns} VALUES {values}")  # noqa: S608 - of this file


async def test_a_server_removes_entries_and_rows_of_the_feed_once_they_are_old(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY_SECONDS", 0.05)

    async def all_done() -> None:
        statement = f"SELECT name FROM leases WHERE done_at > {clock() - 60_000}"  # noqa: S608 - a number
        while len(await run_sql(settings, statement)) < len(JOBS):  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.05)

    async with open_server(settings, wechat_simulator, clock) as server, asyncio.timeout(PATIENCE):
        user = (await server.login("alice"))["user"]["id"]
        await delete_user(settings, "gone", clock())
        clock.advance(days=90)
        await all_done()
        assert await in_table(settings, "deleted_users") == ["gone"]
        clock.advance(hours=1)
        await all_done()
        assert await in_table(settings, "deleted_users") == []
        clock.advance(days=90, hours=-1)
        await all_done()
        assert await in_table(settings, "audit_log") == [user]
        clock.advance(hours=1)
        await all_done()
        assert await in_table(settings, "audit_log") == []


async def test_a_server_does_each_job_once_an_hour_however_often_it_looks(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    turns: list[str] = []

    async def take(database: Database, name: str, **times: int) -> bool:
        mine = await take_lease(database, name, **times)
        looks.append(name)
        turns.extend([name] if mine else [])
        return mine

    monkeypatch.setattr(jobs, "LOOK_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(jobs, "take_lease", take)
    async with open_server(settings, wechat_simulator, clock), asyncio.timeout(PATIENCE):
        for hour in (1, 2):
            looks.clear()
            while min(looks.count(name) for name in JOBS) < 3:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            assert sorted(turns) == sorted(JOBS * hour)
            clock.advance(hours=1)


async def test_an_operator_keeps_the_audit_log_for_as_long_as_the_setting_says(
    settings: Settings, database_url: str
) -> None:
    await give_tables(database_url)
    now = epoch_ms()
    for days in (1, 3, 91, 181):
        await add_entry(settings, f"{days:03}", now - days * DAY_MS)
        await delete_user(settings, f"{days:03}", now - days * DAY_MS)
    printed = wxgate(settings, "cleanup")
    assert printed.splitlines() == [
        "0 sessions removed",
        "1 entries of the audit log removed",
        "2 rows of the feed of deleted users removed",
        "0 events removed",
        "0 uploads removed",
        "0 rows of replaced pictures removed",
    ]
    assert await in_table(settings, "audit_log") == ["001", "003", "091"]
    assert await in_table(settings, "deleted_users") == ["001", "003"]

    shorter = await asyncio.to_thread(invoke, "sweep", WXGATE_DATABASE_URL=database_url, WXGATE_AUDIT_DAYS="2")
    assert "2 entries of the audit log removed" in shorter.stdout
    assert await in_table(settings, "audit_log") == ["001"]


async def test_a_cleanup_frees_uploads_that_expired_and_forgets_pictures_that_were_replaced(
    settings: Settings, database_url: str
) -> None:
    await give_tables(database_url)
    now = epoch_ms()
    await run_sql(settings, f"INSERT INTO users ({USER}) VALUES ('alice', '', '', 0, '', '', '', '', 1, 1)")  # noqa: S608
    for minutes in (-1, 1):
        await add_upload(settings, "alice", f"upload{minutes}", expires_at=now + minutes * 60_000)
    for days in (None, 29, 31):
        await add_picture(settings, "alice", f"replaced{days}", at=1)
        if days is not None:
            replaced = f"replaced_at = {now - days * DAY_MS} WHERE id = 'replaced{days}'"
            await run_sql(settings, f"UPDATE pictures SET {replaced}")  # noqa: S608 - of this file
    printed = wxgate(settings, "cleanup")
    assert printed.splitlines()[-2:] == ["1 uploads removed", "1 rows of replaced pictures removed"]
    assert await run_sql(settings, "SELECT id FROM uploads") == [{"id": "upload1"}]
    rows = await run_sql(settings, "SELECT id FROM pictures ORDER BY id")
    assert [row["id"] for row in rows] == ["replaced29", "replacedNone"]
    files = await files_to_delete(settings)
    assert [*files] == ["upload-1.jpg"]
    assert now <= files["upload-1.jpg"] <= epoch_ms()


async def test_of_several_replicas_one_does_each_job(settings: Settings, database_url: str, clock: Clock) -> None:
    await give_tables(database_url)
    await add_entry(settings, "old", clock() - 181 * DAY_MS)
    await delete_user(settings, "old", clock() - 91 * DAY_MS)
    async with Database(database_url) as database:
        replicas = [
            Jobs(database=database, now=clock, jobs=cleanup_jobs(database, idle_days=7, audit_days=180))
            for _ in range(5)
        ]
        for place, removed in enumerate([0, 1, 1]):
            done = await asyncio.gather(
                *[replica.run(replica.jobs[place], unless_done_within_ms=EVERY_MS) for replica in replicas]
            )
            assert sorted(done, key=str) == [removed, None, None, None, None]


@pytest.mark.parametrize(
    ("lease", "doing"),
    [
        ("audit", "removing old entries of the audit log"),
        ("deleted_users", "removing old rows of the feed of deleted users"),
        ("events", "removing old events"),
        ("uploads", "removing uploads that have expired"),
        ("pictures_old", "removing rows of pictures that were replaced"),
    ],
)
async def test_a_job_that_another_process_is_at_is_named_and_the_others_are_done(
    settings: Settings, database_url: str, lease: str, doing: str
) -> None:
    await give_tables(database_url)
    columns = f"(name, held_until, done_at) VALUES ('{lease}', {epoch_ms() + LEASE_MS}, 0)"
    await run_sql(settings, f"INSERT INTO leases {columns}")
    refused = await asyncio.to_thread(invoke, "cleanup", WXGATE_DATABASE_URL=database_url)
    assert refused.exit_code == 1
    assert len(refused.stdout.splitlines()) == len(JOBS) - 1
    assert refused.stderr.splitlines()[-1].startswith(f"Error: Another process is {doing} just now; ")
