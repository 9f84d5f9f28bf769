"""Removes sessions that have ended, a page of them at a time, and sees to it that one process does so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models.database import Database, Dialect

_NAME: Final = "sweep"
_TAKE: Final = """
INSERT INTO leases (name, held_until, done_at) VALUES ($1, $2, 0)
ON CONFLICT (name) DO UPDATE SET held_until = excluded.held_until
WHERE leases.held_until <= $3 AND leases.done_at <= $4
RETURNING name"""
_KEEP: Final = "UPDATE leases SET held_until = $2 WHERE name = $1"
_FINISH: Final = "UPDATE leases SET held_until = 0, done_at = $2 WHERE name = $1"

# Both walk the index on `expires_at`.
_LAST_OF_PAGE: Final = """
SELECT expires_at, token_hash FROM sessions
WHERE (expires_at, token_hash) > ($1, $2) AND expires_at <= $3
ORDER BY expires_at, token_hash LIMIT 1 OFFSET $4"""
_DELETE: Final = """
DELETE FROM sessions WHERE token_hash IN (
  SELECT token_hash FROM sessions
  WHERE (expires_at, token_hash) > ($1, $2) AND (expires_at, token_hash) <= ($3, $4)
    AND (expires_at <= $5 OR last_seen_at <= $6){unlocked})"""
# A login may be deleting some of the same rows: whoever waited for the other while it holds rows of its own could
# deadlock with it, and PostgreSQL might choose the login to fail.
_UNLOCKED: Final[Mapping[Dialect, str]] = {"sqlite": "", "postgres": " FOR UPDATE SKIP LOCKED"}


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a walk through the sessions has come, in the order of their absolute end."""

    expires_at: int = -1
    token_hash: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """Which sessions have ended (epoch milliseconds): by their absolute end, or for want of use.

    A session whose absolute end lies after `none_after` cannot have ended yet, and is not looked at.
    """

    by: int
    unseen_since: int
    none_after: int


async def take_lease(database: Database, *, until: int, now: int, unless_done_after: int) -> bool:
    """Whether it is the caller's turn to sweep; nobody else's until `until`. Raises `DatabaseError`."""
    return bool(await database.fetch(_TAKE, _NAME, until, now, unless_done_after))


async def keep_lease(database: Database, *, until: int) -> None:
    """Goes on being the one that sweeps. Raises `DatabaseError`."""
    await database.execute(_KEEP, _NAME, until)


async def finish_lease(database: Database, *, now: int) -> None:
    """Notes that everything has been swept. Raises `DatabaseError`."""
    await database.execute(_FINISH, _NAME, now)


async def delete_ended(database: Database, ended: Ended, *, after: Cursor, size: int) -> tuple[int, Cursor | None]:
    """Deletes those that have ended of the next `size` sessions; how many, and where to go on, None at the end.

    Waits for no other statement's rows: what is locked is left for the next time. Raises `DatabaseError`.
    """
    found = await database.fetch(_LAST_OF_PAGE, after.expires_at, after.token_hash, ended.none_after, size - 1)
    last = Cursor(**found[0]) if found else None
    upto = last or Cursor(ended.none_after + 1, "")
    deleted = await database.execute(
        _DELETE.format(unlocked=_UNLOCKED[database.dialect]),
        after.expires_at,
        after.token_hash,
        upto.expires_at,
        upto.token_hash,
        ended.by,
        ended.unseen_since,
    )
    return deleted, last
