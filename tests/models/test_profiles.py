"""Which submitted user info replaces which."""

from dataclasses import replace

import pytest

from models.database import Database
from models.errors import DatabaseError, DatabaseUnavailable
from models.logins import sign_in
from models.profile_updates import CheckedText
from models.profiles import Profile, store_profile
from models.text_checks import TextCheckState, find_text_check
from models.users import USER_COLUMNS, UserRecord
from tests.models.pictures import avatar_of, changed, files, pictures_of, profile_of, save
from tests.models.rows import MINUTE, NOON, a_login, a_profile, column

ALICE = UserRecord(
    "user-1", "Alice", "https://thirdwx.qlogo.cn/alice", 2, "Guangzhou", "Guangdong", "China", "zh_CN", NOON, NOON + 1
)
# What WeChat hands out in place of the real one.
ANONYMOUS = Profile(
    nick_name="微信用户",
    nick_name_is_real=False,
    avatar_url="https://thirdwx.qlogo.cn/grey",
    avatar_url_is_real=False,
    is_real=False,
    gender=0,
    city="",
    province="",
    country="",
    language="",
    profile_at=NOON + MINUTE,
)


@pytest.fixture
async def database(database: Database) -> Database:
    """With one person in it."""
    await sign_in(database, a_login(1))
    return database


async def test_a_first_profile_is_stored_and_returned(database: Database) -> None:
    assert await store_profile(database, "user-1", a_profile(), now=NOON + 1) == ALICE
    [row] = await database.fetch("SELECT * FROM users")
    assert tuple(row[name] for name in USER_COLUMNS) == tuple(ALICE)
    assert row["profile_at"] == NOON


async def test_a_newer_profile_replaces_every_field(database: Database) -> None:
    await store_profile(database, "user-1", a_profile(), now=NOON + 1)
    newer = Profile("Eve", True, "https://thirdwx.qlogo.cn/eve", True, True, 1, "成都", "四川", "中国", "en", NOON + 1)

    user = await store_profile(database, "user-1", newer, now=NOON + 2)

    assert user == UserRecord(
        "user-1", "Eve", "https://thirdwx.qlogo.cn/eve", 1, "成都", "四川", "中国", "en", NOON, NOON + 2
    )


@pytest.mark.parametrize("age", [0, 1, MINUTE])
async def test_a_profile_that_is_not_newer_changes_nothing(database: Database, age: int) -> None:
    await store_profile(database, "user-1", a_profile(), now=NOON + 1)

    user = await store_profile(database, "user-1", a_profile("Mallory", profile_at=NOON - age), now=NOON + 2)

    assert user == ALICE
    assert await column(database, "SELECT profile_at FROM users") == [NOON]


async def test_an_anonymous_profile_replaces_nothing_real(database: Database) -> None:
    await store_profile(database, "user-1", a_profile(), now=NOON + 1)

    user = await store_profile(database, "user-1", ANONYMOUS, now=NOON + 2)

    assert user == ALICE._replace(updated_at=NOON + 2)


async def test_an_anonymous_profile_fills_what_is_empty(database: Database) -> None:
    user = await store_profile(database, "user-1", ANONYMOUS, now=NOON + 2)
    assert user is not None
    assert (user.nick_name, user.avatar_url) == ("微信用户", "https://thirdwx.qlogo.cn/grey")


async def test_what_else_an_anonymous_profile_says_is_taken(database: Database) -> None:
    await store_profile(database, "user-1", a_profile(), now=NOON + 1)
    anonymous = replace(ANONYMOUS, gender=1, city="Shenzhen", language="en")

    user = await store_profile(database, "user-1", anonymous, now=NOON + 2)

    assert user == ALICE._replace(gender=1, city="Shenzhen", language="en", updated_at=NOON + 2)


async def test_an_anonymous_name_is_replaced_by_the_real_one(database: Database) -> None:
    await store_profile(database, "user-1", ANONYMOUS, now=NOON + 2)
    user = await store_profile(database, "user-1", a_profile(profile_at=NOON + 2 * MINUTE), now=NOON + 3)
    assert user == ALICE._replace(updated_at=NOON + 3)


async def test_a_real_name_with_the_grey_picture_keeps_the_real_picture(database: Database) -> None:
    await store_profile(database, "user-1", a_profile(), now=NOON + 1)
    half = a_profile("Alina", avatar_url="https://thirdwx.qlogo.cn/grey", real_avatar=False, profile_at=NOON + 1)

    user = await store_profile(database, "user-1", half, now=NOON + 2)

    assert user == ALICE._replace(nick_name="Alina", updated_at=NOON + 2)


async def test_a_real_profile_may_empty_what_was_given(database: Database) -> None:
    await store_profile(database, "user-1", a_profile(), now=NOON + 1)
    user = await store_profile(database, "user-1", a_profile(gender=0, city="", profile_at=NOON + 1), now=NOON + 2)
    assert user == ALICE._replace(gender=0, city="", updated_at=NOON + 2)


