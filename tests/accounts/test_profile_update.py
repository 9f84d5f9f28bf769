"""Users type a name and more, and save a picture: what is kept or refused, and what comes of repeats and races."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest

from graph.settings import CheckSettings, RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.profiles import (
    CHECK_TEXT,
    audited,
    files,
    pictures,
    profile,
    refusal,
    settings_with_pictures,
    until,
    update,
    upload,
    url_of,
)
from tests.accounts.stored import run_sql, wxgate
from tests.server import Clock, TestServer, open_server, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

EVERYTHING: Final = {
    "nickName": "爱丽丝 🐼",
    "gender": "FEMALE",
    "city": "Guangzhou",
    "province": "Guangdong",
    "country": "China",
    "language": "zh_CN",
}
REFUSALS: Final = {
    "nickName must have 1 to 32 characters.",
    "nickName must have a character that can be seen.",
    "nickName is WeChat's placeholder: have the user type a name.",
    *(f"{name} has a character that a profile cannot have." for name in EVERYTHING),
    *(f"{name} must have at most 64 characters." for name in ("city", "province", "country")),
    "language must be a tag like zh_CN.",
}
NOTHING: Final = dict.fromkeys(EVERYTHING) | {"gender": "UNKNOWN"}


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path) -> Settings:
    # What a picture's check finds is another module's subject.
    check, rates = CheckSettings(picture="off"), RateLimitSettings(upload="")
    return settings_with_pictures(wechat_simulator, database_url, tmp_path, events=False, check=check, rate_limit=rates)


@pytest.fixture
async def alice(server: TestServer) -> tuple[str, str]:
    """Her token and id."""
    login = await server.login("alice")
    server.clock.advance(seconds=5)
    return login["token"], login["user"]["id"]


def texts(wechat: WeChatSimulator) -> int:
    """How often WeChat was asked about texts."""
    return wechat.state.calls[CHECK_TEXT]


async def test_what_is_typed_is_shown_everywhere_and_null_clears_it(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, user_id = alice
    before = await profile(server, token)
    changed = await update(server, token, **EVERYTHING)
    assert changed == {**before, **EVERYTHING, "isAnonymous": False, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > before["updatedAt"]
    assert await profile(server, (await server.login("alice"))["token"]) == changed

    server.clock.advance(seconds=1)
    only = await update(server, token, city=None, gender="MALE")
    assert only == {**changed, "city": None, "gender": "MALE", "updatedAt": only["updatedAt"]}
    server.clock.advance(seconds=1)
    cleared = await update(server, token, **dict.fromkeys(EVERYTHING))
    assert cleared == {**before, **NOTHING, "updatedAt": cleared["updatedAt"]}
    entries = await audited(settings, "profile_updated")
    assert [entry["user_id"] for entry in entries] == [user_id] * 3
    assert json.loads(entries[1]["detail"]) == {"changed": ["gender", "city"]}


async def test_the_same_again_changes_nothing_and_is_not_shown_to_wechat(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, _ = alice
    picture = await upload(server, token)
    first = await update(server, token, **EVERYTHING, avatar=picture)
    server.clock.advance(minutes=5)
    assert await update(server, token, **EVERYTHING, avatar=picture) == first
    assert await update(server, token, nickName=f" {EVERYTHING['nickName']}\n") == first
    assert await update(server, token) == first
    assert texts(server.wechat) == 1
    assert len(await audited(settings, "profile_updated")) == 1
    assert files(settings) == [picture]


@on_sqlite
async def test_what_is_no_text_is_not_shown_to_wechat(server: TestServer, alice: tuple[str, str]) -> None:
    token, _ = alice
    assert (await update(server, token, gender="MALE", language="en-GB"))["gender"] == "MALE"
    assert (await update(server, token, nickName=None, city=None))["nickName"] is None
    assert texts(server.wechat) == 0


@on_sqlite
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"nickName": "  Zoe\u0308 \u3000"}, "Zo\u00eb"),
        ({"nickName": "👩\u200d👩\u200d👧"}, "👩\u200d👩\u200d👧"),
        # Of 2022 and of 2024: Python's tables may be older.
        ({"nickName": "\U0001fae8\U0001fadf"}, "\U0001fae8\U0001fadf"),
        ({"nickName": "\U00020000" * 32}, "\U00020000" * 32),
        ({"nickName": "שלום עליכם"}, "שלום עליכם"),
        ({"city": "x" * 64}, "x" * 64),
        ({"city": " "}, None),
        ({"language": "zh-Hans-CN"}, "zh-Hans-CN"),
    ],
)
async def test_texts_of_all_the_world_are_kept_in_one_form(
    server: TestServer, alice: tuple[str, str], sent: dict[str, str], kept: str | None
) -> None:
    [name] = sent
    assert (await update(server, alice[0], **sent))[name] == kept


@on_sqlite
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("nickName", value) for value in ("", " \n", "x" * 33, "微信用户", "微信\u200b用户", "\u200b", "a\u0000b")),
        *(("nickName", f"Alice{sign}x") for sign in "\n\u202e\u2066\ue000\ufffe\u2028\u0378"),
        ("city", "x" * 65),
        ("province", "Guang\u0007dong"),
        ("country", "\U000f0000"),
        *(("language", value) for value in ("", "chinese", "zh_", "zh CN", "z")),
    ],
)
async def test_what_cannot_be_right_is_refused_before_anything_is_done(
    server: TestServer, settings: Settings, alice: tuple[str, str], name: str, value: str
) -> None:
    token, _ = alice
    before, picture = await profile(server, token), await upload(server, token)
    sent = {"city": "Shenzhen", "avatar": picture, name: value}
    refused = await refusal(server, token, **sent)
    assert (refused["code"], refused["action"]) == ("BAD_USER_INPUT", "FIX_REQUEST")
    assert refused["message"] in REFUSALS
    assert refused["message"].startswith(f"{name} ")
    assert await profile(server, token) == before
    assert texts(server.wechat) == 0
    assert len(await run_sql(settings, "SELECT * FROM uploads")) == 1


async def test_a_saved_picture_takes_the_place_of_the_one_before_and_its_file_goes(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, user_id = alice
    first, second = await upload(server, token), await upload(server, token)
    saved = await update(server, token, avatar=first)
    assert saved["avatarUrl"] == saved["picture"]["url"] == url_of(first)
    assert (saved["picture"]["state"], saved["isAnonymous"]) == ("SHOWN", True)
    server.clock.advance(seconds=1)
    replaced = await update(server, token, avatar=second, nickName="Alice")
    assert (replaced["avatarUrl"], replaced["nickName"]) == (url_of(second), "Alice")
    assert replaced["picture"]["uploadedAt"] > saved["picture"]["uploadedAt"]
    await _files_are(settings, [second])
    cleared = await update(server, token, avatar=None)
    assert (cleared["avatarUrl"], cleared["picture"], cleared["nickName"]) == (None, None, "Alice")
    await _files_are(settings, [])
    assert [entry["user_id"] for entry in await audited(settings, "profile_updated")] == [user_id] * 3


async def test_an_upload_is_saved_by_its_user_once_and_within_its_time(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, _ = alice
    bobs, expired = await upload(server, (await server.login("bob"))["token"]), await upload(server, token)
    server.clock.advance(hours=1)
    used, newer = await upload(server, token), await upload(server, token)
    await update(server, token, avatar=used)
    await update(server, token, avatar=newer)
    for upload_id in (bobs, expired, used, "0" * 22, "../../../../etc/passwd", "", f"{newer}\n"):
        refused = await refusal(server, token, avatar=upload_id, nickName="Alice")
        assert (refused["code"], refused["action"]) == ("UPLOAD_NOT_FOUND", "ASK_AGAIN")
    assert (await profile(server, token))["avatarUrl"] == url_of(newer)
    assert (await profile(server, token))["nickName"] is None


@on_sqlite
async def test_where_no_pictures_are_kept_one_can_be_cleared_and_not_saved(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        await server.submit(token, wechat_simulator.user_info("alice", policy="old", nickName="Alice"))
        for upload_id in ("0" * 22, "no id"):
            refused = await refusal(server, token, avatar=upload_id)
            assert (refused["code"], refused["action"]) == ("NOT_ENABLED", "GIVE_UP")
        assert (await update(server, token, avatar=None))["avatarUrl"] is None


async def test_of_two_pictures_that_are_saved_at_once_one_is_left_and_no_orphan(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, _ = alice
    for _ in range(5):
        uploads = [await upload(server, token) for _ in range(2)]
        await asyncio.gather(*(update(server, token, avatar=upload_id) for upload_id in uploads))
        left = (await profile(server, token))["avatarUrl"]
        assert left in map(url_of, uploads)
        await _files_are(settings, [upload_id for upload_id in uploads if url_of(upload_id) == left])
    assert await run_sql(settings, "SELECT * FROM uploads") == []


async def test_the_same_picture_that_is_saved_twice_at_once_is_saved(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, _ = alice
    picture = await upload(server, token)
    saved = await asyncio.gather(*(update(server, token, avatar=picture) for _ in range(4)))
    assert {user["avatarUrl"] for user in saved} == {url_of(picture)}
    assert len(await pictures(settings)) == 1
    assert len(await audited(settings, "profile_updated")) == 1


async def test_what_is_newer_wins_whether_it_was_typed_or_signed(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, _ = alice
    signed = {"nickName": "Signed", "avatarUrl": "https://thirdwx.qlogo.cn/alice/132"}
    older = server.wechat.user_info("alice", policy="old", **signed)
    server.clock.advance(minutes=1)
    picture = await upload(server, token)
    typed = await update(server, token, nickName="Typed", avatar=picture)
    assert (await server.submit(token, older))["nickName"] == "Typed"
    assert (await profile(server, token))["picture"] == typed["picture"]
    anonymous = server.wechat.user_info("alice", policy="new")
    server.wechat.advance(120)
    assert (await server.submit(token, anonymous))["nickName"] == "Typed"

    newer = await server.submit(token, server.wechat.user_info("alice", policy="old", **signed))
    assert (newer["nickName"], newer["avatarUrl"]) == ("Signed", signed["avatarUrl"])
    assert (await profile(server, token))["picture"] is None
    assert [row["name"] for row in await run_sql(settings, "SELECT * FROM files_to_delete")] == [f"{picture}.jpg"]
    server.clock.advance(minutes=5)
    assert (await update(server, token, nickName="Typed again"))["nickName"] == "Typed again"


async def test_a_change_is_made_though_its_client_has_left(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, _ = alice
    picture = await upload(server, token)
    server.wechat.fail("delay", path=CHECK_TEXT, seconds=0.3)
    leaving = asyncio.create_task(update(server, token, nickName="Alice", avatar=picture))
    await server.wechat_is_asked()
    leaving.cancel()
    row = await until(settings, "nick_name <> ''", "users")
    assert (row["nick_name"], row["avatar_url"]) == ("Alice", url_of(picture))
    assert texts(server.wechat) == 1


async def test_a_change_of_a_user_who_is_merged_meanwhile_is_the_other_s(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, user_id = alice
    bob = await server.login("bob")
    server.wechat.fail("delay", path=CHECK_TEXT, seconds=3)
    changing = asyncio.create_task(update(server, token, nickName="Alice"))
    await server.wechat_is_asked()
    await asyncio.to_thread(wxgate, settings, "users", "merge", bob["user"]["id"], user_id)
    assert (await changing)["id"] == bob["user"]["id"]
    assert (await server.me(bob["token"]))["nickName"] == "Alice"
    [entry] = await audited(settings, "profile_updated")
    assert entry["user_id"] == bob["user"]["id"]


async def test_a_user_who_is_deleted_meanwhile_is_not_signed_in(
    server: TestServer, settings: Settings, alice: tuple[str, str]
) -> None:
    token, user_id = alice
    server.wechat.fail("delay", path=CHECK_TEXT, seconds=0.3)
    changing = asyncio.create_task(refusal(server, token, nickName="Alice"))
    await server.wechat_is_asked()
    await run_sql(settings, f"DELETE FROM users WHERE id = '{user_id}'")  # noqa: S608 - an id
    assert (await changing)["code"] == "UNAUTHENTICATED"


@on_sqlite
@pytest.mark.parametrize("rates", [{"upload": "2/hour"}, {"submit": "2/hour"}])
async def test_changes_are_counted_for_the_account_and_for_the_address(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, rates: dict[str, str]
) -> None:
    settings = settings_for(wechat_simulator, database_url, rate_limit=RateLimitSettings(**rates))
    async with open_server(settings, wechat_simulator, clock) as server:
        token, other = [(await server.login(name))["token"] for name in ("alice", "bob")]
        for name in ("One", "Two"):
            await update(server, token, nickName=name)
        refused = await refusal(server, token, nickName="Three")
        assert (refused["code"], refused["retryAfterMs"]) == ("RATE_LIMITED", 3_600_000)
        assert texts(wechat_simulator) == 2
        answer = await refusal(server, other, nickName="")
        assert answer["code"] == ("RATE_LIMITED" if "submit" in rates else "BAD_USER_INPUT")
        server.clock.advance(hours=1)
        assert (await update(server, token, nickName="Three"))["nickName"] == "Three"


@on_sqlite
async def test_no_log_line_holds_what_a_user_typed(
    server: TestServer, settings: Settings, alice: tuple[str, str], no_secret_is_logged: Any
) -> None:
    token, _ = alice
    picture = await upload(server, token)
    typed = {"nickName": "Zanzibarella", "city": "Quetzalcoatlan", "language": "zh_CN"}
    server.wechat.fail("errcode", errcode=48001, path=CHECK_TEXT)
    await update(server, token, **typed, avatar=picture)
    await refusal(server, token, nickName="Zanzibarella\u202e")
    await refusal(server, token, nickName="Zanzibarella risky")
    lines = "\n".join(no_secret_is_logged.lines)
    assert "texts are kept that WeChat will not check" in lines
    for value in ("Zanzibarella", "Quetzalcoatlan", picture):
        assert value not in lines


async def _files_are(settings: Settings, uploads: list[str]) -> None:
    """Returns when these pictures are kept and no others: the server deletes files at once, in the background."""
    async with asyncio.timeout(10):
        while files(settings) != sorted(uploads):  # noqa: ASYNC110 - a directory sends no event
            await asyncio.sleep(0.02)
