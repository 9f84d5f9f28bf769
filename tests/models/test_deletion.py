"""What a deletion removes and keeps, of a user and of one of their accounts."""

import asyncio
import json

import pytest

from models.audit_log import AuditAction, Audited
from models.database import Database
from models.deleted_users import DeletionReason
from models.deletion import DeletedAccount, delete_account, delete_user_for_good
from models.logins import sign_in
from models.merging import merge
from models.profiles import store_profile
from tests.models.merges import RULES, a_merge, mentions
from tests.models.rows import DAY, NOON, a_login, a_profile, column


def entry(number: int = 1, action: AuditAction = AuditAction.DELETED) -> Audited:
    return Audited(id=f"entry-{number}", at=NOON, action=action, user_id=None, actor="user", detail={"number": number})


async def delete(database: Database, user_id: str, *, at: int = NOON, number: int = 1) -> int | None:
    steps = {"at": at, "reason": DeletionReason.USER, "entry": entry(number)}
    return await database.transaction(lambda: delete_user_for_good(user_id, **steps))  # type: ignore[arg-type]


async def cancel(database: Database, app_id: str, openid: str, *, before: int = NOON) -> DeletedAccount | None:
    entries = {"entry": entry(8, AuditAction.EVENT_CANCELLATION), "user_entry": entry(9)}
    return await database.transaction(lambda: delete_account(app_id, openid, before=before, at=NOON + 7, **entries))


async def actions(database: Database) -> list[object]:
    return await column(database, "SELECT action FROM audit_log WHERE action <> 'user_created' ORDER BY action")


@pytest.fixture
async def users(database: Database) -> Database:
    """One user of two mini-programs and a third account, proposed for a merge with another; and a third user."""
    await sign_in(database, a_login(1, openid="openid-one", unionid="union-one", now=NOON - DAY))
    await sign_in(database, a_login(2, openid="openid-two", app_id="wx-two", unionid="union-one", now=NOON - DAY))
    await sign_in(database, a_login(3, openid="openid-three", app_id="wx-three", unionid="union-one", now=NOON - DAY))
    await sign_in(database, a_login(4, openid="openid-bob", now=NOON))
    await sign_in(database, a_login(5, openid="openid-carol", app_id="wx-two", unionid="union-carol", now=NOON))
    await sign_in(database, a_login(6, openid="openid-bob", unionid="union-one", now=NOON))
    await store_profile(database, "user-1", a_profile("Alice"), now=NOON)
    assert await column(database, "SELECT id FROM users ORDER BY 1") == ["user-1", "user-4", "user-5"]
    assert await column(database, "SELECT COUNT(*) FROM merge_proposals") == [1]
    return database


async def test_a_deletion_leaves_nothing_of_the_user(users: Database) -> None:
    assert await delete(users, "user-1") == NOON

    for text in ("user-1", "openid-one", "openid-two", "openid-three", "Alice", "token-1", "sealed A by 1"):
        assert await mentions(users, text) == {}, text
    # The other account that has it by now.
    assert await mentions(users, "union-one") == {"accounts": 1}
    assert await column(users, "SELECT id FROM users ORDER BY 1") == ["user-4", "user-5"]
    assert await column(users, "SELECT COUNT(*) FROM sessions") == [3]
    [gone] = await users.fetch("SELECT user_id, at, reason, merged_into FROM deleted_users")
    assert dict(gone) == {"user_id": "user-1", "at": NOON, "reason": 1, "merged_into": None}
    [deleted] = await users.fetch("SELECT user_id, actor, detail FROM audit_log WHERE action = 'deleted'")
    assert (deleted["user_id"], deleted["actor"], json.loads(deleted["detail"])) == ("user-1", "user", {"number": 1})


async def test_a_second_deletion_finds_the_time_of_the_first_and_writes_nothing(users: Database) -> None:
    times = [await delete(users, "user-1", at=NOON + number, number=number) for number in range(3)]
    assert times == [NOON] * 3
    assert await actions(users) == ["deleted", "merge_proposed"]
    assert await column(users, "SELECT COUNT(*) FROM deleted_users") == [1]


