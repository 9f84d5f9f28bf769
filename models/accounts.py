"""A user as one mini-program knows them, and the sealed session_keys; nothing here can open them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.database import Database, Row, Steps
from models.errors import Conflict
from models.users import User, UserRecord, lock_user


class Account(Model):
    """The table `accounts`: WeChat's ids of a user in one mini-program, and the two newest session_keys, sealed.

    Two keys, because a submission that was signed before a login may arrive after it. The columns hold sealed text and
    a keyed fingerprint; nothing in this package can open them.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="accounts", on_delete=fields.CASCADE, db_index=True
    )
    app_id = fields.CharField(max_length=32)
    openid = fields.CharField(max_length=64)
    unionid = fields.CharField(max_length=64, null=True, db_index=True)
    session_key = fields.TextField()
    session_key_fingerprint = fields.CharField(max_length=22)
    # When the newest WeChat call that returned this key was sent.
    session_key_at = fields.BigIntField()
    previous_session_key = fields.TextField(null=True)
    # As `session_key_at`, for the previous key.
    previous_session_key_asked_at = fields.BigIntField(null=True)
    # When the previous key was replaced.
    previous_session_key_at = fields.BigIntField(null=True)
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()

    class Meta:
        table = "accounts"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "People as one mini-program knows them."
        unique_together = (("app_id", "openid"),)


# What a login stores in the account that it finds. An equal key only confirms itself. A different key shifts the stored
# one to "previous" when WeChat was called for it later. When its response was overtaken by a later login's, it goes to
# "previous" itself, unless a newer one is there. No login takes a minute: a time so much later than its own was left by
# a wrong clock, and is not believed. `updated_at` only grows: servers that store a login in one statement tell by it
# that another came first.
_SAME: Final = "session_key_fingerprint = $4"
_NEWER: Final = "(session_key_at <= $5 OR session_key_at - 60000 > $5)"


def _previous(shifted: str, overtaken: str, column: str) -> str:
    return f"""{column} = CASE WHEN {_SAME} THEN {column} WHEN {_NEWER} THEN {shifted}
    WHEN previous_session_key_asked_at > $5 THEN {column} ELSE {overtaken} END"""


def _current(column: str, value: str) -> str:
    return f"{column} = CASE WHEN {_NEWER} THEN {value} ELSE {column} END"


_UPDATE: Final = f"""
UPDATE accounts SET
  {_previous("session_key", "$3", "previous_session_key")},
  {_previous("session_key_at", "$5", "previous_session_key_asked_at")},
  {_previous("$5", "session_key_at", "previous_session_key_at")},
  {_current("session_key", "$3")},
  {_current("session_key_fingerprint", "$4")},
  {_current("session_key_at", "$5")},
  updated_at = CASE WHEN updated_at < $6 THEN $6 ELSE updated_at + 1 END
WHERE app_id = $1 AND openid = $2
RETURNING id, user_id, unionid"""  # noqa: S608 - constants only
_INSERT: Final = """
INSERT INTO accounts (app_id, openid, session_key, session_key_fingerprint, session_key_at, created_at, updated_at,
                      unionid, user_id)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)
ON CONFLICT (app_id, openid) DO NOTHING
RETURNING id, user_id, unionid"""
_OF_USER: Final = "SELECT id FROM accounts WHERE user_id = $1 ORDER BY id"
_LOCK: Final = "UPDATE accounts SET user_id = user_id WHERE id = $1 RETURNING user_id, app_id"
_HOLDER: Final = """
SELECT own.user_id, shown.id AS shown_id FROM accounts own
LEFT JOIN accounts shown ON shown.user_id = own.user_id AND shown.app_id = $2 AND shown.openid = $3 WHERE own.id = $1"""
_LOCK_BY_OPENID: Final = "UPDATE accounts SET user_id = user_id WHERE app_id = $1 AND openid = $2 RETURNING user_id"
_FIND: Final = "SELECT id, user_id, created_at FROM accounts WHERE app_id = $1 AND openid = $2"
_HAS_OTHERS: Final = "SELECT 1 AS one FROM accounts WHERE user_id = $1 AND id <> $2 LIMIT 1"
_DELETE: Final = "DELETE FROM accounts WHERE id = $1 AND user_id = $2 RETURNING unionid"
_MOVE: Final = "UPDATE accounts SET user_id = $2 WHERE user_id = $1 RETURNING id"
_SET_UNIONID: Final = "UPDATE accounts SET unionid = $2 WHERE id = $1 RETURNING id, user_id, unionid"


