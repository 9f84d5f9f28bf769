"""Which accounts are one user's: what the table `unionids` and the proposals hold after logins."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from models.database import Database
from models.logins import UnionidRules, sign_in
from models.migrate import migrate
from tests.models.earlier_schemas import apply
from tests.models.rows import DAY, MINUTE, NOON, a_login, column, stored

REPLACE = UnionidRules(replace=True)
EARLIER_ACCOUNT = """
INSERT INTO accounts (app_id, openid, unionid, session_key, session_key_fingerprint, session_key_at,
                      created_at, updated_at, user_id) VALUES ($1, 'openid', $2, '', '', 1, 1, 1, $3)"""
EARLIER_USER = """
INSERT INTO users (id, nick_name, avatar_url, gender, city, province, country, language, created_at, updated_at)
VALUES ($1, '', '', 0, '', '', '', '', 1, 1)"""


async def owners(database: Database) -> dict[str, str]:
    """The user of each unionid."""
    return {row["unionid"]: row["user_id"] for row in await database.fetch("SELECT * FROM unionids")}


async def proposals(database: Database) -> list[tuple[str, str]]:
    """Pairs of the older and the younger user."""
    rows = await database.fetch("SELECT older_id, younger_id FROM merge_proposals ORDER BY 1, 2")
    return [(row["older_id"], row["younger_id"]) for row in rows]


async def audited(database: Database) -> list[tuple[str, str, Any]]:
    """Action, user and detail of each entry, but for those of new users."""
    rows = await database.fetch("SELECT * FROM audit_log WHERE action <> 'user_created' ORDER BY at, action")
    assert {row["actor"] for row in rows} <= {"wechat"}
    assert not [row for row in rows if "union-" in str(dict(row)) or "openid" in row["detail"]]
    return [(row["action"], row["user_id"], json.loads(row["detail"])) for row in rows]


async def test_a_first_login_claims_the_unionid_and_others_find_its_user(database: Database) -> None:
    await sign_in(database, a_login(1, unionid="union-alice"))
    there = await sign_in(database, a_login(2, app_id="wx-two", openid="openid-there", unionid="union-alice"))

    assert await owners(database) == {"union-alice": "user-1"}
    assert (there.user.id, there.is_new_user) == ("user-1", False)


async def test_a_login_without_unionid_claims_none(database: Database) -> None:
    await sign_in(database, a_login(1))
    assert await owners(database) == {}


async def test_first_logins_of_one_user_through_many_apps_at_once_make_one_user(database: Database) -> None:
    logins = [a_login(n, app_id=f"wx-{n % 4}", openid=f"openid-{n % 4}", unionid="union-alice") for n in range(12)]

    records = await asyncio.gather(*[sign_in(database, login) for login in logins])

    [user_id] = await column(database, "SELECT id FROM users")
    assert {record.user.id for record in records} == {user_id}
    assert [record.is_new_user for record in records].count(True) == 1
    assert await owners(database) == {"union-alice": user_id}
    assert await column(database, "SELECT COUNT(*) FROM accounts") == [4]


async def test_an_account_of_the_version_before_leads_to_its_user(database: Database) -> None:
    await database.fetch(EARLIER_USER, "earlier")
    await database.fetch(EARLIER_ACCOUNT, "wx-one", "union-alice", "earlier")

    there = await sign_in(database, a_login(2, app_id="wx-two", unionid="union-alice"))

    assert there.user.id == "earlier"
    assert await owners(database) == {"union-alice": "earlier"}


async def test_a_late_unionid_that_is_free_is_claimed(database: Database) -> None:
    record = await stored(database, a_login(1), a_login(2, unionid="union-alice"))

    assert record.unionid == "union-alice"
    assert await owners(database) == {"union-alice": "user-1"}
    assert await proposals(database) == []


async def test_a_late_unionid_of_the_same_user_is_stored(database: Database) -> None:
    await sign_in(database, a_login(1, unionid="union-alice"))
    await sign_in(database, a_login(2, app_id="wx-two", unionid="union-alice"))
    await database.fetch("UPDATE accounts SET unionid = NULL WHERE app_id = 'wx-two'")

    record = await sign_in(database, a_login(3, app_id="wx-two", unionid="union-alice"))

    assert (record.user.id, record.unionid) == ("user-1", "union-alice")
    assert await column(database, "SELECT DISTINCT unionid FROM accounts") == ["union-alice"]
    assert await proposals(database) == []


async def test_a_late_unionid_of_another_user_proposes_to_merge_the_two_once(database: Database) -> None:
    await sign_in(database, a_login(1, openid="openid-there", app_id="wx-two", now=NOON - DAY))
    await sign_in(database, a_login(2, unionid="union-alice"))
    for number in (3, 4):
        there = a_login(number, openid="openid-there", app_id="wx-two", unionid="union-alice", now=NOON + MINUTE)
        record = await sign_in(database, there)
        assert (record.user.id, record.unionid, record.is_new_user) == ("user-1", "union-alice", False)

    assert await owners(database) == {"union-alice": "user-2"}
    # The user of the unionid is the younger one here.
    assert await proposals(database) == [("user-1", "user-2")]
    assert await audited(database) == [("merge_proposed", "user-1", {"younger": "user-2"})]


async def test_of_users_as_old_as_each_other_the_smaller_id_is_the_older(database: Database) -> None:
    await sign_in(database, a_login(2, unionid="union-alice"))
    await stored(database, a_login(1, app_id="wx-two"), a_login(3, app_id="wx-two", unionid="union-alice"))
    assert await proposals(database) == [("user-1", "user-2")]


async def test_a_late_unionid_that_only_an_earlier_account_has_is_its_users(database: Database) -> None:
    await database.fetch(EARLIER_USER, "earlier")
    await database.fetch(EARLIER_ACCOUNT, "wx-two", "union-alice", "earlier")

    record = await stored(database, a_login(1), a_login(2, unionid="union-alice"))

    assert record.user.id == "user-1"
    assert await owners(database) == {"union-alice": "earlier"}
    assert await proposals(database) == [("earlier", "user-1")]


async def test_late_unionids_that_come_crosswise_at_once_lose_nothing(database: Database) -> None:
    for moment in range(5):
        one, two = f"wx-one-{moment}", f"wx-two-{moment}"
        await sign_in(database, a_login(100 + moment, app_id=one))
        await sign_in(database, a_login(200 + moment, app_id=two))
        at_once = [
            a_login(300 + 10 * moment + number, app_id=app_id, unionid=f"union-{moment}")
            for number, app_id in enumerate((one, two) * 3)
        ]
        await asyncio.gather(*[sign_in(database, login) for login in at_once])
        assert (f"user-{100 + moment}", f"user-{200 + moment}") in await proposals(database)
    assert await column(database, "SELECT COUNT(*) FROM sessions") == [40]


async def test_a_changed_unionid_is_kept_unless_it_is_to_be_replaced(database: Database) -> None:
    await sign_in(database, a_login(1, unionid="union-alice"))
    changed = a_login(2, unionid="union-other")

    assert (await sign_in(database, changed)).unionid == "union-alice"
    assert await owners(database) == {"union-alice": "user-1"}

    record = await sign_in(database, replace(changed, token_hash="token-3"), REPLACE)
    assert (record.unionid, record.user.id) == ("union-other", "user-1")
    assert await owners(database) == {"union-other": "user-1"}
    assert await column(database, "SELECT unionid FROM accounts") == ["union-other"]
    assert await audited(database) == [("unionid_changed", "user-1", {"account": record.account_id})]


async def test_a_replaced_unionid_stays_the_users_while_another_account_has_it(database: Database) -> None:
    await sign_in(database, a_login(1, unionid="union-alice"))
    await sign_in(database, a_login(2, app_id="wx-two", unionid="union-alice"))
    await sign_in(database, a_login(3, unionid="union-other"), REPLACE)
    assert await owners(database) == {"union-alice": "user-1", "union-other": "user-1"}


async def test_a_replacing_unionid_of_another_user_proposes_a_merge(database: Database) -> None:
    await sign_in(database, a_login(1, unionid="union-alice"))
    await sign_in(database, a_login(2, app_id="wx-two", unionid="union-bob", now=NOON + 1))

    record = await sign_in(database, a_login(3, unionid="union-bob", now=NOON + 2), REPLACE)

    assert record.user.id == "user-1"
    assert await owners(database) == {"union-bob": "user-2"}
    assert await proposals(database) == [("user-1", "user-2")]
    assert [action for action, _, _ in await audited(database)] == ["merge_proposed", "unionid_changed"]


async def test_a_migration_leaves_users_of_one_unionid_two_and_names_the_older_account(database_url: str) -> None:
    await apply(database_url, "models.migrations", upto="0004_audit_log")
    async with Database(database_url) as database:
        for number, (user_id, unionid) in enumerate((("b", "one"), ("a", "one"), ("a", "two"), ("c", None))):
            if number != 2:
                await database.fetch(EARLIER_USER, user_id)
            await database.fetch(EARLIER_ACCOUNT, f"wx-{number}", unionid, user_id)
    await migrate(database_url)
    async with Database(database_url) as database:
        assert await owners(database) == {"one": "b", "two": "a"}
        known = [await sign_in(database, a_login(n, app_id=f"wx-{n}", openid="openid", unionid="one")) for n in (0, 1)]
        assert [record.user.id for record in known] == ["b", "a"]
        third = await sign_in(database, a_login(9, app_id="wx-nine", unionid="one"))
        assert third.user.id == "b"
