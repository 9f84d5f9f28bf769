"""What a merge moves, keeps and removes, while nothing else is going on and while everything is."""

import asyncio
import json
from typing import Any

import pytest

from models.database import Database
from models.logins import UnionidRules, sign_in
from models.merging import MergedRecord, MissingUser, merge
from models.phones import NewPhone
from models.profile_updates import CheckedText
from models.profiles import store_profile
from models.text_checks import TextCheckState
from models.uploads import store_upload
from models.users import User
from tests.models.merges import RULES, a_merge, mentions, wrong_sessions
from tests.models.phones import a_phone, give, owners, phones_of
from tests.models.pictures import an_upload, changed, save
from tests.models.rows import DAY, MINUTE, NOON, a_login, a_profile, column, stored

BLANK = UnionidRules(merging=RULES)


async def store_two(database: Database) -> None:
    """An older user, and a younger one of two accounts, one of which has just shown the older's unionid."""
    await sign_in(database, a_login(1, unionid="union-one", now=NOON - DAY))
    await sign_in(database, a_login(2, app_id="wx-two", unionid="union-two"))
    await stored(
        database,
        a_login(3, app_id="wx-three", unionid="union-two"),
        a_login(4, app_id="wx-four", unionid="union-two"),
    )
    await database.fetch("UPDATE accounts SET unionid = NULL WHERE app_id = 'wx-four'")
    await sign_in(database, a_login(5, app_id="wx-four", unionid="union-one"))
    assert await column(database, "SELECT id FROM users ORDER BY 1") == ["user-1", "user-2"]
    await give(database, "user-2", a_phone())


async def test_a_merge_moves_all_and_leaves_nothing_of_the_younger(database: Database) -> None:
    await store_two(database)

    merged = await merge(database, a_merge("user-1", "user-2"), RULES, undo=False)

    assert merged == MergedRecord("user-1", "user-2", 3, 4, 0, 1, 1, 0, ())
    assert await mentions(database, "user-2") == {}
    assert await wrong_sessions(database) == []
    assert await column(database, "SELECT DISTINCT user_id FROM unionids") == ["user-1"]
    [gone] = await database.fetch("SELECT user_id, at, reason, merged_into FROM deleted_users")
    assert dict(gone) == {"user_id": "user-2", "at": NOON, "reason": 3, "merged_into": "user-1"}
    [entry] = await database.fetch("SELECT * FROM audit_log WHERE action = 'merged'")
    assert (entry["user_id"], entry["actor"], json.loads(entry["detail"])) == (
        "user-1",
        "cli:operator",
        {"younger": "user-2", "accounts": 3, "sessions": 4, "sessions_deleted": 0, "phones": 1},
    )


async def test_every_table_that_refers_to_users_is_moved_by_a_merge(database: Database) -> None:
    """A table that is added, and that no merge moves, would lose its rows with the younger user."""
    await store_two(database)
    relations: Any = User._meta.fields_map
    await changed(database, "user-2", nick_name="Bob", checked=CheckedText(content="Bob", state=TextCheckState.REVIEW))
    await save(database, "picture-2", "user-2")
    await store_upload(database, an_upload("picture-3", "user-2"))
    names = User._meta.backward_fk_fields | User._meta.backward_o2o_fields
    tables = sorted({relations[name].related_model._meta.db_table for name in names})
    before = {table: await column(database, f"SELECT COUNT(*) FROM {table}") for table in tables}  # noqa: S608
    assert not [table for table, rows in before.items() if rows == [0]], "give the younger user one"

    await merge(database, a_merge("user-1", "user-2"), RULES, undo=False)

    after = {table: await column(database, f"SELECT COUNT(*) FROM {table}") for table in tables}  # noqa: S608
    assert after == before | {"merge_proposals": [0]}


async def test_a_dry_run_returns_the_same_and_changes_nothing(database: Database) -> None:
    await store_two(database)
    of_users = ("accounts", "sessions", "unionids", "phones", "phone_owners", "merge_proposals")
    tables = ("users", *of_users, "deleted_users", "audit_log")

    async def everything() -> list[list[dict[str, object]]]:
        return [[dict(row) for row in await database.fetch(f"SELECT * FROM {table} ORDER BY 1")] for table in tables]  # noqa: S608

    before = await everything()
    planned = await merge(database, a_merge("user-1", "user-2"), RULES, undo=True)
    assert await everything() == before
    assert await merge(database, a_merge("user-1", "user-2"), RULES, undo=False) == planned


async def test_a_second_merge_finds_that_the_younger_is_merged(database: Database) -> None:
    await store_two(database)
    for _ in range(2):
        outcome = await merge(database, a_merge("user-1", "user-2"), RULES, undo=False)
    assert outcome == MissingUser("user-2", ("user-1",))
    assert await column(database, "SELECT COUNT(*) FROM deleted_users") == [1]
    assert await column(database, "SELECT COUNT(*) FROM audit_log WHERE action = 'merged'") == [1]


