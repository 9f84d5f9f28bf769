"""The feed of users that are gone, as another service polls it."""

import logging
import time
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from graph.settings import Settings, UnionidSettings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.databases import give_tables
from tests.http.answers import assert_safe, refusal
from tests.http.service import PATH, bearer, changes, credential, delete_users, with_services
from tests.server import Clock, TestServer, open_server, open_server_unmigrated

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HOUR = 3_600_000
SECOND = 1_000


@pytest.fixture
def secret() -> str:
    return credential()[0]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return with_services(settings, credential()[1])


def deleted(cursor: str, user_id: str, at: int) -> dict[str, Any]:
    time_ = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    return {"cursor": cursor, "kind": "deleted", "userId": user_id, "at": time_}


async def merge_two(server: TestServer) -> tuple[str, str, int]:
    """The ids of an older and a younger user, whom a login shows to be one; and when."""
    older = (await server.login("alice", unionId="union-of-alice"))["user"]["id"]
    server.clock.advance(seconds=1)
    younger = (await server.login("bob"))["user"]["id"]
    server.clock.advance(seconds=1)
    await server.login("bob", unionId="union-of-alice")
    return older, younger, server.clock()


async def test_a_service_reads_which_users_were_deleted_and_merged(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, secret: str
) -> None:
    earlier = clock() // 1000 * 1000 - HOUR
    await delete_users(settings, ("user-a", earlier))
    merging = settings.model_copy(update={"unionid": UnionidSettings(merge="blank")})
    async with open_server(merging, wechat_simulator, clock) as server:
        older, younger, at = await merge_two(server)
        clock.advance(seconds=6)
        response = await server.http.get(PATH, headers=bearer(secret))
    assert response.status_code == 200
    assert_safe(response)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    merged = deleted("2", younger, at) | {"kind": "merged", "into": older}
    assert response.json() == [deleted("1", "user-a", earlier), merged]


async def test_pages_end_with_an_empty_one_and_repeat_nothing(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, secret: str
) -> None:
    # Not in the order of their times: what a reader has read is known by the place alone.
    rows = [(f"user-{number}", clock() - HOUR - number) for number in range(7)]
    await delete_users(settings, *rows)
    async with open_server(settings, wechat_simulator, clock) as server:
        read: list[str] = []
        pages: list[int] = []
        after = ""
        while (page := await changes(server, secret, after=after, limit=3)) and len(pages) < 4:
            read += [member["userId"] for member in page]
            pages.append(len(page))
            after = page[-1]["cursor"]
        assert (read, pages) == ([user_id for user_id, _ in rows], [3, 3, 1])
        assert len(await changes(server, secret)) == 7


async def test_without_a_limit_a_page_has_500_members(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, secret: str
) -> None:
    await give_tables(settings.database.url.get_secret_value())
    rows = ", ".join(f"('user-{number}', {clock() - HOUR}, 1)" for number in range(501))
    await run_sql(settings, f"INSERT INTO deleted_users (user_id, at, reason) VALUES {rows}")  # noqa: S608 - of this file
    async with open_server(settings, wechat_simulator, clock) as server:
        first = await changes(server, secret)
        assert len(first) == len(await changes(server, secret, limit=500)) == 500
        assert [member["userId"] for member in await changes(server, secret, after=first[-1]["cursor"])] == ["user-500"]


async def test_a_row_waits_five_seconds_and_those_behind_it_wait_with_it(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, secret: str
) -> None:
    # The last was written by a process whose clock is behind.
    ages = {"user-a": 5_000, "user-b": 4_000, "user-c": 70_000}
    await delete_users(settings, *[(user_id, clock() - age) for user_id, age in ages.items()])
    async with open_server(settings, wechat_simulator, clock) as server:
        assert [member["userId"] for member in await changes(server, secret)] == ["user-a"]
        clock.advance(seconds=0.999)
        assert await changes(server, secret, after="1") == []
        clock.advance(seconds=0.001)
        assert [member["userId"] for member in await changes(server, secret, after="1")] == ["user-b", "user-c"]


