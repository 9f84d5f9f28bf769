"""Merges to carry out, and what must be true of the tables after one."""

from typing import Final

from models.database import Database
from models.deleted_users import DeletionReason
from models.merging import Merge, MergeRules
from models.session_macs import SignedSession
from models.users import UserRecord
from tests.models.rows import NOON, column

# Which outlive the user.
_OF_THE_PAST: Final = {"audit_log", "deleted_users"}
_TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgres": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}


def _sign(session: SignedSession, user_id: str) -> str | None:
    is_right = session.mac == f"v1.k1.{session.user_id}.{session.account_id}"
    return f"v1.k1.{user_id}.{session.account_id}" if is_right else None


def _fill(older: UserRecord, younger: UserRecord) -> UserRecord:
    names = ("nick_name", "avatar_url", "city")
    return older._replace(**{name: getattr(older, name) or getattr(younger, name) for name in names})


def _reseal(sealed: str, younger: str, older: str) -> str | None:
    version, key_id, number, user_id = sealed.split(".")
    return f"{version}.{key_id}.{number}.{older}" if user_id == younger else None


RULES: Final = MergeRules(
    fill=_fill,
    has_picture=lambda user: bool(user.avatar_url),
    sign=_sign,
    reseal=_reseal,
    is_blank=lambda user, _now: not user.nick_name,
)


def a_merge(older: str, younger: str, *, now: int = NOON) -> Merge:
    return Merge(older, younger, "cli:operator", DeletionReason.OPERATOR, now)


async def mentions(database: Database, text: str) -> dict[str, int]:
    """In how many rows of which tables a text stands, but for those that outlive a user."""
    found = {}
    for table in await column(database, _TABLES[database.dialect]):
        rows = await database.fetch(f"SELECT * FROM {table}")  # noqa: S608
        found[str(table)] = sum(text in str(value) for row in rows for value in row.values())
    return {table: number for table, number in found.items() if number and table not in _OF_THE_PAST}


async def wrong_sessions(database: Database) -> list[str]:
    """Sessions that are not their account's user's, or whose MAC is not right."""
    rows = await database.fetch("""SELECT s.token_hash, s.user_id, s.account_id, s.mac, a.user_id AS of_account
        FROM sessions s JOIN accounts a ON a.id = s.account_id""")
    return [
        row["token_hash"]
        for row in rows
        if row["user_id"] != row["of_account"] or row["mac"] != f"v1.k1.{row['user_id']}.{row['account_id']}"
    ]
