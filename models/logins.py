"""Stores one login: the account with its newest session_key, a user if they are new, the device's session.

One transaction of plain statements that each write one table, the same on both databases. The first one takes the
account's row, so that a login that waited for another of the same account sees all that it has stored.

The accounts of one unionid are one user's, by the table `unionids`: of first logins through several mini-programs
at once one makes its row, and the others find it. An account whose unionid comes late stays with its user, and if that
is not the unionid's, the two are proposed for a merge, or merged.

Of a user's other sessions only `keep` stay with the new one, so that no user fills the table. (At the same moment
through two mini-programs that share a database, one more may stay until the next login.)
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from models.accounts import NewKey, insert_account, set_unionid, update_account
from models.audit_log import AuditAction, Audited, record
from models.database import Database, Dialect, Row, Steps
from models.deleted_users import DeletionReason, record_deletion
from models.devices import UNKNOWN_DEVICE, Device
from models.errors import Conflict
from models.merge_proposals import propose
from models.merging import Merge, MergedRecord, MergeRules, merge_users
from models.phones import select_phone
from models.pictures import pictures_in_use
from models.sessions import drop_surplus, insert_session, supersede
from models.unionids import claim_unionid, drop_unused_unionid, find_owner
from models.users import UserRecord, by_age, require_user

_INSERT_USER: Final = """
INSERT INTO users (id, nick_name, avatar_url, gender, city, province, country, language, created_at, updated_at)"""
_NEW_USER: Final = f"{_INSERT_USER} VALUES ($1, '', '', 0, '', '', '', '', $2, $2)"
# A question before it would cost a first login a tenth more (`tests/benchmarks/unionids.py`).
_NEW_USER_OF_UNIONID: Final = f"""{_INSERT_USER}
SELECT CAST($1 AS VARCHAR(22)), '', '', 0, '', '', '', '', CAST($2 AS BIGINT), CAST($2 AS BIGINT)
WHERE NOT EXISTS (SELECT 1 FROM unionids WHERE unionid = $3)
AND NOT EXISTS (SELECT 1 FROM accounts WHERE unionid = $3) RETURNING id"""  # noqa: S608 - constants only

_NEEDS_TABLES: Final[Mapping[Dialect, str]] = {
    "sqlite": "SELECT 1 AS one FROM accounts, audit_log, merge_proposals, phone_owners, phones, sessions, unionids, "
    "users LIMIT 0",
    # A write of no row, which an old primary that still answers reads refuses. (SQLite's would wait for the lock.)
    "postgres": "UPDATE sessions SET user_id = user_id "
    "WHERE FALSE AND EXISTS ("
    "SELECT 1 FROM accounts, audit_log, merge_proposals, phone_owners, phones, unionids, users)",
}


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a login has learnt, ready to be stored. Times in epoch milliseconds."""

    # The id that the user gets if no account is theirs yet.
    user_id: str
    key: NewKey
    token_hash: str = field(repr=False)
    # Makes the session's MAC, for a user's id and an account's.
    mac: Callable[[str, int], str] = field(repr=False)
    now: int
    expires_at: int
    # How many sessions the user has after it, at the most.
    keep: int
    # Makes what is recorded if the login makes the user, and then alone: most make none.
    user_created: Callable[[], Audited]
    # Recorded in any case, of the user whom it turns out to be.
    logged_in: Audited | None = None
    # The hash of the token that the client held, and when its session, if it is of the same account, ends.
    superseded: str | None = field(default=None, repr=False)
    superseded_ends_at: int = 0
    device: Device = UNKNOWN_DEVICE


@dataclass(frozen=True, slots=True)
class SignedInRecord:
    """The rows that a login left, and what it did to the user's other sessions.

    A device is new when the user is signed in elsewhere and the login came without a token of theirs. So is one that
    has lost its token, or whose session ended so long ago that its row is gone.
    """

    account_id: int
    unionid: str | None = field(repr=False)
    user: UserRecord
    is_new_user: bool
    is_new_device: bool
    # The hash of the token whose session it brought to an end.
    superseded: str | None = field(repr=False)
    # What became of a user whom the unionid showed to be the same.
    merged: MergedRecord | None = None


@dataclass(frozen=True, slots=True)
class UnionidRules:
    """What becomes of an account whose unionid is not the one that WeChat gives."""

    # Whether another unionid than the stored one replaces it. If not it is dropped, and the caller sees both.
    replace: bool = False
    # How a user who is blank is merged at once; None leaves it to an operator, as for all others.
    merging: MergeRules | None = None


async def sign_in(database: Database, new: NewSession, rules: UnionidRules = UnionidRules()) -> SignedInRecord:
    """Stores a login whole or not at all, however many logins of the same user run at once in any process.

    Raises `DatabaseError`.
    """
    return await database.transaction(lambda: _login(new, rules))


async def require_tables(database: Database) -> None:
    """Returns when the tables that a login writes are there; raises `DatabaseError` otherwise."""
    database.leave_replaced_file()
    await database.fetch(_NEEDS_TABLES[database.dialect], reads=True)


