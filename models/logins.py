"""Stores one login: the account with its newest session_key, the person if they are new, the device's session.

Of a person's other sessions only the most recently seen stay, so that nobody fills the table: no more than `keep` with
the new one. (At the same moment through two mini-programs that share a database, one more may stay until the next
login, and a person whom neither knows yet becomes two.)
"""

from dataclasses import dataclass, field
from typing import Final

from models.database import Database
from models.users import USER_COLUMNS, UserRecord

# An equal key only confirms itself. A different key shifts the stored one to "previous" when WeChat was asked for it
# later. When its answer was overtaken by a later login's, it goes to "previous" itself, unless a newer one is there.
_SAME: Final = "accounts.session_key_fingerprint = excluded.session_key_fingerprint"
_NEWER: Final = "accounts.session_key_at <= excluded.session_key_at"


def _previous(shifted: str, overtaken: str, column: str) -> str:
    return f"""CASE WHEN {_SAME} THEN accounts.{column} WHEN {_NEWER} THEN {shifted}
    WHEN accounts.previous_session_key_asked_at > excluded.session_key_at THEN accounts.{column}
    ELSE {overtaken} END"""


def _current(column: str) -> str:
    return f"CASE WHEN {_NEWER} THEN excluded.{column} ELSE accounts.{column} END"


# A person whom another mini-program of this database already knows by their unionid is not made a second time.
#
# On PostgreSQL, a statement that waited for another login of the same person does not see what that one has stored,
# neither the person nor the session: it must store nothing. `updated_at`, which only grows, tells that one came first.
_UPSERT_ACCOUNT: Final = f"""
INSERT INTO accounts (user_id, app_id, openid, unionid, session_key, session_key_fingerprint, session_key_at,
                      created_at, updated_at)
VALUES (COALESCE((SELECT user_id FROM accounts WHERE unionid = $4 ORDER BY id LIMIT 1), $1),
        $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (app_id, openid) DO UPDATE SET
  unionid = COALESCE(accounts.unionid, excluded.unionid),
  previous_session_key = {_previous("accounts.session_key", "excluded.session_key", "previous_session_key")},
  previous_session_key_asked_at =
    {_previous("accounts.session_key_at", "excluded.session_key_at", "previous_session_key_asked_at")},
  previous_session_key_at =
    {_previous("excluded.session_key_at", "accounts.session_key_at", "previous_session_key_at")},
  session_key = {_current("session_key")},
  session_key_fingerprint = {_current("session_key_fingerprint")},
  session_key_at = {_current("session_key_at")},
  updated_at = CASE WHEN accounts.updated_at < excluded.updated_at THEN excluded.updated_at
    ELSE accounts.updated_at + 1 END
WHERE accounts.updated_at = (SELECT updated_at FROM accounts WHERE app_id = $2 AND openid = $3)
RETURNING id, user_id, unionid"""  # noqa: S608 - constants only

_SESSION_COLUMNS: Final = "token_hash, user_id, account_id, created_at, last_seen_at, expires_at"
_NEW_USER_COLUMNS: Final = (
    "id, nick_name, avatar_url, gender, city, province, country, language, created_at, updated_at"
)
_USER: Final = ", ".join(f"u.{column}" for column in USER_COLUMNS)

# What a person's new session makes superfluous: all that have expired, and all but the `others` seen last. No condition
# but the person's id may lead to an index: that of `expires_at` leads through most of the table.
_SURPLUS: Final = """
    SELECT token_hash FROM sessions WHERE user_id = {user} AND token_hash <> {new} AND (
      expires_at <= {now} OR token_hash IN (
        SELECT token_hash FROM sessions WHERE user_id = {user} AND token_hash <> {new}
        ORDER BY (expires_at > {now}) DESC, last_seen_at DESC, created_at DESC, token_hash
        LIMIT 1000 OFFSET {others}))"""

