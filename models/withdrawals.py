"""What users have withdrawn by WeChat, of what this server keeps in their profiles: cleared if it is old enough."""

from collections.abc import Collection
from enum import StrEnum

from models.database import Steps
from models.pictures import free_pictures
from models.profiles import (
    Source,
    Sources,
    drop_settled,
    note_withdrawal,
    read_sources,
    without_avatar,
    without_facts,
    without_name,
    write_profile,
)
from models.users import UserRecord


class Withdrawn(StrEnum):
    """What is withdrawn; the values stand in the audit log.

    PROFILE is all that came signed, and the rest of gender, region and language; NICK_NAME what was typed, PICTURE what
    was uploaded. NAME is the nickname and the picture wherever they came from, because what the user has at WeChat has
    changed.
    """

    PROFILE = "profile"
    NICK_NAME = "nick_name"
    PICTURE = "picture"
    NAME = "name"


def withdraw(
    user: UserRecord, withdrawn: Collection[Withdrawn], *, at: int, before: int, now: int
) -> Steps[list[Withdrawn]]:
    """Clears what is withdrawn if it was collected, or stored, by `before`; of what there was something to clear.

    Where something signed is withdrawn, the watermark is afterwards hardly earlier than `at`: what was collected
    earlier and is submitted later does not come back. The transaction has locked the user. Epoch milliseconds.
    """
    sources = yield from read_sources(user.id)
    found = changed = (user, sources)
    removed: list[Withdrawn] = []
    for what in sorted({*withdrawn}):
        rest = changed
        if what in {Withdrawn.PROFILE, Withdrawn.NAME} and _is_old(user, sources, before):
            rest = _without_signed(*rest)
            # Which of them the user has typed is not kept: those that were signed go, and the others with them.
            if what is Withdrawn.PROFILE and (sources.facts_at is None or sources.facts_at <= before):
                rest = without_facts(*rest)
        if what in {Withdrawn.NICK_NAME, Withdrawn.NAME} and _is_taken(
            rest[1].nick_name_source, sources.nick_name_at, before
        ):
            rest = without_name(*rest)
        freed = False
        if what in {Withdrawn.PICTURE, Withdrawn.NAME}:
            names = yield from free_pictures(user.id, before=before, now=now)
            freed = bool(names)
            is_old = _is_taken(rest[1].avatar_source, sources.avatar_at, before)
            if is_old or sources.avatar_name in names:
                rest = without_avatar(*rest)
        if freed or rest != changed:
            removed.append(what)
        changed = rest
    cleared, cleared_sources = changed
    if not {Withdrawn.PROFILE, Withdrawn.NAME}.isdisjoint(withdrawn):
        # Of the same second it may have been given again.
        cleared_sources = cleared_sources._replace(profile_at=max(sources.profile_at or 0, at - 1))
    if (cleared, cleared_sources._replace(profile_at=sources.profile_at)) != found:
        yield from write_profile(cleared, cleared_sources, now=now)
    elif cleared_sources != sources:
        yield from note_withdrawal(user.id, cleared_sources)
    yield from drop_settled(cleared, cleared_sources)
    return removed


def _is_old(user: UserRecord, sources: Sources, before: int) -> bool:
    return sources.profile_at is not None and min(sources.profile_at, user.updated_at) <= before


def _is_taken(source: int, taken_at: int | None, before: int) -> bool:
    return source == Source.USER and taken_at is not None and taken_at <= before


def _without_signed(user: UserRecord, sources: Sources) -> tuple[UserRecord, Sources]:
    if sources.nick_name_source == Source.WECHAT:
        user, sources = without_name(user, sources)
    if sources.avatar_source == Source.WECHAT:
        user, sources = without_avatar(user, sources)
    return user, sources
