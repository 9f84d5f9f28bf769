"""Makes one user of two: what the younger has becomes the older's, and the younger is gone.

One transaction, beside which both may sign in and submit. What a login writes for a user it has locked first: the
account that it found or, before it gives a user another account or names them in a proposal, the user's row. A merge
locks in the same order, the younger's accounts and then both users. From there on nothing comes to the younger any
more, what had come is committed, and each statement that follows sees it: a session is moved after the account whose
login stored it, and DELETE at last finds nothing to cascade over. A login that waited finds the older user, or begins
again.

The users' rows are locked by an UPDATE, because the lock of a foreign key goes beside that of a plain UPDATE: without
it a new account's login would not wait, and DELETE would wait for it and take the account along. Logins of the version
before do not lock the row: of those that give the younger another account at this very moment the session is lost.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from models.accounts import lock_accounts, move_accounts
from models.audit_log import AuditAction, record
from models.database import Database, Steps
from models.deleted_users import DeletionReason, find_successors, record_deletion
from models.files_to_delete import plan_deletion
from models.merge_proposals import propose, withdraw
from models.phones import Reseal, move_phone
from models.pictures import PictureState, move_picture, pictures_in_use, retire_pictures
from models.profiles import FACTS, Sources, read_sources, write_profile
from models.session_macs import SignedSession, move_sessions
from models.text_checks import move_text_check
from models.unionids import move_unionids
from models.uploads import move_uploads
from models.users import UserRecord, by_age, delete_user, lock_user

_PROFILE: Final = ("nick_name", "avatar_url", *FACTS)


@dataclass(frozen=True, slots=True)
class MergeRules:
    """What a merge needs and the tables do not know."""

    # The older user with what the younger has and they lack.
    fill: Callable[[UserRecord, UserRecord], UserRecord]
    # Whether a user has a picture of their own, and not WeChat's grey one.
    has_picture: Callable[[UserRecord], bool]
    # The MAC of a session as the user's with this id; None where the one that it has is not right.
    sign: Callable[[SignedSession, str], str | None]
    reseal: Reseal
    # Whether a user has nothing yet that an operator would have to look at first, at a time in epoch milliseconds.
    is_blank: Callable[[UserRecord, int], bool]


@dataclass(frozen=True, slots=True)
class Merge:
    """Which users, and for the audit log by whom (see `Audited`) and when, in epoch milliseconds."""

    older: str
    younger: str
    actor: str
    reason: DeletionReason
    now: int
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class MergedRecord:
    """How many rows became the older user's, and which columns of their profile the younger one's filled.

    A session is deleted where its MAC is not right, a proposal where it is of the two, and of two phones the older.
    """

    older: str
    younger: str
    accounts: int
    sessions: int
    sessions_deleted: int
    unionids: int
    phones: int
    proposals: int
    profile: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MissingUser:
    """Why there was nothing to merge: a user who never was or is gone, perhaps merged into another.

    `successors` are that one, the one into whom they were merged in turn, and so on.
    """

    user_id: str
    successors: tuple[str, ...] = ()


async def merge(database: Database, what: Merge, rules: MergeRules, *, undo: bool) -> MergedRecord | MissingUser:
    """Merges two different users; with `undo` takes it back at once, to know what it would do.

    Raises `DatabaseError`.
    """
    return await database.transaction(lambda: (_undone if undo else merge_users)(what, rules))


def _undone(what: Merge, rules: MergeRules) -> Steps[MergedRecord | MissingUser]:
    yield "SAVEPOINT tried", ()
    outcome = yield from merge_users(what, rules)
    yield "ROLLBACK TO SAVEPOINT tried", ()
    return outcome


def merge_users(what: Merge, rules: MergeRules) -> Steps[MergedRecord | MissingUser]:
    """The steps of a merge, for a transaction that may run again: then the younger is gone."""
    yield from lock_accounts(what.younger)
    users: dict[str, UserRecord] = {}
    for user_id in sorted((what.older, what.younger)):
        user = yield from lock_user(user_id)
        if user is not None:
            users[user_id] = user
    for user_id in (what.younger, what.older):
        if user_id not in users:
            return MissingUser(user_id, (yield from find_successors(user_id)))
    older, younger = users[what.older], users[what.younger]
    accounts = yield from move_accounts(younger.id, older.id)
    unionids = yield from move_unionids(younger.id, older.id)
    sessions, deleted = yield from move_sessions(younger.id, older.id, rules.sign)
    phones = int((yield from move_phone(younger.id, older.id, rules.reseal)))
    filled = rules.fill(older, younger)
    profile = tuple(name for name in _PROFILE if getattr(filled, name) != getattr(older, name))
    yield from _move_profile((older, filled, younger), profile, rules, now=what.now)
    proposals = yield from _move_proposals(older, younger)
    yield from record_deletion(younger.id, at=what.now, reason=what.reason, merged_into=older.id)
    yield from delete_user(younger.id)
    counts = {"accounts": accounts, "sessions": sessions, "sessions_deleted": deleted, "phones": phones}
    detail = {"younger": younger.id, **counts}
    entry = AuditAction.MERGED.entry(
        now=what.now, user_id=older.id, actor=what.actor, app_id=what.app_id, detail=detail
    )
    yield from record(entry)
    return MergedRecord(older.id, younger.id, accounts, sessions, deleted, unionids, phones, proposals, profile)


def _move_profile(
    users: tuple[UserRecord, UserRecord, UserRecord], parts: Collection[str], rules: MergeRules, *, now: int
) -> Steps[None]:
    """Stores the older user as filled, with what comes with these parts of the younger one's profile."""
    older, filled, younger = users
    sources, others = (yield from read_sources(older.id)), (yield from read_sources(younger.id))
    yield from move_uploads(younger.id, older.id)
    avatar_at = sources.avatar_at
    if (yield from _move_pictures(users, (sources, others), rules, now=now)):
        avatar_at = max(filter(None, (avatar_at, others.avatar_at)), default=None)
    if not parts and avatar_at == sources.avatar_at:
        return
    if "nick_name" in parts:
        sources = sources._replace(nick_name_at=others.nick_name_at, nick_name_source=others.nick_name_source)
    if "avatar_url" in parts:
        sources = sources._replace(avatar_name=others.avatar_name, avatar_source=others.avatar_source)
    if not {*FACTS}.isdisjoint(parts):
        sources = sources._replace(facts_at=others.facts_at)
    # Above any watermark that a server of the version before has read: its compare and swap fails, and it looks again.
    profile_at = max(sources.profile_at or 0, others.profile_at or 0) + 1
    yield from write_profile(filled, sources._replace(avatar_at=avatar_at, profile_at=profile_at), now=now)
    if {*parts} - {"avatar_url"}:
        yield from move_text_check(younger.id, older.id)