async def test_of_many_deletions_at_once_one_deletes_and_all_return_its_time(users: Database) -> None:
    times = await asyncio.gather(*[delete(users, "user-1", at=NOON + n, number=n) for n in range(20)])
    assert await column(users, "SELECT at FROM deleted_users") == [times[0]]
    assert set(times) == {times[0]}
    assert await actions(users) == ["deleted", "merge_proposed"]


async def test_a_user_who_never_was_is_not_deleted(users: Database) -> None:
    assert await delete(users, "user-9") is None
    assert await column(users, "SELECT COUNT(*) FROM deleted_users") == [0]


async def test_a_user_who_was_merged_is_deleted_when_the_older_is(users: Database) -> None:
    await merge(users, a_merge("user-1", "user-4"), RULES, undo=False)
    assert await delete(users, "user-4") is None, "the older user is there"
    assert await delete(users, "user-1", at=NOON + 5) == NOON + 5
    assert await delete(users, "user-4", at=NOON + 9) == NOON + 5


async def test_a_login_after_a_deletion_makes_a_new_user(users: Database) -> None:
    await delete(users, "user-1")
    record = await sign_in(users, a_login(10, openid="openid-one", unionid="union-new", now=NOON + 1))
    assert (record.user.id, record.is_new_user, record.user.nick_name) == ("user-10", True, "")
    # Its unionid shows another account to be theirs.
    record = await sign_in(users, a_login(11, openid="openid-two", app_id="wx-two", unionid="union-new", now=NOON + 1))
    assert (record.user.id, record.is_new_user) == ("user-10", False)


async def test_an_account_goes_alone_while_the_user_has_another(users: Database) -> None:
    deleted = [await cancel(users, "wx-two", "openid-two") for _ in range(2)]

    assert deleted == [DeletedAccount("user-1", is_user_deleted=False), None]
    assert await mentions(users, "openid-two") == await mentions(users, "token-2") == {}
    assert await column(users, "SELECT app_id FROM accounts WHERE user_id = 'user-1' ORDER BY 1") == [
        "wx-one",
        "wx-three",
    ]
    assert await column(users, "SELECT user_id FROM unionids WHERE unionid = 'union-one'") == ["user-1"]
    assert await column(users, "SELECT COUNT(*) FROM deleted_users") == [0]
    assert await actions(users) == ["event_cancellation", "merge_proposed"]
    assert await column(users, "SELECT user_id FROM audit_log WHERE action = 'event_cancellation'") == ["user-1"]


async def test_a_unionid_goes_with_the_last_account_that_has_it(users: Database) -> None:
    await users.fetch("UPDATE accounts SET unionid = NULL WHERE user_id <> 'user-5' AND app_id <> 'wx-two'")
    await cancel(users, "wx-two", "openid-two")
    assert await mentions(users, "union-one") == {}
    assert await column(users, "SELECT unionid FROM unionids") == ["union-carol"]


async def test_with_the_last_account_the_user_goes(users: Database) -> None:
    deleted = await cancel(users, "wx-two", "openid-carol")
    assert deleted == DeletedAccount("user-5", is_user_deleted=True)
    assert await mentions(users, "user-5") == await mentions(users, "union-carol") == {}
    [gone] = await users.fetch("SELECT user_id, at, reason FROM deleted_users")
    assert dict(gone) == {"user_id": "user-5", "at": NOON + 7, "reason": 2}
    assert await actions(users) == ["deleted", "event_cancellation", "merge_proposed"]


async def test_an_account_made_since_then_stays(users: Database) -> None:
    assert await cancel(users, "wx-two", "openid-carol", before=NOON - 1) is None
    assert await cancel(users, "wx-two", "openid-unknown") is None
    assert await column(users, "SELECT COUNT(*) FROM accounts") == [5]
    assert await actions(users) == ["merge_proposed"]
