"""Begins the export of what is kept of a user: records it, and stores the session_key that came with its code."""

from dataclasses import replace

from models.accounts import NewKey, OtherUser, find_holder, update_account
from models.audit_log import Audited, record
from models.database import Database, Steps
from models.errors import Conflict


async def begin_export(database: Database, account_id: int, key: NewKey, entry: Audited) -> str | OtherUser | None:
    """The user of an account, whose export `entry` records, if the key is of an account of theirs, which then has it.

    None when the account is gone. Raises `DatabaseError`.
    """

    def steps() -> Steps[str | OtherUser | None]:
        holder = yield from find_holder(account_id, key.app_id, key.openid)
        if not isinstance(holder, str):
            return holder
        account = yield from update_account(key, now=entry.at)
        if account is None or account["user_id"] != holder:
            msg = "the account is gone, or another user's"
            raise Conflict(msg)
        yield from record(replace(entry, user_id=holder))
        return holder

    return await database.transaction(steps)