async def test_a_user_who_never_was_is_missing(database: Database) -> None:
    await store_two(database)
    for older, younger in (("user-9", "user-2"), ("user-1", "user-9")):
        assert await merge(database, a_merge(older, younger), RULES, undo=False) == MissingUser("user-9")
    assert await column(database, "SELECT COUNT(*) FROM users") == [2]


async def test_the_profile_of_the_older_stays_and_is_filled(database: Database) -> None:
    await store_two(database)
    await store_profile(database, "user-1", a_profile("Older", city="", profile_at=NOON), now=NOON)
    await store_profile(database, "user-2", a_profile("Younger", city="Xi'an", profile_at=NOON + MINUTE), now=NOON)

    merged = await merge(database, a_merge("user-1", "user-2", now=NOON + 5), RULES, undo=False)

    assert isinstance(merged, MergedRecord)
    assert merged.profile == ("city",)
    [user] = await database.fetch("SELECT nick_name, city, created_at, updated_at, profile_at FROM users")
    assert dict(user) == {
        "nick_name": "Older",
        "city": "Xi'an",
        "created_at": NOON - DAY,
        "updated_at": NOON + 5,
        "profile_at": NOON + MINUTE + 1,
    }


async def test_a_session_whose_mac_is_wrong_is_deleted_and_one_without_moves(database: Database) -> None:
    await store_two(database)
    await database.fetch("UPDATE sessions SET mac = 'v1.k1.user-1.7' WHERE token_hash = 'token-2'")
    await database.fetch("UPDATE sessions SET mac = NULL WHERE token_hash = 'token-3'")

    merged = await merge(database, a_merge("user-1", "user-2"), RULES, undo=False)

    assert isinstance(merged, MergedRecord)
    assert (merged.sessions, merged.sessions_deleted) == (3, 1)
    assert await column(database, "SELECT mac FROM sessions WHERE token_hash IN ('token-2', 'token-3')") == [None]


@pytest.mark.parametrize(
    ("older", "younger", "stays", "moved"),
    [
        (None, a_phone(), ("v1.k1.138.user-1", NOON), 1),
        (a_phone("139"), a_phone(verified_at=NOON + 1), ("v1.k1.138.user-1", NOON + 1), 1),
        (a_phone("139", verified_at=NOON + 1), a_phone(), ("v1.k1.139.user-1", NOON + 1), 0),
        (a_phone("139"), a_phone(), ("v1.k1.139.user-1", NOON), 0),
        (a_phone("139"), None, ("v1.k1.139.user-1", NOON), 0),
    ],
    ids=["only the younger's", "the younger's is newer", "the older's is newer", "of one time", "only the older's"],
)
async def test_the_newer_phone_stays_and_the_other_number_is_free(
    database: Database, older: NewPhone | None, younger: NewPhone | None, stays: tuple[str, int], moved: int
) -> None:
    for number, (user_id, phone) in enumerate((("user-1", older), ("user-2", younger)), 1):
        await sign_in(database, a_login(number, openid=f"openid-{number}", now=NOON + number))
        if phone is not None:
            await give(database, user_id, phone)

    merged = await merge(database, a_merge("user-1", "user-2"), RULES, undo=False)

    assert isinstance(merged, MergedRecord)
    assert merged.phones == moved
    assert await phones_of(database) == {"user-1": stays}
    assert await owners(database) == {f"k1.{stays[0].split('.')[2]}": "user-1"}


@pytest.mark.parametrize("owner", ["user-1", "user-2"])
@pytest.mark.parametrize("newer", ["user-1", "user-2"])
async def test_a_number_that_both_have_stays_owned(database: Database, owner: str, newer: str) -> None:
    for number in (1, 2):
        await sign_in(database, a_login(number, openid=f"openid-{number}", now=NOON + number))
        at = NOON + (newer == f"user-{number}")
        await give(database, f"user-{number}", a_phone(verified_at=at), unique=False)
    await give(database, owner, a_phone(verified_at=NOON + (newer == owner)), unique=True)

    await merge(database, a_merge("user-1", "user-2"), RULES, undo=False)

    assert await phones_of(database) == {"user-1": ("v1.k1.138.user-1", NOON + 1)}
    assert await owners(database) == {"k1.138": "user-1"}


async def test_a_phone_that_cannot_be_opened_goes_with_the_younger(database: Database) -> None:
    await store_two(database)
    await give(database, "user-1", a_phone("139", verified_at=NOON - 1))
    await database.fetch("UPDATE phones SET number = 'v1.k0.138.user-9' WHERE user_id = 'user-2'")

    merged = await merge(database, a_merge("user-1", "user-2"), RULES, undo=False)

    assert isinstance(merged, MergedRecord)
    assert merged.phones == 0
    assert await phones_of(database) == {"user-1": ("v1.k1.139.user-1", NOON - 1)}
    assert await owners(database) == {"k1.139": "user-1"}


