"""The MACs of sessions, by the hundred: to count them, and to replace them when their key or their user does."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, NamedTuple

from models.database import Database, Steps
from models.sessions import Session


class SignedSession(NamedTuple):
    """The MAC of one session, and what it is made of."""

    token_hash: str
    user_id: str
    account_id: int
    created_at: int
    mac: str


# Only while the row is as it was read.
_AS_IT_WAS: Final = "WHERE token_hash = $1 AND user_id = $2 AND account_id = $3 AND created_at = $4 AND mac = $5"
_REPLACE: Final = f"UPDATE sessions SET mac = $6 {_AS_IT_WAS} RETURNING token_hash"  # noqa: S608 - constants only
_DELETE: Final = f"DELETE FROM sessions {_AS_IT_WAS} RETURNING token_hash"  # noqa: S608

_OF_USER: Final = "SELECT token_hash, user_id, account_id, created_at, mac FROM sessions WHERE user_id = $1"
_MOVE: Final = "UPDATE sessions SET user_id = $2, mac = $3 WHERE token_hash = $1"
_DROP: Final = "DELETE FROM sessions WHERE token_hash = $1"


async def read_signed(database: Database, *, batch: int = 500) -> AsyncIterator[Sequence[SignedSession]]:
    """Every session that has a MAC, some hundred at a time. Raises `DatabaseError`."""
    columns, signed, after = SignedSession._fields, Session.filter(mac__isnull=False).order_by("token_hash"), ""
    while page := await database.run(
        lambda: signed.filter(token_hash__gt=after).limit(batch).values_list(*columns),  # noqa: B023
        reads=True,
    ):
        yield [SignedSession._make(row) for row in page]
        after = page[-1][0]


async def replace_macs(database: Database, new: Sequence[tuple[SignedSession, str | None]]) -> tuple[int, int]:
    """Stores new MACs of sessions, in one transaction; one that gets None is deleted.

    How many were replaced and deleted: those that were as they had been read. Raises `DatabaseError`.
    """
    return await database.transaction(lambda: _replace(new)) if new else (0, 0)


def _replace(new: Sequence[tuple[SignedSession, str | None]]) -> Steps[tuple[int, int]]:
    replaced = deleted = 0
    for session, mac in new:
        if mac is None:
            deleted += len((yield _DELETE, session))
        else:
            replaced += len((yield _REPLACE, (*session, mac)))
    return replaced, deleted


def move_sessions(younger: str, older: str, sign: Callable[[SignedSession, str], str | None]) -> Steps[tuple[int, int]]:
    """Gives one user's sessions to another; how many, and how many it deleted, because `sign` made no MAC for them.

    It makes one for a session and the user's new id. A session without a MAC goes on without.
    """
    moved = deleted = 0
    for row in (yield _OF_USER, (younger,)):
        session = SignedSession._make([row[column] for column in SignedSession._fields])
        mac = None if row["mac"] is None else sign(session, older)
        if mac is None and row["mac"] is not None:
            yield _DROP, (session.token_hash,)
            deleted += 1
        else:
            yield _MOVE, (session.token_hash, older, mac)
            moved += 1
    return moved, deleted


async def count_without_mac(database: Database, *, now: int) -> int:
    """How many sessions that have not ended no MAC protects. Raises `DatabaseError`."""
    return await database.run(lambda: Session.filter(mac=None, expires_at__gt=now).count(), reads=True)
