"""Stores submitted user info, newest watermark first, without losing a real name to an anonymous one."""

from dataclasses import dataclass
from typing import Final

from models.database import Database
from models.users import USER_COLUMNS, UserRecord

# Each `*_real` flag says whether the value may replace one that is there; an empty column takes any value.
_STORE: Final = f"""
UPDATE users SET
  nick_name = CASE WHEN $3 = 1 OR nick_name = '' THEN $2 ELSE nick_name END,
  avatar_url = CASE WHEN $5 = 1 OR avatar_url = '' THEN $4 ELSE avatar_url END,
  gender = CASE WHEN $6 = 1 OR $7 <> 0 THEN $7 ELSE gender END,
  city = CASE WHEN $6 = 1 OR $8 <> '' THEN $8 ELSE city END,
  province = CASE WHEN $6 = 1 OR $9 <> '' THEN $9 ELSE province END,
  country = CASE WHEN $6 = 1 OR $10 <> '' THEN $10 ELSE country END,
  language = CASE WHEN $6 = 1 OR $11 <> '' THEN $11 ELSE language END,
  profile_at = $12,
  updated_at = $13
WHERE id = $1 AND (profile_at IS NULL OR profile_at < $12)
RETURNING {", ".join(USER_COLUMNS)}"""  # noqa: S608 - constants only

_READ: Final = f"SELECT {', '.join(USER_COLUMNS)} FROM users WHERE id = $1"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Profile:
    """User info to store. `profile_at` is the watermark's time in epoch milliseconds."""

    nick_name: str
    nick_name_is_real: bool
    avatar_url: str
    avatar_url_is_real: bool
    # False when WeChat gave nothing but placeholders: then a 0 or an empty text erases nothing.
    is_real: bool
    gender: int
    city: str
    province: str
    country: str
    language: str
    profile_at: int


async def store_profile(database: Database, user_id: str, profile: Profile, *, now: int) -> UserRecord | None:
    """The person after the submission: changed if its watermark is newer than any before, else as they were.

    One conditional statement: a repeated or overtaken submission changes nothing. None when the person is gone.
    Raises `DatabaseError`.
    """
    rows = await database.fetch(
        _STORE,
        user_id,
        profile.nick_name,
        int(profile.nick_name_is_real),
        profile.avatar_url,
        int(profile.avatar_url_is_real),
        int(profile.is_real),
        profile.gender,
        profile.city,
        profile.province,
        profile.country,
        profile.language,
        profile.profile_at,
        now,
    )
    rows = rows or await database.fetch(_READ, user_id)
    return UserRecord.of(rows[0]) if rows else None
