"""What users type and upload of themselves: stored whole or not at all, once, and with the texts that were checked."""

import json
from typing import Any

import pytest

from models.audit_log import AuditAction
from models.database import Database
from models.logins import sign_in
from models.picture_verdicts import judge_picture
from models.pictures import PictureState
from models.profile_updates import (
    CheckedText,
    ProfileChange,
    TextChanged,
    Updated,
    UploadMissing,
    UploadRefused,
    update_profile,
)
from models.profiles import profile_text, store_profile
from models.text_checks import StoredTextCheck, TextCheckState, find_text_check
from models.uploads import store_upload
from models.users import UserRecord
from tests.models.pictures import (
    HOUR,
    address_of,
    an_update,
    an_upload,
    avatar_of,
    change,
    changed,
    files,
    pictures_of,
    profile_of,
    save,
)
from tests.models.rows import MINUTE, NOON, a_login, a_profile, column

WAITING, REVIEW = TextCheckState.WAITING, TextCheckState.REVIEW


@pytest.fixture(autouse=True)
async def users(database: Database) -> None:
    await sign_in(database, a_login(1))
    await sign_in(database, a_login(2, openid="openid-bob"))


async def updates(database: Database) -> list[Any]:
    """What the audit log says was changed, the oldest first."""
    rows = await column(database, "SELECT detail FROM audit_log WHERE action = 'profile_updated' ORDER BY at")
    return [json.loads(str(detail))["changed"] for detail in rows]


async def uploaded(database: Database, picture: str = "picture-1", user_id: str = "user-1") -> str:
    assert await store_upload(database, an_upload(picture, user_id))
    return picture


async def test_what_is_given_is_stored_and_what_is_absent_stays(database: Database) -> None:
    await store_profile(database, "user-1", a_profile(profile_at=NOON - 1), now=NOON - 1)
    updated = await changed(database, nick_name="阿丽", city="Xi'an", gender=1, now=NOON + 5)
    row = await profile_of(database)
    assert (row["nick_name"], row["city"], row["gender"], row["province"], row["avatar_url"]) == (
        *("阿丽", "Xi'an", 1, "Guangdong"),
        "https://thirdwx.qlogo.cn/alice",
    )
    assert (row["nick_name_at"], row["nick_name_source"], row["facts_at"], row["avatar_at"]) == (
        *(NOON + 5, 1, NOON + 5),
        None,
    )
    assert updated.user == UserRecord(**{name: row[name] for name in UserRecord._fields})
    assert (updated.picture_id, row["updated_at"]) == (None, NOON + 5)
    [entry] = await database.fetch("SELECT user_id, app_id, detail FROM audit_log WHERE action = 'profile_updated'")
    assert (entry["user_id"], entry["app_id"]) == ("user-1", "wx-one")
    assert json.loads(entry["detail"]) == {"changed": ["nick_name", "gender", "city"]}


async def test_what_is_cleared_is_empty_and_no_older_submission_fills_it(database: Database) -> None:
    await changed(database, nick_name="Alice", city="Xi'an", gender=2)
    await save(database)
    await changed(database, nick_name="", city="", gender=0, clears_picture=True, now=NOON + 5)
    await store_profile(database, "user-1", a_profile(profile_at=NOON + 5), now=NOON + MINUTE)
    row = await profile_of(database)
    assert (row["nick_name"], row["city"], row["gender"], row["avatar_url"]) == ("", "", 0, "")
    assert (row["nick_name_source"], row["avatar_source"], row["avatar_name"]) == (0, 0, "")
    assert await files(database) == {"picture-1.jpg": NOON + 5}
    await store_profile(database, "user-1", a_profile(profile_at=NOON + 6), now=NOON + MINUTE)
    row = await profile_of(database)
    assert (row["nick_name"], row["city"], row["avatar_url"]) == (
        *("Alice", "Guangzhou"),
        "https://thirdwx.qlogo.cn/alice",
    )


async def test_what_is_stored_already_is_no_change(database: Database) -> None:
    await changed(database, nick_name="Alice", language="zh_CN")
    await save(database)
    before = await profile_of(database)
    same = await change(
        database, nick_name="Alice", language="zh_CN", city="", upload_id="picture-1", now=NOON + MINUTE
    )
    assert isinstance(same, Updated)
    assert (same.changed, same.picture_id) == (False, None)
    assert await profile_of(database) == before
    assert await updates(database) == [["nick_name", "language"], ["picture"]]