@dataclass(frozen=True, slots=True)
class NewKey:
    """What WeChat gave a login, sealed. Times in epoch milliseconds."""

    app_id: str
    openid: str = field(repr=False)
    unionid: str | None = field(repr=False)
    session_key: str = field(repr=False)
    session_key_fingerprint: str = field(repr=False)
    # When the WeChat call that returned the key was sent; orders responses that overtake each other.
    session_key_at: int


def update_account(key: NewKey, *, now: int) -> Steps[Row | None]:
    """The account with its newest key, locked until the transaction ends; None when there is none yet.

    Its unionid is the stored one. Plain SQL, as all that a login sends: SQLite's thread runs the same steps, where no
    QuerySet can be awaited.
    """
    rows = yield _UPDATE, _values(key, now)
    return rows[0] if rows else None


def insert_account(key: NewKey, *, user_id: str, now: int) -> Steps[Row]:
    """The new account. Raises `Conflict` when another login has made it meanwhile."""
    rows = yield _INSERT, (*_values(key, now), key.unionid, user_id)
    if not rows:
        msg = "the account is there"
        raise Conflict(msg)
    return rows[0]


def set_unionid(account_id: int, unionid: str) -> Steps[Row]:
    """The account with another unionid; the login has locked it."""
    [row] = yield _SET_UNIONID, (account_id, unionid)
    return row


def lock_account(account_id: int) -> Steps[Row | None]:
    """Its user and AppID, which no other transaction changes until this one ends; None when it is gone."""
    rows = yield _LOCK, (account_id,)
    return rows[0] if rows else None


def lock_account_of(app_id: str, openid: str) -> Steps[str | None]:
    """As `lock_account`, for an account by WeChat's ids; its user's id."""
    rows = yield _LOCK_BY_OPENID, (app_id, openid)
    return rows[0]["user_id"] if rows else None


def lock_holder(account_id: int) -> Steps[tuple[Row, UserRecord] | None]:
    """The account and its user, locked in this order; None when they are gone."""
    account = yield from lock_account(account_id)
    user = (yield from lock_user(account["user_id"])) if account is not None else None
    return None if account is None or user is None else (account, user)


def lock_accounts(user_id: str) -> Steps[None]:
    """Waits for logins of the user's accounts, and keeps others waiting until the transaction ends.

    One after the other by id: a single statement locks them as it comes upon them, and two would meet halfway.
    """
    for row in (yield _OF_USER, (user_id,)):
        yield from lock_account(row["id"])


@dataclass(frozen=True, slots=True)
class OtherUser:
    """An openid of WeChat's is not the user's."""


def find_holder(account_id: int, app_id: str, openid: str) -> Steps[str | OtherUser | None]:
    """The user of an account, if the openid is theirs too; None when the account is gone. As has been committed."""
    rows = yield _HOLDER, (account_id, app_id, openid)
    if not rows:
        return None
    return str(rows[0]["user_id"]) if rows[0]["shown_id"] is not None else OtherUser()


def find_account(app_id: str, openid: str) -> Steps[Row | None]:
    """Its id, user and time of creation, not locked; None when there is none."""
    rows = yield _FIND, (app_id, openid)
    return rows[0] if rows else None


def has_other_accounts(user_id: str, account_id: int) -> Steps[bool]:
    """Whether a user has an account beside this one."""
    return bool((yield _HAS_OTHERS, (user_id, account_id)))


def delete_account_row(account_id: int, user_id: str) -> Steps[Row | None]:
    """Deletes an account while it is this user's, whose row is locked; its unionid, or None when it is not."""
    rows = yield _DELETE, (account_id, user_id)
    return rows[0] if rows else None


def move_accounts(younger: str, older: str) -> Steps[int]:
    """Gives one user's accounts to another; how many."""
    return len((yield _MOVE, (younger, older)))


