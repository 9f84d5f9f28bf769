"""All sessions of one user: to list them, and to end one or all others with an entry in the audit log."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from tortoise.expressions import Subquery

from models.accounts import Account, lock_account, lock_holder
from models.audit_log import Audited, record, recorded
from models.database import Database, Row, Steps
from models.devices import Device
from models.sessions import Session


class StoredSession(NamedTuple):
    """A row, of a live session or not. Times in epoch milliseconds."""

    token_hash: str
    user_id: str
    account_id: int
    created_at: int
    last_seen_at: int
    expires_at: int
    mac: str | None


class ListedSession(NamedTuple):
    """A row with the AppID of the mini-program that signed in, and the device."""

    session: StoredSession
    app_id: str
    device: Device


_FIELDS: Final = StoredSession._fields
_IS_THERE: Final = "SELECT user_id FROM sessions WHERE token_hash = $1"
_RETURNING: Final = f"RETURNING {', '.join(_FIELDS)}"
_END_ONE: Final = f"DELETE FROM sessions WHERE token_hash = $1 AND account_id = $2 {_RETURNING}"  # noqa: S608 - constants
_END_OTHERS: Final = f"DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2 {_RETURNING}"  # noqa: S608


async def list_sessions(database: Database, account_id: int) -> Sequence[ListedSession]:
    """Every row of the sessions of an account's user, by one statement, the one seen last first.

    By the account, which a user keeps when they are merged into another. Raises `DatabaseError`.
    """
    user = Subquery(Account.filter(id=account_id).values("user_id"))
    rows = Session.filter(user_id=user).order_by("-last_seen_at", "-created_at", "token_hash")
    columns = ("account__app_id", *Device._fields, *_FIELDS)
    found = await database.run(lambda: rows.values_list(*columns), reads=True)
    of_device = 1 + len(Device._fields)
    return [ListedSession(StoredSession(*row[of_device:]), str(row[0]), Device(*row[1:of_device])) for row in found]


async def find_session(database: Database, token_hash: str) -> StoredSession | None:
    """The row with this hash. Raises `DatabaseError`."""
    rows = Session.filter(token_hash=token_hash)
    found = await database.run(lambda: rows.values_list(*_FIELDS), reads=True)
    return StoredSession(*found[0]) if found else None


async def end_session(
    database: Database, session: StoredSession, entry: Audited, *, counts: Callable[[StoredSession], bool]
) -> bool:
    """Deletes a session, whose user it is by now; whether it was one that `counts` holds for.

    Then the entry is written too, with the user and the app of the account. Raises `DatabaseError`.
    """

    def steps() -> Steps[bool]:
        if (yield from recorded(entry.id)) is not None:  # of the same call, whose COMMIT was lost
            return True
        account = yield from lock_account(session.account_id)
        ended = yield _END_ONE, (session.token_hash, session.account_id)
        if account is None or not ended or not counts(_stored(ended[0])):
            return False
        yield from record(replace(entry, **account))
        return True

    return await database.transaction(steps)


async def end_other_sessions(
    database: Database, own: str, account_id: int, entry: Audited, *, counts: Callable[[StoredSession], bool]
) -> int | None:
    """Deletes all sessions of an account's user but the one with the hash `own`; how many of those `counts` holds for.

    None when `own` itself has ended meanwhile, perhaps by another device that did the same. If there were others, the
    entry is written too, with the user, the app of the account and their number. Raises `DatabaseError`.
    """

    def steps() -> Steps[int | None]:
        earlier = yield from recorded(entry.id)
        if earlier is not None:
            return int(earlier["count"])
        # As logins and merges do: first the account, then the user, whom all their devices share.
        locked = yield from lock_holder(account_id)
        if locked is None or not (yield _IS_THERE, (own,)):
            return None
        account, _ = locked
        ended = sum(counts(_stored(row)) for row in (yield _END_OTHERS, (account["user_id"], own)))
        if ended:
            yield from record(replace(entry, **account, detail={"count": ended}))
        return ended

    return await database.transaction(steps)


def _stored(row: Row) -> StoredSession:
    return StoredSession(*[row[name] for name in _FIELDS])
