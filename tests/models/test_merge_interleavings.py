"""A login and a merge of its user at one moment, switched between at each statement: neither loses anything."""

from dataclasses import replace
from typing import Final

import pytest

from models.database import Database
from models.logins import NewSession, UnionidRules, _login, sign_in
from models.merging import merge_users
from tests.models.interleaving import every_meeting, on_patient_postgres
from tests.models.merges import RULES, a_merge, mentions, wrong_sessions
from tests.models.rows import NOON, a_login, column

pytestmark = [pytest.mark.slow, on_patient_postgres]

OLDER: Final = "user-1"
YOUNGER: Final = "user-2"
THIRD: Final = "user-3"

LOGINS: Final = {
    "of the younger": a_login(9, openid="openid-two"),
    "of the older": a_login(9, openid="openid-one"),
    "new, by a unionid": a_login(9, app_id="wx-new", unionid="union-two"),
    "new, by an account": a_login(9, app_id="wx-new", unionid="union-of-account"),
    "late, free": a_login(9, openid="openid-two", unionid="union-free"),
    "late, of the older": a_login(9, openid="openid-two", unionid="union-one"),
    "late, of the younger": a_login(9, openid="openid-one", unionid="union-two"),
    "late, of a third to the younger": a_login(9, openid="openid-two", unionid="union-three"),
    "late, of the younger to a third": a_login(9, openid="openid-three", unionid="union-two"),
}


async def store_users(database: Database) -> None:
    """Three users with a unionid, which their accounts in `wx-one` lack; an account of the second has another one."""
    for table in ("users", "audit_log", "deleted_users"):
        await database.fetch(f"DELETE FROM {table}")  # noqa: S608
    for number, name in enumerate(("one", "two", "three"), 1):
        for place, app_id in enumerate(("wx-two", "wx-one", "wx-old")[: 3 if name == "two" else 2]):
            login = a_login(number + 10 * place, app_id=app_id, openid=f"openid-{name}", unionid=f"union-{name}")
            await sign_in(database, replace(login, now=NOON + number))
    await database.fetch("UPDATE accounts SET unionid = NULL WHERE app_id = 'wx-one'")
    await database.fetch("UPDATE accounts SET unionid = 'union-of-account' WHERE app_id = 'wx-old'")
    assert await column(database, "SELECT id FROM users ORDER BY 1") == [OLDER, YOUNGER, THIRD]


async def check(database: Database, login: NewSession) -> None:
    """All that the login and the merge wrote is there, and nothing is the younger user's."""
    assert await mentions(database, YOUNGER) == {}
    assert await wrong_sessions(database) == []
    [session] = await column(database, "SELECT user_id FROM sessions WHERE token_hash = $1", login.token_hash)
    assert session == (THIRD if login.key.openid == "openid-three" else OLDER)
    assert await column(database, "SELECT COUNT(*) FROM accounts") == [8 if login.key.app_id == "wx-new" else 7]
    assert await column(database, "SELECT COUNT(*) FROM sessions") == [8]
    assert await column(database, "SELECT user_id FROM deleted_users") == [YOUNGER]
    if login.key.unionid is not None:
        owner = await column(database, "SELECT user_id FROM unionids WHERE unionid = $1", login.key.unionid)
        assert owner == [THIRD if login.key.unionid == "union-three" else OLDER]
    proposed = await database.fetch("SELECT older_id, younger_id FROM merge_proposals")
    is_of_third = "three" in f"{login.key.unionid} {login.key.openid}"
    assert [tuple(row.values()) for row in proposed] == ([(OLDER, THIRD)] if is_of_third else [])


@pytest.mark.parametrize("is_blank", [False, True], ids=["proposed", "merged"])
@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
async def test_a_login_and_a_merge_lose_nothing_wherever_they_meet(
    database: Database, login: NewSession, is_blank: bool
) -> None:
    what = a_merge(OLDER, YOUNGER)
    is_of_third = "three" in f"{login.key.unionid} {login.key.openid}"
    rules = UnionidRules(merging=RULES if is_blank and not is_of_third else None)
    signing_in, merging = lambda: _login(login, rules), lambda: merge_users(what, RULES)
    met = 0
    async for _ in every_meeting(database, store_users, signing_in, merging):
        await check(database, login)
        met += 1
    assert met > 15
