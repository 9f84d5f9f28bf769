"""Phone numbers to store, as if they were sealed and indexed, and what the tables then hold of them."""

from collections.abc import Sequence

from models.audit_log import AuditAction, Audited
from models.database import Database
from models.phones import NewPhone, PhoneInUse, PhoneSource, StoredPhone, store_phone
from tests.models.rows import NOON, column


def a_phone(
    number: str = "138",
    *,
    verified_at: int = NOON,
    keys: Sequence[str] = ("k1",),
    app_id: str = "wx-one",
    code_hash: str | None = "hash of a code",
) -> NewPhone:
    """A number under a key ring of these ids, the first of which seals it."""
    return NewPhone(
        seal=f"v1.{keys[0]}.{number}.{{}}".format,
        indexes=tuple(f"{key_id}.{number}" for key_id in keys),
        country_code="86",
        app_id=app_id,
        source=PhoneSource.CODE,
        code_hash=code_hash,
        verified_at=verified_at,
    )


def an_entry(action: AuditAction = AuditAction.PHONE_SET) -> Audited:
    """One of no user and no app yet."""
    return action.entry(now=NOON, user_id=None)


async def account_of(database: Database, user_id: str) -> int:
    """The first one."""
    return int(str((await column(database, "SELECT id FROM accounts WHERE user_id = $1 ORDER BY id", user_id))[0]))


async def give(
    database: Database, user_id: str, phone: NewPhone, *, unique: bool = True, now: int = NOON
) -> StoredPhone | PhoneInUse | None:
    """What comes of a user's giving a number, through any of their accounts."""
    account_id = await account_of(database, user_id)
    return await store_phone(database, account_id, phone, an_entry(), unique=unique, now=now)


async def phones_of(database: Database) -> dict[str, tuple[str, int]]:
    """Each user's sealed number and when it was verified."""
    rows = await database.fetch("SELECT user_id, number, verified_at FROM phones ORDER BY user_id")
    return {row["user_id"]: (row["number"], row["verified_at"]) for row in rows}


async def owners(database: Database) -> dict[str, str]:
    """The user who owns each index."""
    rows = await database.fetch("SELECT number_index, user_id FROM phone_owners ORDER BY number_index")
    return {row["number_index"]: row["user_id"] for row in rows}
