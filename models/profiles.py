"""What a user's profile is made of, where each part came from, and which part replaces which.

A part came from WeChat, signed, by `submitUserInfo`, or the user typed or uploaded it. What is newer replaces what is
there, by the watermark of the one and the time at which the server took the other.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

from models.database import Database, Steps
from models.pictures import retire_pictures
from models.text_checks import drop_text_check
from models.users import User, UserRecord, lock_user


class Source(IntEnum):
    """Where a name or a picture came from; of one that is empty it is WECHAT."""

    WECHAT = 0
    USER = 1


class Sources(NamedTuple):
    """The columns of `users` that only writers of a profile need. Times in epoch milliseconds.

    `profile_at` is the watermark of the newest submission; the others are when the server took what the user typed,
    uploaded or cleared. `facts_at` is of gender, region and language, and None again once WeChat's have replaced them.
    """

    profile_at: int | None
    avatar_name: str
    nick_name_at: int | None
    nick_name_source: int
    avatar_at: int | None
    avatar_source: int
    facts_at: int | None


FACTS: Final = ("gender", "city", "province", "country", "language")
_NO_FACTS: Final[dict[str, Any]] = {"gender": 0, "city": "", "province": "", "country": "", "language": ""}
_SOURCES: Final = f"SELECT {', '.join(Sources._fields)} FROM users WHERE id = $1"  # noqa: S608 - constants only
_WRITE: Final = """
UPDATE users SET nick_name = $2, avatar_url = $3, gender = $4, city = $5, province = $6, country = $7, language = $8,
  updated_at = $9, profile_at = $10, avatar_name = $11, nick_name_at = $12, nick_name_source = $13, avatar_at = $14,
  avatar_source = $15, facts_at = $16
WHERE id = $1"""
_NOTE_WITHDRAWAL: Final = "UPDATE users SET profile_at = $2 WHERE id = $1"


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


def profile_text(user: UserRecord) -> str:
    """All of a profile that can be read, as WeChat checks it: a text a line, without those that are empty."""
    return "\n".join(filter(None, _texts(user)))


def adds_text(before: UserRecord, after: UserRecord) -> bool:
    """Whether any text of a profile is neither as it was nor taken back."""
    return any(text not in {"", was} for text, was in zip(_texts(after), _texts(before), strict=True))


def _texts(user: UserRecord) -> tuple[str, ...]:
    return user.nick_name, user.city, user.province, user.country


def read_sources(user_id: str) -> Steps[Sources]:
    """Where a user's profile came from; the transaction has locked the user."""
    [row] = yield _SOURCES, (user_id,)
    return Sources(**row)


def write_profile(user: UserRecord, sources: Sources, *, now: int) -> Steps[UserRecord]:
    """Stores the whole profile of a user, whom the transaction has locked.

    `updated_at` grows in any case: a server of the version before that has read the row looks again.
    """
    user = user._replace(updated_at=max(now, user.updated_at + 1))
    yield _WRITE, (*user[:8], user.updated_at, *sources)
    return user


def note_withdrawal(user_id: str, sources: Sources) -> Steps[None]:
    """Stores the watermark of a profile of which nothing was cleared; the transaction has locked the user."""
    yield _NOTE_WITHDRAWAL, (user_id, sources.profile_at)


def without_name(user: UserRecord, sources: Sources) -> tuple[UserRecord, Sources]:
    """The profile without a nickname."""
    return user._replace(nick_name=""), sources._replace(nick_name_source=Source.WECHAT)


def with_picture(user: UserRecord, sources: Sources, name: str, url: str) -> tuple[UserRecord, Sources]:
    """The profile with an uploaded picture; the file of the one before is the caller's to free."""
    return user._replace(avatar_url=url), sources._replace(avatar_name=name, avatar_source=Source.USER)


def without_avatar(user: UserRecord, sources: Sources) -> tuple[UserRecord, Sources]:
    """The profile without a picture; its file is the caller's to free."""
    return user._replace(avatar_url=""), sources._replace(avatar_name="", avatar_source=Source.WECHAT)


def without_facts(user: UserRecord, sources: Sources) -> tuple[UserRecord, Sources]:
    """The profile without gender, region and language."""
    return user._replace(**_NO_FACTS), sources


def drop_settled(user: UserRecord, sources: Sources) -> Steps[None]:
    """Deletes the row of `text_checks` of a user with whose profile nothing is left that was typed."""
    has_name = sources.nick_name_source == Source.USER
    has_region = sources.facts_at is not None and any((user.city, user.province, user.country))
    if not has_name and not has_region:
        yield from drop_text_check(user.id)


async def store_profile(database: Database, user_id: str, profile: Profile, *, now: int) -> UserRecord | None:
    """The user after the submission: changed if its watermark is newer than any before, else unchanged.

    A repeated or overtaken submission changes nothing. None when the user is gone. Raises `DatabaseError`.
    """
    known = User.filter(id=user_id, profile_at__gte=profile.profile_at)
    # Most repeat what is known: they need no lock.
    rows = await database.run(lambda: known.values_list(*UserRecord._fields), reads=True)
    if rows:
        return UserRecord._make(rows[0])
    return await database.transaction(lambda: _store(user_id, profile, now))


def _store(user_id: str, profile: Profile, now: int) -> Steps[UserRecord | None]:
    user = yield from lock_user(user_id)
    if user is None:
        return None
    sources = yield from read_sources(user_id)
    if sources.profile_at is not None and sources.profile_at >= profile.profile_at:
        return user
    changed, changed_sources = _merged(user, sources, profile)
    stored = yield from write_profile(changed, changed_sources._replace(profile_at=profile.profile_at), now=now)
    if sources.avatar_at is not None and profile.avatar_url_is_real and _is_newer(profile, sources.avatar_at):
        # One that waits for its check too: the signed one was chosen later.
        yield from retire_pictures(user_id, but="", now=now)
    if sources.nick_name_source == Source.USER or sources.facts_at is not None:
        yield from drop_settled(stored, changed_sources)
    return stored


def _is_newer(profile: Profile, taken_at: int | None) -> bool:
    return taken_at is None or profile.profile_at > taken_at


def _merged(user: UserRecord, sources: Sources, profile: Profile) -> tuple[UserRecord, Sources]:
    """What is real replaces what is there; anything fills what is empty; what the user gave later stays."""
    changes: dict[str, Any] = {}
    origin: dict[str, Any] = {}
    if sources.facts_at is None or (profile.is_real and _is_newer(profile, sources.facts_at)):
        changes = {name: getattr(profile, name) for name in FACTS if profile.is_real or getattr(profile, name)}
        origin["facts_at"] = None
    if (profile.nick_name_is_real or not user.nick_name) and _is_newer(profile, sources.nick_name_at):
        changes["nick_name"] = profile.nick_name
        origin["nick_name_source"] = Source.WECHAT
    if (profile.avatar_url_is_real or not user.avatar_url) and _is_newer(profile, sources.avatar_at):
        changes["avatar_url"] = profile.avatar_url
        origin |= {"avatar_source": Source.WECHAT, "avatar_name": ""}
    return user._replace(**changes), sources._replace(**origin)