# One statement, so one round trip and no transaction that a cancelled request could leave open. It may run twice, when
# the first answer was lost: it then finds its own rows. A token of somebody else's becomes a NULL, and so an error.
_POSTGRES_SIGN_IN: Final = f"""
WITH account AS (
{_UPSERT_ACCOUNT}
), person AS (
  INSERT INTO users ({_NEW_USER_COLUMNS})
  SELECT user_id, '', '', 0, '', '', '', '', $8, $8 FROM account WHERE user_id = $1
  ON CONFLICT (id) DO NOTHING
), device AS (
  INSERT INTO sessions ({_SESSION_COLUMNS}) SELECT $9, user_id, id, $8, $8, $10 FROM account
  ON CONFLICT (token_hash) DO UPDATE SET
    account_id = CASE WHEN sessions.account_id = excluded.account_id THEN excluded.account_id END
), surplus AS (
  DELETE FROM sessions WHERE token_hash = ANY(ARRAY(
{_SURPLUS.format(user="(SELECT user_id FROM account)", new="$9", now="$8", others="$11")}
    FOR UPDATE SKIP LOCKED))
)
SELECT account.id AS account_id, account.user_id, account.unionid AS kept_unionid, {_USER}
FROM account LEFT JOIN users u ON u.id = account.user_id"""  # noqa: S608 - constants only

# On SQLite several statements, with the same values: one cannot write into three tables.
_THEIRS: Final = "FROM accounts a WHERE a.app_id = $2 AND a.openid = $3"
_SQLITE_SIGN_IN: Final = (
    f"""
INSERT INTO users ({_NEW_USER_COLUMNS}) SELECT $1, '', '', 0, '', '', '', '', $8, $8
WHERE NOT EXISTS (SELECT 1 {_THEIRS}) AND NOT EXISTS (SELECT 1 FROM accounts WHERE unionid = $4)""",  # noqa: S608
    _UPSERT_ACCOUNT,
    f"INSERT INTO sessions ({_SESSION_COLUMNS}) SELECT $9, a.user_id, a.id, $8, $8, $10 {_THEIRS}",
    f"""
DELETE FROM sessions WHERE token_hash IN (
{_SURPLUS.format(user=f"(SELECT a.user_id {_THEIRS})", new="$9", now="$8", others="$11")})""",  # noqa: S608
    f"""
SELECT a.id AS account_id, a.user_id, a.unionid AS kept_unionid, {_USER}
FROM accounts a JOIN users u ON u.id = a.user_id WHERE a.app_id = $2 AND a.openid = $3""",  # noqa: S608
)

_SUPERSEDE: Final = "UPDATE sessions SET expires_at = $3 WHERE token_hash = $1 AND account_id = $2 AND expires_at > $3"


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a login has learnt, ready to be stored. Times in epoch milliseconds."""

    # The id that the person gets if nobody knows them yet.
    user_id: str
    app_id: str
    openid: str = field(repr=False)
    unionid: str | None = field(repr=False)
    session_key: str = field(repr=False)
    session_key_fingerprint: str = field(repr=False)
    # When the WeChat call that returned the key was sent; orders answers that overtake each other.
    session_key_at: int
    token_hash: str = field(repr=False)
    now: int
    expires_at: int
    # How many sessions the person has after it, at the most.
    keep: int


@dataclass(frozen=True, slots=True)
class SignedInRecord:
    """The rows that a login left."""

    account_id: int
    unionid: str | None = field(repr=False)
    user: UserRecord
    is_new_user: bool


async def sign_in(database: Database, new: NewSession) -> SignedInRecord:
    """Stores a login whole or not at all, however many logins of the same person run at once in any process.

    An existing unionid is kept when another one arrives; the caller sees both. Raises `DatabaseError`.
    """
    values = _values(new)
    if database.dialect == "sqlite":
        [row] = await database.unit(_SQLITE_SIGN_IN, *values)
    else:
        while not (rows := await database.fetch(_POSTGRES_SIGN_IN, *values)):
            pass  # another login came first, so each turn somebody gets through
        row = rows[0]
    # PostgreSQL's statement cannot see the rows that it inserts, and has nothing to tell about a person it just made.
    created = row["id"] is None or row["id"] == new.user_id
    user = _blank_user(new) if row["id"] is None else UserRecord.of(row)
    return SignedInRecord(row["account_id"], row["kept_unionid"], user, is_new_user=created)


def _values(new: NewSession) -> tuple[object, ...]:
    return (
        new.user_id,
        new.app_id,
        new.openid,
        new.unionid,
        new.session_key,
        new.session_key_fingerprint,
        new.session_key_at,
        new.now,
        new.token_hash,
        new.expires_at,
        new.keep - 1,
    )


def _blank_user(new: NewSession) -> UserRecord:
    return UserRecord(new.user_id, "", "", 0, "", "", "", "", new.now, new.now)


async def supersede(database: Database, token_hash: str, *, account_id: int, ends_at: int) -> None:
    """Brings the end of an older session of the same account forward to `ends_at`; anyone else's is left alone."""
    await database.execute(_SUPERSEDE, token_hash, account_id, ends_at)
