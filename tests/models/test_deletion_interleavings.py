"""A deletion and a login or merge of its user at one moment, switched between at each statement: nothing is left."""

from typing import Any

import pytest

from models.audit_log import AuditAction, Audited
from models.database import Database, Steps, Transaction
from models.deleted_users import DeletionReason
from models.deletion import DeletedAccount, delete_account, delete_user_for_good
from models.logins import NewSession, SignedInRecord, UnionidRules, _login
from models.merging import MergedRecord, MissingUser, merge_users
from tests.models.interleaving import every_meeting, on_patient_postgres
from tests.models.merges import RULES, a_merge, mentions, wrong_sessions
from tests.models.rows import NOON, column
from tests.models.test_merge_interleavings import LOGINS, OLDER, THIRD, YOUNGER, store_users

pytestmark = [pytest.mark.slow, on_patient_postgres]


def entry(action: AuditAction) -> Audited:
    return Audited(id=f"id-{action}", at=NOON, action=action, user_id=None, actor="user")


def deleting(user_id: str) -> Transaction[int | None]:
    deleted = entry(AuditAction.DELETED)
    return lambda: delete_user_for_good(user_id, at=NOON + 50, reason=DeletionReason.USER, entry=deleted)


def cancelling(app_id: str, openid: str) -> Transaction[DeletedAccount | None]:
    cancelled, deleted = entry(AuditAction.EVENT_CANCELLATION), entry(AuditAction.DELETED)
    return lambda: delete_account(app_id, openid, before=NOON + 5, at=NOON + 50, entry=cancelled, user_entry=deleted)


async def check_tables(database: Database) -> None:
    """No session is another user's than its account, no unionid is without an account, and all is recorded once."""
    assert await wrong_sessions(database) == []
    assert (
        await column(
            database,
            "SELECT unionid FROM unionids WHERE unionid NOT IN "
            "(SELECT unionid FROM accounts WHERE unionid IS NOT NULL)",
        )
        == []
    )
    assert await column(database, "SELECT id FROM users WHERE id NOT IN (SELECT user_id FROM accounts)") == []


@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
async def test_a_login_and_a_deletion_leave_nothing_over_wherever_they_meet(
    database: Database, login: NewSession
) -> None:
    met = 0
    async for record, at in every_meeting(
        database, store_users, lambda: _login(login, UnionidRules()), deleting(YOUNGER)
    ):
        assert isinstance(record, SignedInRecord)
        assert at == NOON + 50
        await check_tables(database)
        assert await mentions(database, YOUNGER) == {}
        assert await column(database, "SELECT user_id FROM deleted_users") == [YOUNGER]
        assert await column(database, "SELECT COUNT(*) FROM audit_log WHERE action = 'deleted'") == [1]
        # Of the others nothing has gone, and what the login has stored is there unless it was the user's.
        others = await column(database, "SELECT COUNT(*) FROM accounts WHERE user_id IN ($1, $2)", OLDER, THIRD)
        assert others[0] in {4, 5}
        session = await column(database, "SELECT user_id FROM sessions WHERE token_hash = $1", login.token_hash)
        assert session == ([] if record.user.id == YOUNGER else [record.user.id])
        met += 1
    assert met > 8


async def test_a_login_and_a_deletion_of_its_user_never_begin_again(database: Database) -> None:
    """The one that comes second waits: without the locks of accounts, the two would wait for each other."""
    begun = 0

    def counted(transaction: Transaction[Any]) -> Transaction[Any]:
        def begin() -> Steps[Any]:
            nonlocal begun
            begun += 1
            return transaction()

        return begin

    signing_in = counted(lambda: _login(LOGINS["of the younger"], UnionidRules()))
    meetings = [
        returned async for returned in every_meeting(database, store_users, signing_in, counted(deleting(YOUNGER)))
    ]
    # And once more each, to find that it has no more statements.
    assert begun == 2 * len(meetings) + 2


