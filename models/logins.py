"""Stores one login: the account with its newest session_key, a user if they are new, the device's session.

One transaction of plain statements that each write one table, the same on both databases. The first one takes the
account's row, so that a login that waited for another of the same account sees all that it has stored.

Of a user's other sessions only `keep` stay with the new one, so that no user fills the table. (At the same moment
through two mini-programs that share a database, one more may stay until the next login, and a user whom neither knows
yet becomes two.)
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from models.accounts import NewKey, find_user_of_unionid, insert_account, update_account
from models.audit_log import Audited, record
from models.database import Database, Dialect, Steps
from models.devices import UNKNOWN_DEVICE, Device
from models.sessions import drop_surplus, insert_session, supersede
from models.users import UserRecord

_NEW_USER: Final = """
INSERT INTO users (id, nick_name, avatar_url, gender, city, province, country, language, created_at, updated_at)
VALUES ($1, '', '', 0, '', '', '', '', $2, $2)"""

_NEEDS_TABLES: Final[Mapping[Dialect, str]] = {
    "sqlite": "SELECT 1 AS one FROM accounts, sessions, users LIMIT 0",
    # A write of no row, which an old primary that still answers reads refuses. (SQLite's would wait for the lock.)
    "postgres": "UPDATE sessions SET user_id = user_id WHERE FALSE AND EXISTS (SELECT 1 FROM accounts, users)",
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


async def sign_in(database: Database, new: NewSession) -> SignedInRecord:
    """Stores a login whole or not at all, however many logins of the same user run at once in any process.

    An existing unionid is kept when another one arrives; the caller sees both. Raises `DatabaseError`.
    """
    return await database.transaction(lambda: _login(new))


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
    key = NewKey("", openid=token, unionid=None, session_key=sealed, session_key_fingerprint="", session_key_at=0)
    entry = Audited(id=token[:22], at=0, action="", user_id=token[:22], actor="", detail={"tried": sealed})
    new = NewSession(
        token[:22], key, token, lambda *_: sealed[:64], now=0, expires_at=0, keep=1, user_created=lambda: entry
    )
    await database.transaction(lambda: _undone(new))


def _undone(new: NewSession) -> Steps[None]:
    yield "SAVEPOINT tried", ()
    yield from _login(new)
    yield "ROLLBACK TO SAVEPOINT tried", ()


def _login(new: NewSession) -> Steps[SignedInRecord]:
    known, key, now = True, new.key, new.now
    account = yield from update_account(key, now=now)
    if account is None:
        user_id = (yield from find_user_of_unionid(key.unionid)) if key.unionid is not None else None
        known = user_id is not None
        if user_id is None:
            user_id = new.user_id
            yield _NEW_USER, (user_id, now)
        account = yield from insert_account(key, user_id=user_id, now=now)
        if not known:
            yield from record(new.user_created())
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
    )
