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

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.accounts import lock_accounts, move_accounts
from models.audit_log import AuditAction, record
from models.database import Database, Steps
from models.deleted_users import DeletionReason, find_successors, record_deletion
from models.merge_proposals import propose, withdraw
from models.phones import Reseal, move_phone
from models.session_macs import SignedSession, move_sessions
from models.unionids import move_unionids
from models.users import UserRecord, by_age, delete_user, fill_user, lock_user

_PROFILE: Final = ("nick_name", "avatar_url", "gender", "city", "province", "country", "language")


@dataclass(frozen=True, slots=True)
class MergeRules:
    """What a merge needs and the tables do not know."""

    # The older user with what the younger has and they lack.
    fill: Callable[[UserRecord, UserRecord], UserRecord]
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
    if profile:
        yield from fill_user(filled, younger.id, now=what.now)
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


def _move_proposals(older: UserRecord, younger: UserRecord) -> Steps[int]:
    """How many proposals with third users are the older's now; the one of the two is carried out."""
    moved = 0
    for user_id, created_at in (yield from withdraw(younger.id)):
        third = (yield from lock_user(user_id)) if user_id != older.id else None
        if third is not None:
            first, last = by_age(older, third)
            moved += yield from propose(first.id, last.id, now=created_at)
    return moved