async def test_proposals_with_third_users_become_the_olders(database: Database) -> None:
    await store_two(database)
    for number, at in ((6, NOON - 2 * DAY), (7, NOON + DAY), (8, NOON + DAY)):
        await sign_in(database, a_login(number, openid=f"openid-{number}", now=at))
    for older, younger in (("user-6", "user-2"), ("user-2", "user-7"), ("user-2", "user-8"), ("user-1", "user-8")):
        await database.fetch(
            "INSERT INTO merge_proposals VALUES ($1, 17, $2, $3)", f"{older}-{younger}", older, younger
        )

    merged = await merge(database, a_merge("user-1", "user-2"), RULES, undo=False)

    assert isinstance(merged, MergedRecord)
    assert merged.proposals == 2
    assert await column(database, "SELECT created_at FROM merge_proposals") == [17, 17, 17]  # when the unionid came
    rows = await database.fetch("SELECT older_id, younger_id FROM merge_proposals ORDER BY 1, 2")
    assert [tuple(row.values()) for row in rows] == [("user-1", "user-7"), ("user-1", "user-8"), ("user-6", "user-1")]


async def test_a_blank_user_is_merged_by_the_login_that_brings_the_unionid(database: Database) -> None:
    await sign_in(database, a_login(1, unionid="union-one", now=NOON - DAY))
    await sign_in(database, a_login(2, app_id="wx-two"))
    late = a_login(3, app_id="wx-two", unionid="union-one", now=NOON + 1)

    record = await sign_in(database, late, BLANK)

    assert (record.user.id, record.is_new_user, record.unionid) == ("user-1", False, "union-one")
    assert record.merged == MergedRecord("user-1", "user-2", 1, 1, 0, 0, 0, 0, ())
    assert await mentions(database, "user-2") == {}
    assert await wrong_sessions(database) == []
    assert await column(database, "SELECT COUNT(*) FROM sessions") == [3]
    [gone] = await database.fetch("SELECT reason, merged_into FROM deleted_users")
    assert dict(gone) == {"reason": 2, "merged_into": "user-1"}
    assert await column(database, "SELECT actor FROM audit_log WHERE action <> 'user_created'") == ["wechat"]


async def test_the_younger_is_merged_though_the_unionid_was_theirs(database: Database) -> None:
    await sign_in(database, a_login(1, app_id="wx-two", now=NOON - DAY))
    await sign_in(database, a_login(2, unionid="union-one"))
    record = await sign_in(database, a_login(3, app_id="wx-two", unionid="union-one", now=NOON + 1), BLANK)
    assert record.user.id == "user-1"
    assert await column(database, "SELECT user_id FROM unionids") == ["user-1"]
    assert await mentions(database, "user-2") == {}


@pytest.mark.parametrize("has", ["a profile", "a phone"])
async def test_a_user_who_is_not_blank_is_only_proposed(database: Database, has: str) -> None:
    await sign_in(database, a_login(1, unionid="union-one", now=NOON - DAY))
    await sign_in(database, a_login(2, app_id="wx-two"))
    if has == "a profile":
        await store_profile(database, "user-2", a_profile(), now=NOON)
    else:
        await give(database, "user-2", a_phone())
    record = await sign_in(database, a_login(3, app_id="wx-two", unionid="union-one", now=NOON + 1), BLANK)
    assert (record.user.id, record.merged) == ("user-2", None)
    assert await column(database, "SELECT COUNT(*) FROM merge_proposals") == [1]


async def test_logins_of_both_and_through_a_new_app_at_once_with_a_merge_lose_nothing(database: Database) -> None:
    for moment in range(0, 1000, 100):
        await database.fetch("DELETE FROM users")
        await database.fetch("DELETE FROM deleted_users")
        await store_two(database)
        apps = ("wx-one", "wx-two", "wx-three", "wx-four", "wx-new", "wx-newer")
        unionids = {"wx-two": "union-two", "wx-three": "union-two", "wx-new": "union-two", "wx-newer": "union-one"}
        logins = [
            a_login(1000 + moment + n, app_id=app_id, unionid=unionids.get(app_id), now=NOON + 1)
            for n, app_id in enumerate(apps * 2)
        ]
        signing_in = [asyncio.create_task(sign_in(database, login)) for login in logins]
        merging = [asyncio.create_task(merge(database, a_merge("user-1", "user-2"), RULES, undo=False)) for _ in "ab"]

        outcomes = await asyncio.gather(*merging)
        await asyncio.gather(*signing_in)

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["MergedRecord", "MissingUser"]
        assert await mentions(database, "user-2") == {}
        assert await wrong_sessions(database) == []
        assert await column(database, "SELECT DISTINCT user_id FROM sessions") == ["user-1"]
        assert await column(database, "SELECT COUNT(*) FROM accounts") == [6]
        assert await column(database, "SELECT COUNT(*) FROM sessions") == [5 + len(logins)]
        assert await phones_of(database) == {"user-1": ("v1.k1.138.user-1", NOON)}
