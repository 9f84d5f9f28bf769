"""What a merge and a deletion do to pictures, uploads, sources and texts in doubt, and to files that no row needs."""

from typing import Any, Final

import pytest

from models.audit_log import AuditAction
from models.database import Database
from models.deleted_users import DeletionReason
from models.deletion import delete_user_for_good
from models.logins import UnionidRules, sign_in
from models.merging import MergedRecord, merge
from models.picture_verdicts import judge_picture
from models.pictures import PictureState
from models.profile_updates import CheckedText
from models.profiles import store_profile
from models.text_checks import TextCheckState, find_text_check
from models.uploads import store_upload
from tests.models.merges import RULES, a_merge, mentions
from tests.models.pictures import (
    Mode,
    address_of,
    an_upload,
    avatar_of,
    changed,
    files,
    pictures_of,
    profile_of,
    save,
)
from tests.models.rows import MINUTE, NOON, a_login, a_profile, column

MERGED_AT: Final = NOON + 50
DOUBT: Final = TextCheckState.REVIEW


@pytest.fixture(autouse=True)
async def users(database: Database) -> None:
    await sign_in(database, a_login(1, now=NOON - 2))
    await sign_in(database, a_login(2, openid="openid-two", now=NOON - 1))


async def merged(database: Database) -> MergedRecord:
    outcome = await merge(database, a_merge("user-1", "user-2", now=MERGED_AT), RULES, undo=False)
    assert isinstance(outcome, MergedRecord)
    assert await mentions(database, "user-2") == {}
    return outcome


async def refuse(database: Database, picture: str) -> None:
    verdict: dict[str, Any] = {"label": None, "shows": "after", "entry": None, "now": NOON + 9}
    await judge_picture(database, picture, state=PictureState.REFUSED, **verdict)


async def test_the_picture_of_the_younger_comes_where_the_older_has_none(database: Database) -> None:
    await save(database, "picture-2", "user-2", mode="after")
    assert (await merged(database)).profile == ("avatar_url",)
    assert await avatar_of(database) == (address_of("picture-2"), "picture-2.jpg", 1)
    assert (await profile_of(database))["avatar_at"] == NOON
    assert await pictures_of(database) == {"picture-2": ("user-1", "CHECKING", True)}
    assert await files(database) == {}


async def test_the_picture_of_the_older_stays_and_the_file_of_the_younger_one_goes(database: Database) -> None:
    await save(database, "picture-1")
    await save(database, "picture-2", "user-2", now=NOON + 1)
    await merged(database)
    assert await avatar_of(database) == (address_of("picture-1"), "picture-1.jpg", 1)
    assert await pictures_of(database) == {"picture-1": ("user-1", "SHOWN", True)}
    assert await files(database) == {"picture-2.jpg": MERGED_AT}


@pytest.mark.parametrize("older", ["none", "signed", "shown", "waiting", "refused"])
async def test_a_picture_that_waits_comes_where_the_older_has_none_of_their_own(database: Database, older: str) -> None:
    if older == "signed":
        await store_profile(database, "user-1", a_profile(), now=NOON)
    elif older != "none":
        await save(database, "picture-1", mode="before" if older == "waiting" else "after")
    if older == "refused":
        await refuse(database, "picture-1")
    await save(database, "picture-2", "user-2", mode="before", now=NOON + 1)

    await merged(database)

    comes = older in {"none", "refused"}
    found = await pictures_of(database)
    assert found.get("picture-2") == (("user-1", "CHECKING", True) if comes else None)
    if older == "refused":
        assert found["picture-1"] == ("user-1", "REFUSED", False)
    elif older in {"shown", "waiting"}:
        assert found["picture-1"] == ("user-1", "CHECKING", True)
    assert ("picture-2.jpg" in await files(database)) != comes
    verdict: dict[str, Any] = {"label": None, "shows": "before", "entry": None, "now": NOON + 99}
    await judge_picture(database, "picture-2", state=PictureState.SHOWN, **verdict)
    assert ((await avatar_of(database))[1] == "picture-2.jpg") == comes


async def test_both_a_shown_picture_and_one_that_waits_come(database: Database) -> None:
    await save(database, "picture-2", "user-2")
    await save(database, "picture-3", "user-2", mode="before", now=NOON + 1)
    await merged(database)
    assert await avatar_of(database) == (address_of("picture-2"), "picture-2.jpg", 1)
    assert {user_id for user_id, *_ in (await pictures_of(database)).values()} == {"user-1"}
    assert await files(database) == {}


