"""The MACs of sessions, by the thousand: to count them, and to replace them when the key does."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from models.database import Database
from models.sessions import Session


class SignedSession(NamedTuple):
    """The MAC of one session, and what it is made of."""

    token_hash: str
    user_id: str
    account_id: int
    created_at: int
    mac: str


async def read_signed(database: Database, *, batch: int = 1000) -> AsyncIterator[SignedSession]:
    """Every session that has a MAC, by statements of which none is long. Raises `DatabaseError`."""
    columns, signed, after = SignedSession._fields, Session.filter(mac__isnull=False).order_by("token_hash"), ""
    while page := await database.run(
        lambda: signed.filter(token_hash__gt=after).limit(batch).values_list(*columns),  # noqa: B023
        reads=True,
    ):
        for row in page:
            yield SignedSession._make(row)
        after = page[-1][0]


async def replace_mac(database: Database, old: SignedSession, mac: str) -> bool:
    """Whether the session was still as it was read. Raises `DatabaseError`."""
    same = Session.filter(**old._asdict())
    return await database.run(lambda: same.update(mac=mac)) == 1


async def count_without_mac(database: Database, *, now: int) -> int:
    """How many sessions that have not ended no MAC protects. Raises `DatabaseError`."""
    return await database.run(lambda: Session.filter(mac=None, expires_at__gt=now).count(), reads=True)
