"""All sessions of one user: to list them, and to end one or all others with an entry in the audit log."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from models.audit_log import Audited, record, recorded
from models.database import Database, Steps
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
_APP_OF: Final = "SELECT app_id FROM accounts WHERE id = $1"
_RETURNING: Final = f"RETURNING {', '.join(_FIELDS)}"
_END_ONE: Final = f"DELETE FROM sessions WHERE user_id = $1 AND token_hash = $2 {_RETURNING}"  # noqa: S608 - constants
_END_OTHERS: Final = f"DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2 {_RETURNING}"  # noqa: S608


async def list_sessions(database: Database, user_id: str) -> Sequence[ListedSession]:
    """Every row of a user's sessions, by one statement, the one seen last first. Raises `DatabaseError`."""
    rows = Session.filter(user_id=user_id).order_by("-last_seen_at", "-created_at", "token_hash")
    columns = ("account__app_id", *Device._fields, *_FIELDS)
    found = await database.run(lambda: rows.values_list(*columns), reads=True)
    of_device = 1 + len(Device._fields)
    return [ListedSession(StoredSession(*row[of_device:]), str(row[0]), Device(*row[1:of_device])) for row in found]


async def find_session(database: Database, token_hash: str) -> StoredSession | None:
    """The row with this hash. Raises `DatabaseError`."""
    rows = Session.filter(token_hash=token_hash)
    found = await database.run(lambda: rows.values_list(*_FIELDS), reads=True)
    return StoredSession(*found[0]) if found else None


async def end_sessions(
    database: Database,
    user_id: str,
    token_hash: str,
    account_id: int,
    entry: Audited,
    *,
    others: bool = False,
    counts: Callable[[StoredSession], bool],
) -> int:
    """Deletes a user's session with this hash, or all `others`; how many it deleted of those that `counts` holds for.

    If there was one of those, the entry is written too: with the app of the account, and of others with their number.
    Raises `DatabaseError`.
    """
    sql = _END_OTHERS if others else _END_ONE

    def steps() -> Steps[int]:
        earlier = yield from recorded(entry.id)
        if earlier is not None:  # of the same call, whose COMMIT was lost
            return int(earlier.get("count", 1))
        rows = yield sql, (user_id, token_hash)
        ended = sum(counts(StoredSession(*[row[name] for name in _FIELDS])) for row in rows)
        if ended:
            [account] = yield _APP_OF, (account_id,)
            detail = {"count": ended} if others else {}
            yield from record(replace(entry, app_id=account["app_id"], detail=detail))
        return ended

    return await database.transaction(steps)
