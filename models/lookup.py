"""Finds the session of a token, and the keys of its account."""

from dataclasses import dataclass, field
from typing import Final

from models.database import Database
from models.user import USER_COLUMNS, UserRecord

_USER: Final = ", ".join(f"u.{column}" for column in USER_COLUMNS)
_FIND_SESSION: Final = f"""
SELECT s.account_id, s.last_seen_at, s.expires_at, {_USER}
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.last_seen_at > $3"""  # noqa: S608 - constants only

_TOUCH: Final = "UPDATE sessions SET last_seen_at = $2 WHERE token_hash = $1 AND last_seen_at < $3"

_FIND_KEYS: Final = """
SELECT app_id, openid, session_key, previous_session_key, previous_session_key_at
FROM accounts WHERE id = $1"""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A live session and its person. Times in epoch milliseconds."""

    account_id: int
    last_seen_at: int
    expires_at: int
    user: UserRecord


@dataclass(frozen=True, slots=True)
class SessionKeysRecord:
    """An account's two newest session_keys, sealed, and what they are bound to."""

    app_id: str
    openid: str = field(repr=False)
    session_key: str = field(repr=False)
    previous_session_key: str | None = field(repr=False)
    previous_session_key_at: int | None


async def find_session(database: Database, token_hash: str, *, now: int, seen_after: int) -> SessionRecord | None:
    """The session with this hash if it has not expired and was seen after `seen_after`. Raises `DatabaseError`."""
    rows = await database.fetch(_FIND_SESSION, token_hash, now, seen_after)
    if not rows:
        return None
    row = rows[0]
    return SessionRecord(row["account_id"], row["last_seen_at"], row["expires_at"], UserRecord.of(row))


async def touch_session(database: Database, token_hash: str, *, now: int, unless_seen_after: int) -> None:
    """Notes that the session is in use; one of several requests at the same moment does the write."""
    await database.execute(_TOUCH, token_hash, now, unless_seen_after)


async def find_session_keys(database: Database, account_id: int) -> SessionKeysRecord | None:
    """The sealed keys of an account, or None when it is gone. Raises `DatabaseError`."""
    rows = await database.fetch(_FIND_KEYS, account_id)
    if not rows:
        return None
    row = rows[0]
    return SessionKeysRecord(
        row["app_id"],
        row["openid"],
        row["session_key"],
        row["previous_session_key"],
        row["previous_session_key_at"],
    )
