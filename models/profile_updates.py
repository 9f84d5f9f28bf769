"""Changes what users type and upload of themselves.

One transaction, which locks in the order of all: the account, then the user. What WeChat said of the texts was asked
before it, of the texts as they were to be; where another change has come in between, what it said is of other texts.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Final

from models.accounts import lock_holder
from models.audit_log import Audited, record, recorded
from models.database import Database, Steps
from models.pictures import PictureState, StoredPicture, insert_picture, pictures_in_use, retire_pictures
from models.profiles import (
    FACTS,
    Source,
    Sources,
    profile_text,
    read_sources,
    with_picture,
    without_avatar,
    write_profile,
)
from models.text_checks import TextCheckState, drop_text_check, note_text_check
from models.uploads import take_upload
from models.users import UserRecord

_TYPED: Final = ("nick_name", *FACTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """What is None stays, and 0 or an empty text clears. With `clears_picture` there is no `upload_id`."""

    nick_name: str | None = field(default=None, repr=False)
    gender: int | None = None
    city: str | None = field(default=None, repr=False)
    province: str | None = field(default=None, repr=False)
    country: str | None = field(default=None, repr=False)
    language: str | None = None
    upload_id: str | None = None
    clears_picture: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRules:
    """How a picture is saved: where its file is found, in which state, and when it is to be looked at again.

    One that is not shown leaves the one before in its place until it is judged. `due_at` in epoch milliseconds.
    """

    url_of: Callable[[str], str]
    state: PictureState
    is_shown: bool
    due_at: int | None
    app_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedText:
    """Which content WeChat has seen (see `profile_text`), and what is to be noted of it: None where it has passed.

    "" is of a change that changed no text when it was looked at. `is_strict` stores no other texts than those that
    were seen. A WAITING one is checked again from `due_at` on, in epoch milliseconds; None is at once.
    """

    content: str = field(repr=False)
    state: TextCheckState | None = None
    label: int | None = None
    is_strict: bool = False
    due_at: int | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """The user afterwards, the id of a picture that was saved just now, and whether anything was changed."""

    user: UserRecord
    picture_id: str | None
    changed: bool


@dataclass(frozen=True, slots=True)
class UploadMissing:
    """No upload of the user has this id, and nothing was stored: it was used, has expired, or is another user's."""


@dataclass(frozen=True, slots=True)
class UploadRefused:
    """The upload is saved already, and was refused; nothing was stored."""


@dataclass(frozen=True, slots=True)
class TextChanged:
    """The texts would not be those that were checked, and nothing was stored; the user as they are now."""

    user: UserRecord


@dataclass(frozen=True, slots=True)
class _Taken:
    id: str
    name: str
    saved_at: int


def changed_user(user: UserRecord, change: ProfileChange) -> UserRecord:
    """The user with what is typed; a picture is another matter."""
    return user._replace(**{name: value for name in _TYPED if (value := getattr(change, name)) is not None})


async def update_profile(
    database: Database,
    account_id: int,
    change: ProfileChange,
    *,
    picture: PictureRules | None,
    checked: CheckedText | None,
    entry: Audited,
    now: int,
) -> Updated | UploadMissing | UploadRefused | TextChanged | None:
    """Changes the profile of an account's user, and writes the entry where it was another; None: the account is gone.

    `picture` is needed with an upload; `checked` is None where texts are not checked. What is stored already is no
    change. Raises `DatabaseError`, and `ValueError` for an upload without rules for it.
    """
    if change.upload_id is not None and picture is None:
        msg = "an upload needs rules for pictures"
        raise ValueError(msg)
    return await database.transaction(
        lambda: _update(account_id, change, picture=picture, checked=checked, entry=entry, now=now)
    )