@pytest.mark.parametrize(
    "name",
    [
        "👨‍👩‍👧‍👦 family",
        "🇨🇳🏳️‍🌈👍🏽",
        "熊猫大侠",
        "𠮷野家 𪚥",
        "e\u0301 is not é",
        "\u202eright to left\u202c",
        "\ue001 private \uffff",
        " blanks ",
        "$1 ?1 '; DROP TABLE users; --\\ %s",
        "🐼" * 256,
    ],
)
async def test_a_name_comes_back_byte_for_byte(database: Database, name: str) -> None:
    user = await store_profile(database, "user-1", a_profile(name), now=NOON + 1)
    assert user is not None
    assert user.nick_name.encode() == name.encode()
    assert await column(database, "SELECT nick_name FROM users") == [name]


async def test_nul_is_stored_or_refused_and_breaks_nothing(database: Database) -> None:
    """Submissions with NUL are refused before they come this far; PostgreSQL has no place for it, SQLite has."""
    if database.dialect == "postgres":
        with pytest.raises(DatabaseError) as refused:
            await store_profile(database, "user-1", a_profile("nul\0name"), now=NOON + 1)
        assert not isinstance(refused.value, DatabaseUnavailable)  # trying again would not help
    else:
        user = await store_profile(database, "user-1", a_profile("nul\0name"), now=NOON + 1)
        assert user is not None
        assert user.nick_name == "nul\0name"
    later = ALICE._replace(updated_at=NOON + 2)
    assert await store_profile(database, "user-1", a_profile(profile_at=NOON + 1), now=NOON + 2) == later


async def test_a_profile_of_nobody_is_not_stored(database: Database) -> None:
    assert await store_profile(database, "user-2", a_profile(), now=NOON + 1) is None
    assert await column(database, "SELECT nick_name FROM users") == [""]


async def test_other_people_keep_their_profiles(database: Database) -> None:
    bob = await sign_in(database, a_login(2, openid="openid-bob"))
    await store_profile(database, "user-1", a_profile(), now=NOON + 1)
    assert await column(database, "SELECT nick_name FROM users WHERE id = $1", bob.user.id) == [""]


async def test_a_signed_part_replaces_what_the_user_gave_earlier_and_not_what_came_later(database: Database) -> None:
    await save(database)
    await changed(database, nick_name="Typed", city="Xi'an", now=NOON + 5)
    await store_profile(database, "user-1", a_profile(profile_at=NOON + 1), now=NOON + 6)
    row = await profile_of(database)
    assert (row["nick_name"], row["city"], row["nick_name_source"], row["facts_at"]) == ("Typed", "Xi'an", 1, NOON + 5)
    # Of the picture it is the newer one.
    assert await avatar_of(database) == ("https://thirdwx.qlogo.cn/alice", "", 0)
    assert await files(database) == {"picture-1.jpg": NOON + 6}
    await store_profile(database, "user-1", a_profile(profile_at=NOON + MINUTE), now=NOON + 7)
    row = await profile_of(database)
    assert (row["nick_name"], row["city"], row["nick_name_source"], row["facts_at"]) == ("Alice", "Guangzhou", 0, None)


async def test_wechats_anonymous_pair_never_replaces_what_the_user_gave(database: Database) -> None:
    await save(database)
    await changed(database, nick_name="Typed", city="Xi'an")
    before = await profile_of(database)
    anonymous = a_profile("微信用户", real=False, profile_at=NOON + MINUTE)
    await store_profile(database, "user-1", anonymous, now=NOON + MINUTE)
    times = {"profile_at": NOON + MINUTE, "updated_at": NOON + MINUTE}
    assert await profile_of(database) == before | times
    assert await files(database) == {}


async def test_a_grey_picture_fills_the_place_of_one_that_waits_for_its_check(database: Database) -> None:
    await save(database, mode="before")
    anonymous = a_profile("微信用户", real=False, avatar_url="https://grey.example/0", profile_at=NOON + MINUTE)
    await store_profile(database, "user-1", anonymous, now=NOON + MINUTE)
    assert await avatar_of(database) == ("https://grey.example/0", "", 0)
    assert (await pictures_of(database))["picture-1"] == ("user-1", "CHECKING", True)


async def test_a_signed_picture_that_came_later_ends_the_wait_of_an_upload(database: Database) -> None:
    await save(database, mode="before")
    await store_profile(database, "user-1", a_profile(profile_at=NOON + MINUTE), now=NOON + MINUTE)
    assert (await pictures_of(database))["picture-1"] == ("user-1", "CHECKING", False)
    assert await files(database) == {"picture-1.jpg": NOON + MINUTE}


async def test_texts_that_wechat_signs_are_in_doubt_no_more(database: Database) -> None:
    doubt = CheckedText(content="Typed\nXi'an", state=TextCheckState.REVIEW)
    await changed(database, nick_name="Typed", city="Xi'an", checked=doubt)
    only_name = a_profile(profile_at=NOON + MINUTE)
    await database.fetch("UPDATE users SET facts_at = $1 WHERE id = 'user-1'", NOON + 2 * MINUTE)
    await store_profile(database, "user-1", only_name, now=NOON + MINUTE)
    assert await find_text_check(database, "user-1") is not None, "the region is typed"
    await store_profile(database, "user-1", a_profile(profile_at=NOON + 3 * MINUTE), now=NOON + 3 * MINUTE)
    assert await find_text_check(database, "user-1") is None
