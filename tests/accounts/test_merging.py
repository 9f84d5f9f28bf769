"""Two users whom a unionid shows to be one: what their devices see of a merge, on a server that goes on."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from graph.settings import Settings, UnionidSettings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.pictures import add_picture, files_to_delete
from tests.accounts.stored import run_sql, wxgate
from tests.server import ENCRYPTION_KEYS, K2, ME, SUBMIT, Clock, TestServer, open_server, with_keys

UNIONID = "union-of-alice"
GREY_PICTURE = (
    "https://thirdwx.qlogo.cn/mmopen/vi_32/"
    "POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132"
)


async def command(settings: Settings, *arguments: str) -> Any:
    """What `wxgate users` prints, beside the server."""
    return json.loads(await asyncio.to_thread(wxgate, settings, "users", *arguments, "--json"))


async def two_users(server: TestServer) -> tuple[Any, Any]:
    """The logins of an older user, who has the unionid, and of a younger one."""
    older = await server.login("alice", unionId=UNIONID)
    server.clock.advance(seconds=1)
    return older, await server.login("bob")


async def log_of(settings: Settings, table: str) -> list[dict[str, Any]]:
    return await run_sql(settings, f"SELECT * FROM {table} ORDER BY at")  # noqa: S608


@pytest.mark.slow
async def test_users_whom_a_late_unionid_shows_to_be_one_are_merged_by_an_operator(
    server: TestServer, settings: Settings
) -> None:
    older, younger = await two_users(server)
    ids = older["user"]["id"], younger["user"]["id"]
    late = await server.login("bob", unionId=UNIONID)
    assert late["user"]["id"] == ids[1]

    [proposal] = await command(settings, "proposals")
    assert (proposal["older"], proposal["younger"]) == ids
    actions = [entry["action"] for entry in await log_of(settings, "audit_log")]
    assert sorted(actions) == ["merge_proposed", "user_created", "user_created"]

    planned = await command(settings, "merge", *ids, "--dry-run")
    assert (await server.me(younger["token"]))["id"] == ids[1]
    done = await command(settings, "merge", *ids)
    assert planned == done | {"dry_run": True}
    assert (done["accounts"], done["sessions"], done["sessions_deleted"], done["already_merged"]) == (1, 2, 0, False)
    again = await command(settings, "merge", *ids)
    assert (again["already_merged"], again["younger"]) == (True, ids[1])

    for login in (older, younger, late):
        assert (await server.me(login["token"]))["id"] == ids[0]
    assert [(row["user_id"], row["merged_into"]) for row in await log_of(settings, "deleted_users")] == [
        (ids[1], ids[0])
    ]
    assert await command(settings, "proposals") == []
    for name in ("alice", "bob"):
        assert (await server.login(name, unionId=UNIONID))["user"]["id"] == ids[0]


@pytest.mark.slow
async def test_what_the_younger_submitted_fills_the_profile_of_the_older(
    server: TestServer, settings: Settings
) -> None:
    older, younger = await two_users(server)
    anonymous = server.wechat.user_info("alice", policy="new", city="Guangzhou")
    await server.submit(older["token"], anonymous)
    real = server.wechat.user_info("bob", policy="old", nickName="Bob", avatarUrl="https://a.example/1", city="Xi'an")
    await server.submit(younger["token"], real)

    merged = await command(settings, "merge", older["user"]["id"], younger["user"]["id"])

    assert {"nick_name", "avatar_url"} <= set(merged["profile"])
    me = await server.me(older["token"])
    assert (me["nickName"], me["avatarUrl"], me["isAnonymous"]) == ("Bob", "https://a.example/1", False)
    # And the next submission counts, whichever account it is of.
    server.wechat.advance(10)
    newer = server.wechat.user_info("bob", policy="old", nickName="Robert")
    assert (await server.submit(younger["token"], newer))["nickName"] == "Robert"


async def test_gender_region_and_language_of_the_younger_come_all_or_none(
    server: TestServer, settings: Settings
) -> None:
    older, younger = await two_users(server)
    facts = {"gender": 1, "city": "Guangzhou", "province": "Guangdong", "country": "China", "language": "zh_CN"}
    await server.submit(younger["token"], server.wechat.user_info("bob", policy="old", nickName="Bob", **facts))
    await run_sql(settings, f"UPDATE users SET country = 'Japan', facts_at = 1 WHERE id = '{older['user']['id']}'")  # noqa: S608
    merged = await command(settings, "merge", older["user"]["id"], younger["user"]["id"])
    assert merged["profile"] == ["nick_name", "avatar_url"]
    me = await server.me(older["token"])
    assert (me["country"], me["city"], me["gender"]) == ("Japan", None, "UNKNOWN")


@pytest.mark.parametrize(("picture", "moves"), [(None, True), (GREY_PICTURE, True), ("https://a.example/1", False)])
async def test_a_picture_that_waits_for_its_check_moves_to_a_user_without_one_of_their_own(
    server: TestServer, settings: Settings, picture: str | None, moves: bool
) -> None:
    older, younger = await two_users(server)
    if picture is not None:
        info = server.wechat.user_info("alice", policy="old", nickName="Alice", avatarUrl=picture)
        await server.submit(older["token"], info)
    await add_picture(settings, younger["user"]["id"], "waiting", at=server.clock.ms, state=0)
    await command(settings, "merge", older["user"]["id"], younger["user"]["id"])
    rows = await run_sql(settings, "SELECT user_id, state FROM pictures")
    assert rows == ([{"user_id": older["user"]["id"], "state": 0}] if moves else [])
    assert [*await files_to_delete(settings)] == ([] if moves else ["waiting.jpg"])
    assert (await server.me(older["token"]))["avatarUrl"] == picture


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_submission_that_meets_a_merge_is_kept(server: TestServer, settings: Settings) -> None:
    older, younger = await two_users(server)
    ids = older["user"]["id"], younger["user"]["id"]
    submission = server.wechat.user_info("bob", policy="old", nickName="Bob")
    keeper = await asyncpg.connect(settings.database.url.get_secret_value())
    watcher = await asyncpg.connect(settings.database.url.get_secret_value())

    async def waiting(number: int) -> None:
        while await watcher.fetchval("SELECT COUNT(*) FROM pg_locks WHERE NOT granted") < number:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    try:
        async with asyncio.timeout(20):
            async with keeper.transaction():
                # Holds the merge up after it has begun, and the submission behind it.
                await keeper.execute("SELECT id FROM users WHERE id = $1 FOR UPDATE", ids[1])
                merging = asyncio.create_task(command(settings, "merge", *ids))
                await waiting(1)
                submitting = asyncio.create_task(server.post(SUBMIT, submission, token=younger["token"]))
                await waiting(2)
            merged, answer = await merging, await submitting
    finally:
        await keeper.close()
        await watcher.close()
    assert merged["sessions"] == 1
    assert answer["data"]["submitUserInfo"]["id"] == ids[0]
    assert (await server.me(older["token"]))["nickName"] == "Bob"


@pytest.fixture
def merging(settings: Settings) -> Settings:
    return settings.model_copy(update={"unionid": UnionidSettings(merge="blank")})


async def test_a_blank_user_is_merged_at_once_where_that_is_set(
    merging: Settings, wechat_simulator: WeChatSimulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_server(merging, wechat_simulator, clock) as server:
        older, younger = await two_users(server)
        grey = {"nickName": "微信用户", "avatarUrl": GREY_PICTURE}
        await server.submit(younger["token"], server.wechat.user_info("bob", policy="old", **grey))
        late = await server.login("bob", unionId=UNIONID)
        for login in (older, younger, late):
            assert (await server.me(login["token"]))["id"] == older["user"]["id"]
        assert (late["user"]["id"], late["isNewUser"]) == (older["user"]["id"], False)
    [gone] = await log_of(merging, "deleted_users")
    assert (gone["user_id"], gone["merged_into"], gone["reason"]) == (younger["user"]["id"], older["user"]["id"], 2)
    [event] = [vars(record) for record in caplog.records if vars(record).get("event") == "users_merged"]
    assert (event["user_id"], event["merged_id"]) == (older["user"]["id"], younger["user"]["id"])


@pytest.mark.parametrize("reason", ["a name", "a picture", "a day"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_user_who_has_something_or_is_known_for_a_day_is_not_merged_at_once(
    merging: Settings, wechat_simulator: WeChatSimulator, clock: Clock, reason: str
) -> None:
    async with open_server(merging, wechat_simulator, clock) as server:
        _, younger = await two_users(server)
        own = {"nickName": "微信用户", "avatarUrl": GREY_PICTURE}
        own |= {"a name": {"nickName": "Bob"}, "a picture": {"avatarUrl": "https://a.example/1"}}.get(reason, {})
        await server.submit(younger["token"], server.wechat.user_info("bob", policy="old", **own))
        if reason == "a day":
            clock.advance(days=1)
        late = await server.login("bob", unionId=UNIONID)
        assert late["user"]["id"] == younger["user"]["id"]
    assert await run_sql(merging, "SELECT COUNT(*) AS number FROM merge_proposals") == [{"number": 1}]


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("mutation", ["logout", "revokeSession", "revokeOtherSessions"])
async def test_an_end_of_a_session_that_meets_a_merge_ends_it(
    server: TestServer, settings: Settings, mutation: str
) -> None:
    older, younger = await two_users(server)
    another = await server.login("bob")
    listed = (await server.post("{ sessions { id isCurrent } }", token=younger["token"]))["data"]["sessions"]
    [other] = [session["id"] for session in listed if not session["isCurrent"]]
    document = (
        f'mutation {{ {mutation}(id: "{other}") }}' if mutation == "revokeSession" else f"mutation {{ {mutation} }}"
    )
    url = settings.database.url.get_secret_value()
    keeper, watcher = await asyncpg.connect(url), await asyncpg.connect(url)

    async def statements_wait(number: int) -> None:
        while await watcher.fetchval("SELECT COUNT(*) FROM pg_locks WHERE NOT granted") < number:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    try:
        async with asyncio.timeout(20):
            async with keeper.transaction():
                # The merge has moved the sessions, and stops before it is committed.
                await keeper.execute("LOCK TABLE deleted_users IN ACCESS EXCLUSIVE MODE")
                merging = asyncio.create_task(command(settings, "merge", older["user"]["id"], younger["user"]["id"]))
                await statements_wait(1)
                ending = asyncio.create_task(server.post(document, token=younger["token"]))
                await statements_wait(2)
            await merging
            answer = await ending
    finally:
        await keeper.close()
        await watcher.close()

    # The older user's session is one of the others by now.
    assert answer["data"][mutation] == (2 if mutation == "revokeOtherSessions" else True)
    alive = [
        login for login in (older, younger, another) if "errors" not in await server.post(ME, token=login["token"])
    ]
    ended_others = {"logout": [older, another], "revokeSession": [older, younger], "revokeOtherSessions": [younger]}
    assert alive == ended_others[mutation]


async def test_a_dry_run_writes_nothing_even_with_a_new_key(server: TestServer, settings: Settings) -> None:
    older, younger = await two_users(server)
    with_new_key = with_keys(settings, f"{K2},{ENCRYPTION_KEYS}")
    await command(with_new_key, "merge", older["user"]["id"], younger["user"]["id"], "--dry-run")
    assert await run_sql(settings, "SELECT id FROM encryption_keys") == [{"id": "k1"}]


async def test_a_merge_is_done_though_the_older_has_been_merged_since(server: TestServer, settings: Settings) -> None:
    ids = []
    for user in ("alice", "bob", "carol"):
        ids.append((await server.login(user))["user"]["id"])
        server.clock.advance(seconds=1)
    await command(settings, "merge", ids[1], ids[2])
    await command(settings, "merge", ids[0], ids[1])
    for older in ids[:2]:
        assert (await command(settings, "merge", older, ids[2]))["already_merged"]
