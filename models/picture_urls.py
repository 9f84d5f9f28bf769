"""Gives saved pictures other addresses: for operators whose store is found elsewhere now."""

from dataclasses import dataclass, replace
from typing import Final

from models.audit_log import Audited, record
from models.database import Database, Steps

_PAGE: Final = "SELECT id, user_id, name FROM pictures WHERE id > $1 ORDER BY id LIMIT $2"
_REBASE_USER: Final = """
UPDATE users SET avatar_url = $3, updated_at = CASE WHEN updated_at < $5 THEN $5 ELSE updated_at + 1 END
WHERE id = $1 AND avatar_url = $2 AND avatar_name = $4 RETURNING id"""
_REBASE_PICTURE: Final = "UPDATE pictures SET url = $3 WHERE id = $1 AND url = $2 RETURNING id"


@dataclass(frozen=True, slots=True)
class Rebased:
    """How many rows have another address."""

    pictures: int
    users: int


async def rebase(
    database: Database, old_prefix: str, new_prefix: str, *, entry: Audited, now: int, size: int = 100
) -> Rebased:
    """Replaces `<old_prefix>/<name>` by `<new_prefix>/<name>`, page by page, and records the entry with the counts.

    Those with another prefix stay, and so it may be run again. Raises `DatabaseError`.
    """
    prefixes = old_prefix.rstrip("/"), new_prefix.rstrip("/")
    pictures = users = 0
    after: str | None = ""
    while after is not None:
        page, after = await database.transaction(lambda: _rebase_page(*prefixes, after or "", size, now))  # noqa: B023
        pictures, users = pictures + page.pictures, users + page.users
    done = Rebased(pictures, users)
    detail = {**entry.detail, "pictures": pictures, "users": users}
    await database.transaction(lambda: record(replace(entry, detail=detail)))
    return done


def _rebase_page(old: str, new: str, after: str, size: int, now: int) -> Steps[tuple[Rebased, str | None]]:
    pictures = users = 0
    page = [(row["user_id"], row["id"], row["name"]) for row in (yield _PAGE, (after, size))]
    # The user before the picture, and users by their ids: as a verdict and a merge lock them.
    for user_id, picture_id, name in sorted(page):
        before, behind = f"{old}/{name}", f"{new}/{name}"
        users += len((yield _REBASE_USER, (user_id, before, behind, name, now)))
        pictures += len((yield _REBASE_PICTURE, (picture_id, before, behind)))
    return Rebased(pictures, users), page[-1][1] if len(page) == size else None