async def test_a_picture_that_waits_for_the_older_replaces_what_came(database: Database) -> None:
    await save(database, "picture-1", mode="before")
    await save(database, "picture-2", "user-2", now=NOON + 1)
    await merged(database)
    assert await avatar_of(database) == (address_of("picture-2"), "picture-2.jpg", 1)
    verdict: dict[str, Any] = {"label": None, "shows": "before", "entry": None, "now": NOON + 99}
    await judge_picture(database, "picture-1", state=PictureState.SHOWN, **verdict)
    assert await avatar_of(database) == (address_of("picture-1"), "picture-1.jpg", 1)
    assert await files(database) == {"picture-2.jpg": NOON + 99}


async def test_uploads_of_the_younger_can_be_saved_by_the_older(database: Database) -> None:
    await store_upload(database, an_upload("picture-2", "user-2"))
    await merged(database)
    await changed(database, upload_id="picture-2")
    assert await avatar_of(database) == (address_of("picture-2"), "picture-2.jpg", 1)
    assert await files(database) == {}


async def test_sources_come_with_what_they_are_of(database: Database) -> None:
    await store_profile(database, "user-2", a_profile(profile_at=NOON), now=NOON)
    await changed(database, "user-2", nick_name="Typed", city="Xi'an", now=NOON + 5)
    await merged(database)
    row = await profile_of(database)
    assert (row["nick_name"], row["nick_name_source"], row["nick_name_at"]) == ("Typed", 1, NOON + 5)
    assert (row["city"], row["facts_at"]) == ("Xi'an", NOON + 5)
    assert (row["avatar_source"], row["avatar_name"]) == (0, "")
    assert row["profile_at"] == NOON + 1


@pytest.mark.parametrize(("older", "younger"), [(False, True), (True, True), (True, False)])
async def test_texts_in_doubt_of_the_younger_are_so_of_the_older(
    database: Database, older: bool, younger: bool
) -> None:
    name, city = ("Older" if older else ""), "Xi'an"
    if older:
        doubt = CheckedText(content=name, state=DOUBT, label=1)
        await changed(database, nick_name=name, checked=doubt)
    await changed(
        database, "user-2", city=city, checked=CheckedText(content=city, state=DOUBT, label=2) if younger else None
    )
    await merged(database)
    assert (await profile_of(database))["city"] == city
    found = await find_text_check(database, "user-1")
    assert found is not None
    assert found.label == (1 if older else 2)


async def test_texts_in_doubt_that_do_not_come_are_forgotten(database: Database) -> None:
    await changed(database, nick_name="Older")
    await changed(database, "user-2", nick_name="Bad", checked=CheckedText(content="Bad", state=DOUBT))
    await save(database, "picture-2", "user-2")
    await merged(database)
    assert await find_text_check(database, "user-1") is None


@pytest.mark.parametrize("mode", ["off", "before"])
async def test_a_user_with_a_picture_is_not_blank(database: Database, mode: Mode) -> None:
    blank = UnionidRules(merging=RULES)
    await sign_in(database, a_login(3, app_id="wx-two", openid="openid-three", unionid="union-one", now=NOON - 3))
    await save(database, "picture-2", "user-2", mode=mode)
    record = await sign_in(database, a_login(4, openid="openid-two", unionid="union-one", now=NOON + 1), blank)
    assert (record.user.id, record.merged) == ("user-2", None)
    assert await column(database, "SELECT COUNT(*) FROM merge_proposals") == [1]


async def test_a_deletion_frees_the_files_of_pictures_and_uploads(database: Database) -> None:
    for number in (1, 2):
        await save(database, f"picture-{number}", now=NOON + number)
    await save(database, "picture-3", mode="before", now=NOON + 3)
    await store_upload(database, an_upload("picture-4"))
    await store_upload(database, an_upload("picture-5", "user-2"))
    entry = AuditAction.DELETED.entry(now=MERGED_AT, user_id=None)
    deleted = {"at": MERGED_AT, "reason": DeletionReason.USER, "entry": entry}
    for _ in range(2):
        await database.transaction(lambda: delete_user_for_good("user-1", **deleted))  # type: ignore[arg-type]
    assert await files(database) == {
        "picture-1.jpg": NOON + 2,
        **{f"picture-{number}.jpg": MERGED_AT for number in (2, 3, 4)},
    }
    assert await mentions(database, "user-1") == {}
    assert await column(database, "SELECT id FROM uploads") == ["picture-5"]


async def test_what_a_dry_run_would_free_stays(database: Database) -> None:
    await save(database, "picture-1")
    await save(database, "picture-2", "user-2", now=NOON + MINUTE)
    await merge(database, a_merge("user-1", "user-2"), RULES, undo=True)
    assert await files(database) == {}
    assert await avatar_of(database, "user-2") == (address_of("picture-2"), "picture-2.jpg", 1)