async def test_a_merge_and_a_deletion_of_the_younger_do_one_of_both(database: Database) -> None:
    what, seen = a_merge(OLDER, YOUNGER), set()
    async for merged, at in every_meeting(database, store_users, lambda: merge_users(what, RULES), deleting(YOUNGER)):
        await check_tables(database)
        assert await mentions(database, YOUNGER) == {}
        is_merged = isinstance(merged, MergedRecord)
        assert (merged, at) == ((merged, None) if is_merged else (MissingUser(YOUNGER), NOON + 50))
        assert await column(database, "SELECT merged_into FROM deleted_users") == [OLDER if is_merged else None]
        assert await column(database, "SELECT COUNT(*) FROM accounts") == [7 if is_merged else 4]
        seen.add(is_merged)
    assert seen == {True, False}


async def test_a_merge_and_a_deletion_of_the_older_delete_what_was_merged(database: Database) -> None:
    what, seen = a_merge(OLDER, YOUNGER), set()
    async for merged, at in every_meeting(database, store_users, lambda: merge_users(what, RULES), deleting(OLDER)):
        await check_tables(database)
        assert at == NOON + 50
        assert await mentions(database, OLDER) == {}
        is_merged = isinstance(merged, MergedRecord)
        assert is_merged or merged == MissingUser(OLDER)
        assert await column(database, "SELECT id FROM users ORDER BY 1") == ([THIRD] if is_merged else [YOUNGER, THIRD])
        seen.add(is_merged)
    assert seen == {True, False}


async def test_two_deletions_of_a_user_delete_once(database: Database) -> None:
    async for times in every_meeting(database, store_users, deleting(YOUNGER), deleting(YOUNGER)):
        assert times == [NOON + 50] * 2
        await check_tables(database)
        assert await column(database, "SELECT COUNT(*) FROM deleted_users") == [1]


@pytest.mark.parametrize("name", ["of the younger", "new, by a unionid", "late, of the older", "late, free"])
async def test_a_login_and_the_end_of_its_account_leave_no_half(database: Database, name: str) -> None:
    login = LOGINS[name]
    ending = cancelling("wx-one", "openid-two")
    async for record, ended in every_meeting(database, store_users, lambda: _login(login, UnionidRules()), ending):
        await check_tables(database)
        assert ended == DeletedAccount(YOUNGER, is_user_deleted=False)
        is_new = record.user.id == login.user_id
        session = await column(database, "SELECT user_id FROM sessions WHERE token_hash = $1", login.token_hash)
        is_of_account = name != "new, by a unionid"
        assert session == ([] if is_of_account and record.user.id == YOUNGER else [record.user.id])
        left = await column(database, "SELECT user_id FROM accounts WHERE openid = 'openid-two' AND app_id = 'wx-one'")
        assert left == ([record.user.id] if is_of_account and session else [])
        assert not is_new or is_of_account


async def test_the_end_of_an_account_and_a_deletion_of_its_user_delete_it_once(database: Database) -> None:
    ending = cancelling("wx-one", "openid-two")
    seen = set()
    async for ended, at in every_meeting(database, store_users, ending, deleting(YOUNGER)):
        await check_tables(database)
        assert at == NOON + 50
        assert ended in (None, DeletedAccount(YOUNGER, is_user_deleted=False))
        assert await mentions(database, YOUNGER) == {}
        seen.add(ended is None)
    assert seen == {True, False}


async def test_the_end_of_an_account_and_a_merge_of_its_user_leave_it_gone(database: Database) -> None:
    what, ending = a_merge(OLDER, YOUNGER), cancelling("wx-one", "openid-two")
    seen = set()
    async for merged, ended in every_meeting(database, store_users, lambda: merge_users(what, RULES), ending):
        await check_tables(database)
        assert isinstance(merged, MergedRecord)
        assert ended is not None
        assert await column(database, "SELECT COUNT(*) FROM accounts WHERE user_id = $1", OLDER) == [4]
        seen.add(ended.user_id)
    assert seen == {OLDER, YOUNGER}