async def try_sign_in(database: Database) -> None:
    """Returns when a login could be stored now, and stores none. Raises `DatabaseError`.

    It writes what a new user's login does and takes it back, so that a missing table or right and a full disk are met:
    to the file, SQLite writes even the pages on which nothing is left.
    """
    token = secrets.token_hex(22)[:43]
    # Longer than those of any account or entry: on a full disk, what is left of a page may take a short row alone.
    sealed = "0" * 512
    key = NewKey("", openid=token, unionid=token, session_key=sealed, session_key_fingerprint="", session_key_at=0)
    entry = Audited(id=token[:22], at=0, action="", user_id=token[:22], actor="", detail={"tried": sealed})
    new = NewSession(
        token[:22], key, token, lambda *_: sealed[:64], now=0, expires_at=0, keep=1, user_created=lambda: entry
    )
    await database.transaction(lambda: _undone(new))


def _undone(new: NewSession) -> Steps[None]:
    yield "SAVEPOINT tried", ()
    yield from _login(new, UnionidRules())
    # What a unionid that comes late may write.
    yield from propose(new.user_id, new.user_id, now=new.now)
    yield from record_deletion(new.user_id, at=new.now, reason=DeletionReason.WECHAT)
    yield "ROLLBACK TO SAVEPOINT tried", ()


def _login(new: NewSession, rules: UnionidRules) -> Steps[SignedInRecord]:
    known, key, now, merged = True, new.key, new.now, None
    account = yield from update_account(key, now=now)
    if account is None:
        user_id = yield from _user_of_new_account(new)
        known = user_id != new.user_id
        account = yield from insert_account(key, user_id=user_id, now=now)
        if not known:
            yield from record(new.user_created())
    elif key.unionid is not None and key.unionid != account["unionid"]:
        account, merged = yield from _with_unionid(account, key, rules, now)
    user_id, account_id = account["user_id"], account["id"]
    mac = new.mac(user_id, account_id)
    yield from insert_session(
        new.token_hash,
        user_id=user_id,
        account_id=account_id,
        now=now,
        expires_at=new.expires_at,
        mac=mac,
        device=new.device,
    )
    if new.logged_in is not None:
        yield from record(replace(new.logged_in, user_id=user_id))
    if known:
        if new.superseded is not None:
            yield from supersede(new.superseded, account_id=account_id, ends_at=new.superseded_ends_at)
        user, others = yield from drop_surplus(user_id, new.token_hash, now=now, keep=new.keep)
    else:
        user, others = UserRecord(user_id, "", "", 0, "", "", "", "", now, now), {}
    return SignedInRecord(
        account_id,
        account["unionid"],
        user,
        # Its own id: this login made the user, now or when the outcome of its COMMIT was lost.
        is_new_user=user_id == new.user_id,
        is_new_device=new.superseded not in others and any(ends_at > now for ends_at in others.values()),
        # As the row is now, so that a transaction which runs again tells the same.
        superseded=new.superseded if others.get(new.superseded or "") == new.superseded_ends_at else None,
        merged=merged,
    )


def _user_of_new_account(new: NewSession) -> Steps[str]:
    unionid, now = new.key.unionid, new.now
    if unionid is None:
        yield _NEW_USER, (new.user_id, now)
        return new.user_id
    if (yield _NEW_USER_OF_UNIONID, (new.user_id, now, unionid)):
        yield from claim_unionid(unionid, new.user_id, now=now)
        return new.user_id
    owner = yield from find_owner(unionid)
    if owner is None:
        msg = "the user is gone"
        raise Conflict(msg)
    yield from require_user(owner.user_id)
    if not owner.is_stored:
        yield from claim_unionid(unionid, owner.user_id, now=now)
    return owner.user_id


def _with_unionid(account: Row, key: NewKey, rules: UnionidRules, now: int) -> Steps[tuple[Row, MergedRecord | None]]:
    """The account whose unionid has come late or has changed, perhaps as that of another user by now."""
    stored, unionid, user_id = account["unionid"], key.unionid, account["user_id"]
    if unionid is None or (stored is not None and not rules.replace):
        return account, None
    owner = yield from find_owner(unionid)
    owner_id = owner.user_id if owner else user_id
    # In one order, for a login of the other user may do the same at this moment.
    first, last = sorted((owner_id, user_id))
    pair = ((yield from require_user(first)), (yield from require_user(last))) if first != last else None
    if not (owner and owner.is_stored):
        yield from claim_unionid(unionid, owner_id, now=now)
    account = yield from set_unionid(account["id"], unionid)
    if stored is not None:
        yield from drop_unused_unionid(stored)
        yield from _audit(AuditAction.UNIONID_CHANGED, user_id, key, now, account=account["id"])
    if pair is None:
        return account, None
    older, younger = by_age(*pair)
    if rules.merging and rules.merging.is_blank(younger, now) and not (yield from _has_given(younger.id)):
        what = Merge(older.id, younger.id, "wechat", DeletionReason.WECHAT, now, key.app_id)
        merged = yield from merge_users(what, rules.merging)
        if not isinstance(merged, MergedRecord):
            msg = "the user is gone"
            raise Conflict(msg)
        return {**account, "user_id": older.id}, merged
    if (yield from propose(older.id, younger.id, now=now)):
        yield from _audit(AuditAction.MERGE_PROPOSED, older.id, key, now, younger=younger.id)
    return account, None


def _has_given(user_id: str) -> Steps[bool]:
    """Whether a user has a phone or a picture, which may wait for its check."""
    return bool((yield from select_phone(user_id)) or (yield from pictures_in_use(user_id)))


def _audit(action: AuditAction, user_id: str, key: NewKey, now: int, **detail: object) -> Steps[None]:
    # A transaction that runs again finds the unionid stored, and does not come here.
    yield from record(action.entry(now=now, user_id=user_id, actor="wechat", app_id=key.app_id, detail=detail))