def _update(
    account_id: int,
    change: ProfileChange,
    *,
    picture: PictureRules | None,
    checked: CheckedText | None,
    entry: Audited,
    now: int,
) -> Steps[Updated | UploadMissing | UploadRefused | TextChanged | None]:
    locked = yield from lock_holder(account_id)
    if locked is None:
        return None
    account, user = locked
    if (yield from recorded(entry.id)) is not None:  # of the same call, whose COMMIT was lost
        return Updated(user, change.upload_id, changed=True)
    changed = changed_user(user, change)
    if checked is not None and checked.is_strict and _is_unseen(user, changed, checked):
        return TextChanged(user)
    upload = yield from _take_upload(user.id, change.upload_id, now)
    if isinstance(upload, UploadMissing | UploadRefused):
        return upload
    parts = [part for part in _TYPED if getattr(changed, part) != getattr(user, part)]
    profile = changed, _typed((yield from read_sources(user.id)), changed, parts, now)
    if upload is not None and picture is not None:
        profile = yield from _saved(profile, upload, picture, now)
        parts.append("picture")
    elif change.clears_picture and ((yield from retire_pictures(user.id, but="", now=now)) or user.avatar_url):
        profile = without_avatar(profile[0], profile[1]._replace(avatar_at=now))
        parts.append("picture")
    if not parts:
        return Updated(user, None, changed=False)
    stored = yield from write_profile(*profile, now=now)
    yield from _note_texts(user, stored, account["app_id"], checked, now)
    yield from record(replace(entry, **account, detail={**entry.detail, "changed": parts}))
    return Updated(stored, None if upload is None else upload.id, changed=True)


def _is_unseen(user: UserRecord, changed: UserRecord, checked: CheckedText) -> bool:
    content = profile_text(changed)
    return content not in {"", checked.content, profile_text(user)}


def _take_upload(user_id: str, upload_id: str | None, now: int) -> Steps[_Taken | UploadMissing | UploadRefused | None]:
    """The upload, whose row is deleted; None where there is none to save, or it is the user's picture already."""
    if upload_id is None:
        return None
    newest = next(iter((yield from pictures_in_use(user_id))), None)
    if newest is not None and newest.id == upload_id:
        return UploadRefused() if newest.state is PictureState.REFUSED else None
    name = yield from take_upload(upload_id, user_id, now)
    if name is None:
        return UploadMissing()
    # Two servers' clocks may differ, and what is saved last is the newest.
    return _Taken(upload_id, name, now if newest is None else max(now, newest.created_at + 1))


def _typed(sources: Sources, changed: UserRecord, parts: Collection[str], now: int) -> Sources:
    if "nick_name" in parts:
        source = Source.USER if changed.nick_name else Source.WECHAT
        sources = sources._replace(nick_name_at=now, nick_name_source=source)
    return sources if {*FACTS}.isdisjoint(parts) else sources._replace(facts_at=now)


def _saved(
    profile: tuple[UserRecord, Sources], upload: _Taken, rules: PictureRules, now: int
) -> Steps[tuple[UserRecord, Sources]]:
    """The profile with the picture, whose row is stored in place of those that nothing shows any more."""
    user, sources = profile
    yield from retire_pictures(user.id, but="" if rules.is_shown else sources.avatar_name, now=now)
    picture = StoredPicture(
        id=upload.id,
        user_id=user.id,
        app_id=rules.app_id,
        name=upload.name,
        url=rules.url_of(upload.name),
        state=rules.state,
        trace_id=None,
        label=None,
        tries=0,
        checked_at=None,
        due_at=rules.due_at,
        created_at=upload.saved_at,
    )
    yield from insert_picture(picture)
    sources = sources._replace(avatar_at=now)
    return with_picture(user, sources, picture.name, picture.url) if rules.is_shown else (user, sources)


def _note_texts(
    user: UserRecord, stored: UserRecord, app_id: str, checked: CheckedText | None, now: int
) -> Steps[None]:
    content = profile_text(stored)
    if content == profile_text(user):
        return
    if not content or (checked is not None and checked.content == content and checked.state is None):
        yield from drop_text_check(user.id)
    elif checked is not None:
        state, label, due_at = checked.state, checked.label, checked.due_at
        if checked.content != content or state is None:
            state, label, due_at = TextCheckState.WAITING, None, now
        elif state is TextCheckState.WAITING:
            due_at = now if due_at is None else due_at
        yield from note_text_check(user.id, app_id=app_id, state=state, label=label, due_at=due_at, now=now)
