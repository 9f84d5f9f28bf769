"""Reads and writes what is sealed, for whoever holds the encryption keys; nothing here can open it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.database import Database, Dialect

_CANARIES: Final = "SELECT id, canary FROM encryption_keys"
_ADD_CANARY: Final = "INSERT INTO encryption_keys (id, canary, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_DROP_CANARY: Final = "DELETE FROM encryption_keys WHERE id = $1"

# The second part of `v1.<key id>.<...>`.
_KEY_ID: Final[Mapping[Dialect, str]] = {
    "sqlite": "substr({0}, 4, max(instr(substr({0}, 4), '.') - 1, 0))",
    "postgres": "split_part({0}, '.', 2)",
}
_COUNT: Final = """
SELECT key_id, COUNT(*) AS accounts, MAX(id) AS last FROM (
  WITH batch AS (SELECT id, session_key, previous_session_key FROM accounts WHERE id > $1 ORDER BY id LIMIT $2)
  SELECT id, {current} AS key_id FROM batch UNION
  SELECT id, {previous} FROM batch WHERE previous_session_key IS NOT NULL) AS sealed
GROUP BY key_id"""
# A batch takes a few milliseconds, during which a reader of SQLite's waits.
_COUNT_AT_ONCE: Final = 1000

_OTHERWISE_SEALED: Final = """
SELECT id, app_id, openid, session_key, previous_session_key FROM accounts
WHERE id > $1 AND id <= $2 AND (substr(session_key, 1, $4) <> $3 OR substr(previous_session_key, 1, $4) <> $3)
ORDER BY id LIMIT $5"""
_LAST_ID: Final = 2**63 - 1

_RESEAL: Final = """
UPDATE accounts SET session_key = $2, session_key_fingerprint = $3, previous_session_key = $4
WHERE id = $1 AND session_key = $5 AND COALESCE(previous_session_key, '') = $6"""


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """The sealed columns of one account, and what they are bound to."""

    id: int
    app_id: str
    openid: str = field(repr=False)
    session_key: str = field(repr=False)
    previous_session_key: str | None = field(repr=False)


async def read_canaries(database: Database) -> dict[str, str]:
    """The canary of each key id that this database was written with."""
    return {row["id"]: row["canary"] for row in await database.fetch(_CANARIES)}


async def add_canary(database: Database, key_id: str, canary: str, *, now: int) -> None:
    """Notes that a key is in use; a canary that is there stays as it is."""
    await database.execute(_ADD_CANARY, key_id, canary, now)


async def drop_canary(database: Database, key_id: str) -> None:
    """Forgets that a key was ever in use."""
    await database.execute(_DROP_CANARY, key_id)


async def count_accounts_by_key(
    database: Database, *, rest: Callable[[], Awaitable[object]] | None = None
) -> dict[str, int]:
    """How many accounts have something sealed with each key id.

    Walks through the whole table in batches, and awaits `rest` after each: no statement is long, however many accounts
    there are.
    """
    key_id = _KEY_ID[database.dialect]
    sql = _COUNT.format(current=key_id.format("session_key"), previous=key_id.format("previous_session_key"))
    counts: Counter[str] = Counter()
    after = 0
    while rows := await database.fetch(sql, after, _COUNT_AT_ONCE):
        counts.update({row["key_id"]: int(row["accounts"]) for row in rows})
        after = max(int(row["last"]) for row in rows)
        if rest is not None:
            await rest()
    return dict(sorted(counts.items()))


async def accounts_sealed_otherwise(
    database: Database, prefix: str, *, after: int, limit: int, last: int = _LAST_ID
) -> Sequence[SealedAccount]:
    """The next accounts by id, up to `last`, that have a key sealed under anything but `prefix`."""
    rows = await database.fetch(_OTHERWISE_SEALED, after, last, prefix, len(prefix), limit)
    return [SealedAccount(**row) for row in rows]


async def reseal(
    database: Database, old: SealedAccount, *, session_key: str, fingerprint: str, previous_session_key: str | None
) -> bool:
    """Replaces the sealed columns if they are still the old ones; False when a login was faster."""
    changed = await database.execute(
        _RESEAL,
        old.id,
        session_key,
        fingerprint,
        previous_session_key,
        old.session_key,
        old.previous_session_key or "",
    )
    return changed == 1
