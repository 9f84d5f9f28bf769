"""What users withdraw in WeChat goes here too: each event does what it says, once, to what was collected before it."""

import json
from collections.abc import AsyncIterator
from typing import Final

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from graph.simulator.users import DEFAULT_GROUP
from tests.accounts.inbox import audited, happens, openid_of, rows, settings_with_events, user_with_profile
from tests.accounts.phones import SUBMIT_ENCRYPTED
from tests.accounts.pictures import add_picture, add_upload, files_to_delete, show_picture, type_name
from tests.accounts.stored import run_sql
from tests.server import APP_ID, ME, SHOP, Clock, TestServer, open_server

MODIFIED: Final = "user_info_modified"
REVOKE: Final = "user_authorization_revoke"
CANCELLATION: Final = "user_authorization_cancellation"


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_with_events(wechat_simulator, database_url)


@pytest.fixture
async def server(settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock) -> AsyncIterator[TestServer]:
    """Without a choice of plans: what is pushed runs no document."""
    async with open_server(settings, wechat_simulator, clock) as opened:
        yield opened


@pytest.mark.parametrize("style", ["json", "xml"])
async def test_a_revoked_profile_is_cleared_in_all_that_was_signed(
    server: TestServer, settings: Settings, style: str
) -> None:
    token, openid = await user_with_profile(server, settings)
    other, _ = await user_with_profile(server, settings, "bob")
    before = await server.me(token)
    server.clock.advance(seconds=5)
    await happens(server, settings, REVOKE, openid, style=style, RevokeInfo="6")
    after = await server.me(token)
    empty = dict.fromkeys(("nickName", "avatarUrl", "city", "province", "country", "language"))
    assert after == {**before, **empty, "gender": "UNKNOWN", "isAnonymous": True, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    assert (await server.me(other))["nickName"] == "Bob"
    [entry] = await audited(settings)
    assert (entry["action"], entry["actor"], entry["app_id"], entry["user_id"]) == (
        *("event_revoke", "wechat", APP_ID),
        after["id"],
    )
    assert json.loads(entry["detail"]) == {"revoked": [6], "removed": ["profile"]}


async def test_a_profile_that_wechat_modified_loses_name_and_picture_only(
    server: TestServer, settings: Settings
) -> None:
    token, openid = await user_with_profile(server, settings)
    before = await server.me(token)
    server.clock.advance(seconds=5)
    await happens(server, settings, MODIFIED, openid)
    after = await server.me(token)
    assert after == {
        **before,
        "nickName": None,
        "avatarUrl": None,
        "isAnonymous": True,
        "updatedAt": after["updatedAt"],
    }
    [entry] = await audited(settings)
    assert (entry["action"], json.loads(entry["detail"])) == ("event_modified", {"removed": ["name"]})


@pytest.mark.parametrize(("name", "info"), [(REVOKE, "6"), (MODIFIED, None)])
async def test_a_profile_that_is_newer_than_the_event_stays(
    server: TestServer, settings: Settings, name: str, info: str | None
) -> None:
    # Stored later than it was collected, however long the test takes.
    server.clock.advance(minutes=2)
    token, openid = await user_with_profile(server, settings)
    before = await server.me(token)
    [stored] = await run_sql(settings, "SELECT profile_at FROM users")
    # A minute later than the event it may still be meant by it.
    seconds = (stored["profile_at"] - server.clock.ms // 1000 * 1000) // 1000 - 60
    await happens(server, settings, name, openid, seconds=seconds - 1, RevokeInfo=info)
    assert await server.me(token) == before
    [entry] = await audited(settings)
    assert json.loads(entry["detail"])["removed"] == []
    await happens(server, settings, name, openid, seconds=seconds, RevokeInfo=info)
    assert (await server.me(token))["isAnonymous"]


async def test_a_cleared_profile_does_not_come_back_by_an_older_submission(
    server: TestServer, settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    login = await server.login("alice")
    older = wechat_simulator.user_info("alice", policy="old", nickName="Alice")
    wechat_simulator.advance(2)
    newer = wechat_simulator.user_info("alice", policy="old", nickName="Alice")
    await server.submit(login["token"], newer)
    await happens(server, settings, REVOKE, await openid_of(settings, login["user"]["id"], APP_ID), RevokeInfo="6")
    assert (await server.submit(login["token"], older))["nickName"] is None
    wechat_simulator.advance(2)
    again = wechat_simulator.user_info("alice", policy="old", nickName="Alice again")
    assert (await server.submit(login["token"], again))["nickName"] == "Alice again"


async def test_what_was_collected_before_a_withdrawal_is_not_taken_after_it(
    server: TestServer, settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    login = await server.login("alice")
    token, openid = login["token"], await openid_of(settings, login["user"]["id"], APP_ID)
    info = wechat_simulator.user_info("alice", policy="old", nickName="Alice")
    number = wechat_simulator.phone_number("alice")
    # The data carry the time of the simulator, whose clock runs on.
    await happens(server, settings, REVOKE, openid, seconds=300, RevokeInfo="6,8")
    assert (await server.submit(token, info))["nickName"] is None
    encrypted = {name: number[name] for name in ("encryptedData", "iv")}
    answer = await server.post(SUBMIT_ENCRYPTED, encrypted, token=token)
    assert answer["data"]["submitEncryptedPhoneNumber"]["phone"] is None
    assert await run_sql(settings, "SELECT * FROM phones") == []


@pytest.mark.parametrize(
    ("app_id", "seconds", "stored", "info", "goes"),
    [
        (APP_ID, 60, 61, "8", True),
        (APP_ID, 60, 61, "6,8", True),
        (APP_ID, 61, 61, "8", False),
        # By a phone whose clock is ahead.
        (APP_ID, 240, 60, "8", True),
        (SHOP, 0, 0, "8", False),
        (APP_ID, 0, 0, "6", False),
    ],
)
async def test_a_revoked_phone_goes_if_it_came_here_before(
    server: TestServer, settings: Settings, app_id: str, seconds: int, stored: int, info: str, goes: bool
) -> None:
    login = await server.login("alice")
    user_id, at = login["user"]["id"], server.clock.ms // 1000
    columns = "user_id, number, number_index, country_code, app_id, source, verified_at, created_at, updated_at"
    verified_at, updated_at = 1000 * (at + seconds), 1000 * (at + stored)
    values = f"'{user_id}', 'sealed', 'k1.index', '86', '{app_id}', 1, {verified_at}, 1, {updated_at}"
    await run_sql(settings, f"INSERT INTO phones ({columns}) VALUES ({values})")  # noqa: S608 - of this file
    openid = await openid_of(settings, user_id, APP_ID)
    await happens(server, settings, REVOKE, openid, RevokeInfo=info)
    assert len(await run_sql(settings, "SELECT user_id FROM phones")) == (0 if goes else 1)
    [entry] = await audited(settings)
    assert ("phone" in json.loads(entry["detail"])["removed"]) is goes


async def user_with_pictures(server: TestServer, settings: Settings) -> tuple[str, str, str]:
    """The token, openid and id of a user who has typed a name and uploaded pictures, on top of what WeChat signed.

    The newest picture waits for its check, and the one before is shown.
    """
    token, openid = await user_with_profile(server, settings)
    user_id = (await server.me(token))["id"]
    at = server.clock.ms
    await type_name(settings, user_id, "Typed", at=at)
    await show_picture(settings, user_id, "shown", at=at)
    await add_picture(settings, user_id, "waiting", at=at + 1, state=0)
    server.clock.advance(seconds=5)
    return token, openid, user_id


@pytest.mark.parametrize(
    ("name", "info", "gone", "removed"),
    [
        (REVOKE, "6", {"gender", "city", "province", "country", "language"}, ["profile"]),
        (REVOKE, "19", {"nickName"}, ["nick_name"]),
        (REVOKE, "20", {"avatarUrl"}, ["picture"]),
        (REVOKE, "19,20", {"nickName", "avatarUrl"}, ["nick_name", "picture"]),
        (MODIFIED, None, {"nickName", "avatarUrl"}, ["name"]),
    ],
)
async def test_a_withdrawal_takes_what_it_names_by_where_it_came_from(
    server: TestServer, settings: Settings, name: str, info: str | None, gone: set[str], removed: list[str]
) -> None:
    token, openid, _ = await user_with_pictures(server, settings)
    before = await server.me(token)
    await happens(server, settings, name, openid, RevokeInfo=info)
    after = await server.me(token)
    empty = dict.fromkeys(gone) | ({"gender": "UNKNOWN"} if "gender" in gone else {})
    assert after == {**before, **empty, "isAnonymous": "nickName" in gone, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    [entry] = await audited(settings)
    assert json.loads(entry["detail"])["removed"] == removed
    freed = {"shown.jpg", "waiting.jpg"} if "avatarUrl" in gone else set()
    assert {*await files_to_delete(settings)} == freed
    assert len(await run_sql(settings, "SELECT id FROM pictures")) == 2 - len(freed)
    [user] = await run_sql(settings, "SELECT nick_name_source, avatar_source, avatar_name FROM users")
    assert user == {
        "nick_name_source": int("nickName" not in gone),
        "avatar_source": int("avatarUrl" not in gone),
        "avatar_name": "" if "avatarUrl" in gone else "shown.jpg",
    }
    assert len(await run_sql(settings, "SELECT user_id FROM text_checks")) == int("nickName" not in gone)


@pytest.mark.parametrize(("name", "info"), [(REVOKE, "19,20"), (MODIFIED, None)])
async def test_what_was_typed_and_uploaded_after_an_event_stays(
    server: TestServer, settings: Settings, name: str, info: str | None
) -> None:
    token, openid = await user_with_profile(server, settings)
    user_id = (await server.me(token))["id"]
    second = server.clock.ms // 1000
    # A minute later than the event it may still be meant by it.
    await type_name(settings, user_id, "Typed", at=(second + 60) * 1000 + 1)
    await show_picture(settings, user_id, "shown", at=(second + 60) * 1000 + 1)
    before = await server.me(token)
    await happens(server, settings, name, openid, seconds=second - server.clock.ms // 1000, RevokeInfo=info)
    after = await server.me(token)
    assert (after["nickName"], after["avatarUrl"]) == (before["nickName"], before["avatarUrl"])
    assert await files_to_delete(settings) == {}
    await happens(server, settings, name, openid, seconds=second + 1 - server.clock.ms // 1000, RevokeInfo=info)
    after = await server.me(token)
    assert (after["nickName"], after["avatarUrl"]) == (None, None)
    assert {*await files_to_delete(settings)} == {"shown.jpg"}


async def test_a_closed_wechat_account_takes_the_pictures_along(server: TestServer, settings: Settings) -> None:
    _, openid, user_id = await user_with_pictures(server, settings)
    await add_upload(settings, user_id, "staged", expires_at=server.clock.ms + 3_600_000)
    await happens(server, settings, CANCELLATION, openid)
    assert {*await files_to_delete(settings)} == {"shown.jpg", "waiting.jpg", "staged.jpg"}
    for table in ("pictures", "uploads", "text_checks"):
        assert await run_sql(settings, f"SELECT user_id FROM {table}") == []  # noqa: S608 - of this file


@pytest.mark.parametrize("info", ["5", "19,20", "1,2,3,4,7,12,13,14,15,16,18,201", ""])
async def test_what_the_server_keeps_nothing_of_is_recorded_only(
    server: TestServer, settings: Settings, info: str
) -> None:
    token, openid = await user_with_profile(server, settings)
    before = await server.me(token)
    await happens(server, settings, REVOKE, openid, RevokeInfo=info)
    assert await server.me(token) == before
    [entry] = await audited(settings)
    revoked = sorted(map(int, filter(None, info.split(","))))
    assert json.loads(entry["detail"]) == {"revoked": revoked, "removed": []}


async def test_a_closed_wechat_account_takes_the_user_along(server: TestServer, settings: Settings) -> None:
    token, openid = await user_with_profile(server, settings)
    user_id = (await server.me(token))["id"]
    await user_with_profile(server, settings, "bob")
    await happens(server, settings, CANCELLATION, openid)
    assert await server.code_of_error(ME, token=token) == "UNAUTHENTICATED"
    assert [row["user_id"] for row in await run_sql(settings, "SELECT user_id FROM deleted_users")] == [user_id]
    assert sorted(entry["action"] for entry in await audited(settings)) == ["deleted", "event_cancellation"]
    assert len(await run_sql(settings, "SELECT id FROM users")) == 1
    assert len(await run_sql(settings, "SELECT id FROM accounts")) == 1
    again = await server.login("alice")
    assert again["isNewUser"]
    assert again["user"]["id"] != user_id


async def test_an_account_that_is_newer_than_its_cancellation_stays(server: TestServer, settings: Settings) -> None:
    token, openid = await user_with_profile(server, settings)
    await happens(server, settings, CANCELLATION, openid, seconds=-62)
    assert (await server.me(token))["nickName"] == "Alice"
    assert await audited(settings) == []


async def test_a_user_of_another_mini_program_loses_one_account_only(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    wechat_simulator.bind_open_platform()
    shop = wechat_simulator.app(SHOP, group=DEFAULT_GROUP)
    settings = settings_with_events(wechat_simulator, database_url, shop)
    async with open_server(settings, wechat_simulator, clock) as server:
        login = await server.login("alice")
        kept = await server.login("alice", app=shop)
        assert kept["user"]["id"] == login["user"]["id"]
        await happens(server, settings, CANCELLATION, await openid_of(settings, login["user"]["id"], APP_ID))
        assert await server.code_of_error(ME, token=login["token"]) == "UNAUTHENTICATED"
        assert (await server.me(kept["token"]))["id"] == login["user"]["id"]
        assert [entry["action"] for entry in await audited(settings)] == ["event_cancellation"]
        # Of the other mini-program an openid is no user's here.
        foreign = await openid_of(settings, login["user"]["id"], shop.app_id)
        await happens(server, settings, CANCELLATION, foreign)
        assert (await server.me(kept["token"]))["id"] == login["user"]["id"]


@pytest.mark.parametrize("name", [MODIFIED, REVOKE, CANCELLATION])
async def test_an_event_of_a_user_who_is_not_here_is_done(server: TestServer, settings: Settings, name: str) -> None:
    await server.login("alice")
    await happens(server, settings, name, "oSYNTHETIC0000000000000user1", RevokeInfo="6")
    [row] = await rows(settings)
    assert (row["state"], row["body"], row["tries"]) == (1, "", 1)
    assert await audited(settings) == []
