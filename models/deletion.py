"""Deletes a user and all that is kept of them, or one of their accounts, at once and for good.

One transaction, beside which the user may sign in, submit, be merged and be deleted once more. It locks in the order
of all transactions, the accounts and then the user. What had come to the user before goes with them: DELETE waits for
whatever still refers to their row, and cascades over it. A login that waited for its account finds none, one that
waited for the user begins again, and both make a new user. A submission that waited changes no row.

What remains are the user's row in the feed of users that are gone and their entries in the audit log: a random id,
times and enumerations.
"""

from dataclasses import replace
from typing import Final, NamedTuple

from models.accounts import lock_accounts
from models.audit_log import Audited, record
from models.database import Steps
from models.deleted_users import DeletionReason, find_deletion, record_deletion
from models.errors import Conflict
from models.unionids import drop_unused_unionid
from models.users import delete_user, lock_user

_FIND_ACCOUNT: Final = "SELECT id, user_id, created_at FROM accounts WHERE app_id = $1 AND openid = $2"
_HAS_OTHER_ACCOUNTS: Final = "SELECT 1 AS one FROM accounts WHERE user_id = $1 AND id <> $2 LIMIT 1"
# Only while it is the user's whose row is locked.
_DELETE_ACCOUNT: Final = "DELETE FROM accounts WHERE id = $1 AND user_id = $2 RETURNING unionid"


class DeletedAccount(NamedTuple):
    """Whose account it was, and whether it was their last one, so that they are gone too."""

    user_id: str
    is_user_deleted: bool


def delete_user_for_good(user_id: str, *, at: int, reason: DeletionReason, entry: Audited) -> Steps[int | None]:
    """Deletes a user, appends them to the feed and records `entry` as theirs; returns when that was done.

    That is `at`, or earlier if another transaction did it: then nothing is written, no more than when the same one runs
    again. Of a user who was merged it is when their successor was deleted; None if that one is there, or no user ever
    was. Times in epoch milliseconds.
    """
    yield from lock_accounts(user_id)
    if (yield from lock_user(user_id)) is None:
        return (yield from find_deletion(user_id))
    yield from record_deletion(user_id, at=at, reason=reason)
    yield from delete_user(user_id)
    yield from record(replace(entry, user_id=user_id))
    return at


def delete_account(
    app_id: str, openid: str, *, before: int, at: int, entry: Audited, user_entry: Audited
) -> Steps[DeletedAccount | None]:
    """Deletes an account with its sessions because WeChat wants it, and with a last account the user.

    None where there is no such account, or one that was made after `before`, by a user who came back. `entry` is
    recorded of the account's user, and `user_entry` when they go too. Times in epoch milliseconds.
    """
    rows = yield _FIND_ACCOUNT, (app_id, openid)
    if not rows or rows[0]["created_at"] > before:
        return None
    account_id, user_id = rows[0]["id"], rows[0]["user_id"]
    yield from lock_accounts(user_id)
    if (yield from lock_user(user_id)) is None:
        msg = "the user is gone"
        raise Conflict(msg)
    is_last = not (yield _HAS_OTHER_ACCOUNTS, (user_id, account_id))
    deleted = yield _DELETE_ACCOUNT, (account_id, user_id)
    if not deleted:
        msg = "the account is gone, or another user's"
        raise Conflict(msg)
    yield from record(replace(entry, user_id=user_id))
    if is_last:
        yield from delete_user_for_good(user_id, at=at, reason=DeletionReason.WECHAT, entry=user_entry)
    elif deleted[0]["unionid"] is not None:
        yield from drop_unused_unionid(deleted[0]["unionid"])
    return DeletedAccount(user_id, is_last)