async def test_behind_a_number_that_is_missing_a_row_waits_six_minutes(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, secret: str
) -> None:
    await delete_users(settings, *[(f"user-{number}", clock() - 10_000) for number in range(1, 4)])
    await run_sql(settings, "DELETE FROM deleted_users WHERE seq = 2")
    async with open_server(settings, wechat_simulator, clock) as server:
        assert [member["userId"] for member in await changes(server, secret)] == ["user-1"]
        clock.advance(minutes=5, seconds=49)
        assert [member["userId"] for member in await changes(server, secret)] == ["user-1"]
        clock.advance(seconds=1)
        assert [member["userId"] for member in await changes(server, secret)] == ["user-1", "user-3"]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_row_that_is_committed_after_a_later_one_is_not_missed(
    server: TestServer, settings: Settings, clock: Clock, secret: str
) -> None:
    insert = "INSERT INTO deleted_users (user_id, at, reason) VALUES ($1, $2, 1)"
    url = settings.database.url.get_secret_value()
    slow, quick = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        async with slow.transaction():
            await slow.execute(insert, "user-slow", clock())
            # Tried for a while already, so that its time is earlier.
            await quick.execute(insert, "user-quick", clock() - 10_000)
            assert await changes(server, secret) == []
        clock.advance(seconds=5)
        assert [member["userId"] for member in await changes(server, secret)] == ["user-slow", "user-quick"]
    finally:
        await slow.close()
        await quick.close()


async def test_the_age_of_a_row_is_by_the_clock_of_the_database(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    secret: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await delete_users(settings, ("user-a", clock() - SECOND))
    read = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: read() + 100_000_000_000)
    clock.advance(seconds=100)
    async with open_server(settings, wechat_simulator, clock) as server:
        assert await changes(server, secret) == []
        clock.advance(seconds=60)
        assert len(await changes(server, secret)) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("query", "word"),
    [
        *((f"after={after}", "after") for after in ("x", "-1", "1.0", "%201", "1x", "9" * 19, "%EF%BC%91")),
        *((f"limit={limit}", "limit") for limit in ("", "0", "-1", "501", "1000", "05", "all")),
        *((query, "each at most once") for query in ("after=1&after=2", "limit=1&limit=1", "afer=1")),
    ],
)
async def test_a_cursor_or_limit_that_cannot_be_right_is_a_coded_400(
    server: TestServer, secret: str, query: str, word: str
) -> None:
    response = await server.http.get(f"{PATH}?{query}", headers=bearer(secret))
    assert refusal(response, 400) == "BAD_REQUEST"
    assert word in response.json()["errors"][0]["message"]


@on_sqlite
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_it_takes_get_alone(server: TestServer, secret: str, method: str) -> None:
    response = await server.http.request(method, PATH, headers=bearer(secret))
    assert response.headers["allow"] == "GET"
    if method == "HEAD":
        assert response.status_code == 405
    else:
        assert refusal(response, 405) == "METHOD_NOT_ALLOWED"


@on_sqlite
async def test_without_services_there_is_nothing_at_the_path(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, secret: str
) -> None:
    without = settings.model_copy(update={"services": None})
    async with open_server(without, wechat_simulator, clock) as server:
        assert refusal(await server.http.get(PATH, headers=bearer(secret)), 404) == "NOT_FOUND"


@on_sqlite
async def test_it_leaves_a_line_in_the_log_with_its_path(
    server: TestServer, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    await changes(server, secret, after="123")
    [line] = [vars(record) for record in caplog.records if record.name == "graph.http.access_log"]
    assert (line["levelno"], line["path"], line["status"]) == (logging.INFO, PATH, 200)
    assert "123" not in line["path"]


@on_sqlite
async def test_without_its_tables_it_is_unavailable(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, secret: str
) -> None:
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        response = await server.http.get(PATH, headers=bearer(secret))
    assert refusal(response, 503) == "SERVICE_UNAVAILABLE"
    assert response.headers["retry-after"] == "1"