async def test_a_change_of_the_same_millisecond_is_newer_than_the_one_before(database: Database) -> None:
    """A server of the version before looks again when it finds another `updated_at` than it has read."""
    for number in range(3):
        user = (await changed(database, nick_name=f"Name {number}")).user
        assert user.updated_at == NOON + 1 + number
        assert (await profile_of(database))["updated_at"] == user.updated_at


async def test_a_change_whose_commit_was_lost_is_stored_once(database: Database) -> None:
    entry = an_update()
    await uploaded(database)
    given: dict[str, Any] = {"nick_name": "Alice", "upload_id": "picture-1", "entry": entry}
    first, second = [await change(database, **given) for _ in range(2)]
    assert first == second
    assert (first.picture_id, first.changed) == ("picture-1", True)
    assert await updates(database) == [["nick_name", "picture"]]


async def test_an_account_that_is_gone_changes_nothing(database: Database) -> None:
    gone = await update_profile(
        database, -1, ProfileChange(nick_name="Alice"), picture=None, checked=None, entry=an_update(), now=NOON
    )
    assert gone is None


async def test_an_upload_without_rules_for_it_is_refused_before_it_is_taken(database: Database) -> None:
    await uploaded(database)
    change = ProfileChange(upload_id="picture-1")
    with pytest.raises(ValueError, match="rules"):
        await update_profile(database, 1, change, picture=None, checked=None, entry=an_update(), now=NOON)
    assert await column(database, "SELECT id FROM uploads") == ["picture-1"]


async def test_a_saved_picture_is_shown_and_the_file_of_the_one_before_goes(database: Database) -> None:
    await save(database, "picture-1")
    await save(database, "picture-2", now=NOON + 5)
    row = await profile_of(database)
    assert await avatar_of(database) == (address_of("picture-2"), "picture-2.jpg", 1)
    assert row["avatar_at"] == NOON + 5
    assert await files(database) == {"picture-1.jpg": NOON + 5}
    assert await column(database, "SELECT id FROM uploads") == []
    assert await column(database, "SELECT replaced_at FROM pictures ORDER BY id") == [NOON + 5, None]


async def test_a_picture_that_waits_is_replaced_by_the_next_and_the_shown_one_stays(database: Database) -> None:
    await save(database, "picture-1")
    for number in (2, 3):
        await save(database, f"picture-{number}", mode="before", now=NOON + number)
    assert await avatar_of(database) == (address_of("picture-1"), "picture-1.jpg", 1)
    assert await files(database) == {"picture-2.jpg": NOON + 3}
    assert {name: in_use for name, (*_, in_use) in (await pictures_of(database)).items()} == {
        "picture-1": True,
        "picture-2": False,
        "picture-3": True,
    }
    await changed(database, clears_picture=True, now=NOON + 9)
    assert await avatar_of(database) == ("", "", 0)
    assert await files(database) == {
        "picture-1.jpg": NOON + 9,
        "picture-2.jpg": NOON + 3,
        "picture-3.jpg": NOON + 9,
    }


async def test_a_cleared_picture_may_be_wechats_own_and_is_cleared_once(database: Database) -> None:
    await store_profile(database, "user-1", a_profile(), now=NOON)
    await changed(database, clears_picture=True)
    assert await avatar_of(database) == ("", "", 0)
    again = await change(database, clears_picture=True)
    assert again.changed is False


@pytest.mark.parametrize("why", ["another user's", "expired", "used", "unknown"])
async def test_without_the_upload_nothing_at_all_is_changed(database: Database, why: str) -> None:
    await uploaded(database, user_id="user-2" if why == "another user's" else "user-1")
    if why == "used":
        await changed(database, upload_id="picture-1")
        await save(database, "picture-2")
    before = await profile_of(database)
    upload_id = "picture-9" if why == "unknown" else "picture-1"
    now = NOON + HOUR if why == "expired" else NOON
    assert await change(database, nick_name="Alice", upload_id=upload_id, now=now) == UploadMissing()
    assert await profile_of(database) == before
    assert len(await updates(database)) == (2 if why == "used" else 0)