def _move_pictures(
    users: tuple[UserRecord, UserRecord, UserRecord], sources: tuple[Sources, Sources], rules: MergeRules, *, now: int
) -> Steps[bool]:
    """Whether a picture came along: the one that the younger one's profile shows, or one that waits for its check.

    What stays has its file freed, and its row goes with the user.
    """
    older, filled, younger = users
    has, comes = (yield from pictures_in_use(older.id)), (yield from pictures_in_use(younger.id))
    waits = {PictureState.CHECKING, PictureState.REVIEW}
    has_waiting = any(picture.state in waits and picture.name != sources[0].avatar_name for picture in has)
    takes_shown = filled.avatar_url != older.avatar_url
    takes_waiting = not rules.has_picture(older) and not has_waiting
    moved = [
        picture
        for picture in comes
        if (takes_shown if picture.name == sources[1].avatar_name else takes_waiting and picture.state in waits)
    ]
    if moved and not has_waiting:
        yield from retire_pictures(older.id, but=sources[0].avatar_name, now=now)  # refused ones
    for picture in moved:
        yield from move_picture(picture.id, older.id)
    yield from plan_deletion([picture.name for picture in comes if picture not in moved], now)
    return bool(moved)


def _move_proposals(older: UserRecord, younger: UserRecord) -> Steps[int]:
    """How many proposals with third users are the older's now; the one of the two is carried out."""
    moved = 0
    for user_id, created_at in (yield from withdraw(younger.id)):
        third = (yield from lock_user(user_id)) if user_id != older.id else None
        if third is not None:
            first, last = by_age(older, third)
            moved += yield from propose(first.id, last.id, now=created_at)
    return moved
