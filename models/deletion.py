"""Deletes a user and all that is kept of them, or one of their accounts, at once and for good.

One transaction, beside which the user may sign in, submit, be merged and be deleted once more. It locks in the order
of all transactions, the accounts and then the user. What had come to the user before goes with them: DELETE waits for
whatever still refers to their row, and cascades over it. A login that waited for its account finds none, one that
waited for the user begins again, and both make a new user. A submission that waited changes no row.

What remains are the user's row in the feed of users that are gone and their entries in the audit log: a random id,
times and enumerations; and the names of files until those are deleted.
"""

from dataclasses import replace
from typing import Final, NamedTuple

from models.accounts import (
    OtherUser,
    delete_account_row,
    find_account,
    find_holder,
    has_other_accounts,
    lock_accounts,
)
from models.audit_log import Audited, record, recorded
from models.database import Database, Steps
from models.deleted_users import DeletionReason, find_deletion, record_deletion
from models.errors import Conflict
from models.pictures import free_pictures
from models.unionids import drop_unused_unionid
from models.uploads import free_uploads
from models.users import delete_user, lock_user, require_user

# Later than any time of a row.
_EVER: Final = 2**63 - 1


class Deletion(NamedTuple):
    """Who was deleted and when, in epoch milliseconds; and whether by this call or by another one of the moment."""

    user_id: str
    at: int
    is_own: bool


class DeletedAccount(NamedTuple):
    """Whose account it was, and whether it was their last one, so that they are gone too."""

    user_id: str
    is_user_deleted: bool


async def delete_holder(
    database: Database, account_id: int, user_id: str, *, app_id: str, openid: str, entry: Audited
) -> Deletion | OtherUser | None:
    """Deletes the user of an account, if the openid is theirs, at the time of `entry`, which is recorded.

    `user_id` is whose it was a moment ago: if both are gone it is their deletion that is returned, and None if only the
    account is. Raises `DatabaseError`.
    """

    def steps() -> Steps[Deletion | OtherUser | None]:
        holder = yield from find_holder(account_id, app_id, openid)
        if isinstance(holder, OtherUser):
            return holder
        if holder is None:
            at = yield from find_deletion(user_id)
        else:
            at = yield from delete_user_for_good(holder, at=entry.at, reason=DeletionReason.USER, entry=entry)
            if at is None:
                msg = "the user was merged into another"
                raise Conflict(msg)
        is_own = (yield from recorded(entry.id)) is not None
        return None if at is None else Deletion(holder or user_id, at, is_own)

    return await database.transaction(steps)


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
    yield from free_uploads(user_id, now=at)
    yield from free_pictures(user_id, before=_EVER, now=at)
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
    account = yield from find_account(app_id, openid)
    if account is None or account["created_at"] > before:
        return None
    account_id, user_id = account["id"], account["user_id"]
    yield from lock_accounts(user_id)
    yield from require_user(user_id)
    is_last = not (yield from has_other_accounts(user_id, account_id))
    deleted = yield from delete_account_row(account_id, user_id)
    if deleted is None:
        msg = "the account is gone, or another user's"
        raise Conflict(msg)
    yield from record(replace(entry, user_id=user_id))
    if is_last:
        yield from delete_user_for_good(user_id, at=at, reason=DeletionReason.WECHAT, entry=user_entry)
    elif deleted["unionid"] is not None:
        yield from drop_unused_unionid(deleted["unionid"])
    return DeletedAccount(user_id, is_last)