async def test_a_refused_picture_is_not_saved_again(database: Database) -> None:
    await save(database, mode="after")
    refusal = {"label": None, "shows": "after", "entry": None, "now": NOON}
    await judge_picture(database, "picture-1", state=PictureState.REFUSED, **refusal)  # type: ignore[arg-type]
    assert await change(database, nick_name="Alice", upload_id="picture-1") == UploadRefused()
    assert (await profile_of(database))["nick_name"] == ""
    # One that is chosen next takes its place, and the file is not deleted twice.
    await database.fetch("DELETE FROM files_to_delete")
    await save(database, "picture-2", now=NOON + 5)
    assert (await pictures_of(database))["picture-1"] == ("user-1", "REFUSED", False)
    assert await files(database) == {}


@pytest.mark.parametrize(
    ("state", "due_at", "stored_due_at"),
    [(WAITING, NOON + 600_000, NOON + 600_000), (WAITING, None, NOON), (REVIEW, None, None)],
)
async def test_texts_in_doubt_are_noted_and_go_once_all_have_passed(
    database: Database, state: TextCheckState, due_at: int | None, stored_due_at: int | None
) -> None:
    doubt = CheckedText(content="Alice\nXi'an", state=state, label=20001, due_at=due_at)
    await changed(database, nick_name="Alice", city="Xi'an", checked=doubt)
    expected = StoredTextCheck("user-1", "wx-one", state, 20001, 0, stored_due_at, NOON)
    assert await find_text_check(database, "user-1") == expected
    # A change of something else says nothing of them.
    await changed(database, gender=1, checked=CheckedText(content=""))
    assert await find_text_check(database, "user-1") == expected
    await changed(database, city="Chengdu", checked=CheckedText(content="Alice\nChengdu"))
    assert await find_text_check(database, "user-1") is None


async def test_without_texts_none_is_in_doubt(database: Database) -> None:
    await changed(database, nick_name="Alice", checked=CheckedText(content="Alice", state=REVIEW))
    await changed(database, nick_name="", checked=CheckedText(content=""))
    assert await find_text_check(database, "user-1") is None


async def test_texts_that_were_not_checked_are_stored_where_operators_check_none(database: Database) -> None:
    await changed(database, nick_name="Alice")
    assert await find_text_check(database, "user-1") is None


@pytest.mark.parametrize("seen", ["Alice", ""])
async def test_texts_that_differ_from_those_that_were_checked_are_checked_at_once(
    database: Database, seen: str
) -> None:
    """Another device has given the region between the check and the save."""
    await changed(database, city="Xi'an", checked=CheckedText(content="Xi'an"))
    await changed(database, nick_name="Alice", checked=CheckedText(content=seen), now=NOON + 5)
    assert await find_text_check(database, "user-1") == StoredTextCheck(
        *("user-1", "wx-one", WAITING, None, 0),
        due_at=NOON + 5,
        created_at=NOON + 5,
    )


async def test_where_operators_are_strict_texts_that_were_not_checked_are_not_stored(database: Database) -> None:
    city = (await changed(database, city="Xi'an", checked=CheckedText(content="Xi'an", is_strict=True))).user
    await uploaded(database)
    given: dict[str, Any] = {"nick_name": "Alice", "upload_id": "picture-1"}
    strict = await change(database, checked=CheckedText(content="Alice", is_strict=True), **given)
    assert strict == TextChanged(city)
    assert await column(database, "SELECT id FROM uploads") == ["picture-1"]
    assert await find_text_check(database, "user-1") is None
    await changed(database, checked=CheckedText(content="Alice\nXi'an", is_strict=True), **given)


async def test_the_text_of_a_profile_has_its_texts_in_lines_without_the_empty_ones(database: Database) -> None:
    user = (await changed(database, nick_name="Alice", city="Xi'an", country="China", language="zh_CN")).user
    assert profile_text(user) == "Alice\nXi'an\nChina"
    assert profile_text(user._replace(nick_name="", city="", country="")) == ""


async def test_what_users_typed_does_not_print() -> None:
    given = ProfileChange(nick_name="Alice", city="Xi'an", province="Shaanxi", country="China")
    printed = f"{given} {CheckedText(content='Alice')} {an_upload()} {AuditAction.PROFILE_UPDATED}"
    assert [text for text in ("Alice", "Xi'an", "Shaanxi", "China", ".jpg") if text in printed] == []