def _values(key: NewKey, now: int) -> Sequence[object]:
    return (key.app_id, key.openid, key.session_key, key.session_key_fingerprint, key.session_key_at, now)


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """The sealed columns of one account, and what they are bound to."""

    id: int
    app_id: str
    openid: str = field(repr=False)
    session_key: str = field(repr=False)
    previous_session_key: str | None = field(repr=False)
    previous_session_key_at: int | None

    @property
    def sealed(self) -> Sequence[str]:
        """What it holds, as `v1.<key id>.<...>`."""
        return [text for text in (self.session_key, self.previous_session_key) if text is not None]


async def read_sealed(database: Database, *, after: int, limit: int, last: int = 2**63 - 1) -> Sequence[SealedAccount]:
    """The next accounts by id, up to `last`. Raises `DatabaseError`."""
    columns = SealedAccount.__slots__
    batch = Account.filter(id__gt=after, id__lte=last).order_by("id").limit(limit)
    return [SealedAccount(*row) for row in await database.run(lambda: batch.values_list(*columns), reads=True)]


async def find_sealed(database: Database, account_id: int) -> SealedAccount | None:
    """One account, or None when it is gone. Raises `DatabaseError`."""
    return next(iter(await read_sealed(database, after=account_id - 1, last=account_id, limit=1)), None)


async def list_accounts(database: Database, user_id: str) -> Sequence[Row]:
    """A user's accounts without what is sealed, the oldest first. Raises `DatabaseError`."""
    columns = ("app_id", "openid", "unionid", "created_at", "updated_at")
    accounts = Account.filter(user_id=user_id).order_by("id")
    return await database.run(lambda: accounts.values(*columns), reads=True)


async def find_user_of_account(database: Database, account_id: int) -> str | None:
    """Whose an account is now, or None when it is gone. Raises `DatabaseError`."""
    account = Account.filter(id=account_id)
    rows = await database.run(lambda: account.values_list("user_id"), reads=True)
    return str(rows[0][0]) if rows else None


# Bounded by ids as well, for an app of few accounts is far to seek among those of others.
_NEWEST_WITH_UNIONID: Final = """
SELECT COUNT(*) AS accounts, COUNT(unionid) AS unionids FROM (
  SELECT unionid FROM accounts WHERE app_id = $1 AND id > (SELECT MAX(id) FROM accounts) - 100000
  ORDER BY id DESC LIMIT $2) newest"""
_NEXT_APP: Final = "SELECT MIN(app_id) AS app_id FROM accounts WHERE app_id > $1"


async def count_newest_with_unionid(database: Database, newest: int) -> dict[str, tuple[int, int]]:
    """By AppID, how many of its newest accounts there are, `newest` at the most, and how many of them have a unionid.

    Raises `DatabaseError`.
    """
    counts: dict[str, tuple[int, int]] = {}
    app_id = ""
    while app_id := (await database.fetch(_NEXT_APP, app_id))[0]["app_id"] or "":
        [row] = await database.fetch(_NEWEST_WITH_UNIONID, app_id, newest)
        if row["accounts"]:
            counts[app_id] = row["accounts"], row["unionids"]
    return counts


async def count_accounts_by_key(database: Database, *, batch: int = 1000) -> dict[str, int]:
    """How many accounts have something sealed with each key id.

    Walks through the whole table in batches: no statement is long, however many accounts there are.
    """
    counts: Counter[str] = Counter()
    after = 0
    while accounts := await read_sealed(database, after=after, limit=batch):
        for account in accounts:
            counts.update({text.partition(".")[2].partition(".")[0] for text in account.sealed})
        after = accounts[-1].id
    return dict(sorted(counts.items()))


async def reseal(
    database: Database, old: SealedAccount, *, session_key: str, fingerprint: str, previous_session_key: str | None
) -> bool:
    """Replaces the sealed columns if they are still the old ones; False when a login was faster."""
    same = Account.filter(id=old.id, session_key=old.session_key, previous_session_key=old.previous_session_key)
    new = {
        "session_key": session_key,
        "session_key_fingerprint": fingerprint,
        "previous_session_key": previous_session_key,
    }
    return await database.run(lambda: same.update(**new)) == 1
