"""Keeps the encryption keys and the database in step: the check at start-up, the count, how a key is retired."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from graph.accounts.errors import KeyNotRetired, KeyRingMismatch
from graph.security.encryption import KeyRing, SealContext, Sealed
from graph.security.errors import SecurityError
from graph.security.events import SecurityEvent
from models.accounts import count_accounts_by_key
from models.database import Database
from models.encryption_keys import add_canary, drop_canary, read_canaries
from models.errors import DatabaseBehind
from models.events import count_events_by_key
from models.migrate import missing_migrations
from models.phones import count_phones_by_key
from models.session_macs import read_signed

_log = logging.getLogger(__name__)


def session_key_context(app_id: str, openid: str) -> SealContext:
    """Where a sealed session_key belongs. The current and the previous key share it: one statement moves them."""
    return SealContext("accounts", "session_key", app_id, openid)


def open_session_key(key_ring: KeyRing, sealed: str | None, context: SealContext) -> bytes | None:
    """None is as good as no key: when the user next logs in, a new one is stored."""
    if sealed is None:
        return None
    try:
        return key_ring.open(Sealed(sealed), context)
    except SecurityError as error:
        _log.warning("a stored session_key cannot be opened", extra={"reason": type(error).__name__})
        return None


@dataclass(kw_only=True, eq=False, repr=False)
class KeyCheck:
    """Proves once that the database is of this version and of this key ring, as soon as there is a database.

    Once: what a later version adds while this server runs does not stop it.
    """

    database: Database
    key_ring: KeyRing
    now: Callable[[], int]
    _passed: bool = field(default=False, init=False)

    async def ensure(self) -> None:
        """Returns at once when that has been proven. Raises `KeyRingMismatch`, `DatabaseError`."""
        if self._passed:
            return
        if missing := await missing_migrations(self.database):
            raise DatabaseBehind(", ".join(missing))
        canaries = await self.compare()
        if self.key_ring.current_id not in canaries:
            await add_canary(self.database, self.key_ring.current_id, self.key_ring.canary(), now=self.now())
        self._passed = True

    async def compare(self) -> Mapping[str, str]:
        """The database's canaries, all of them made by this ring; changes nothing. Raises like `ensure`."""
        ring, canaries = self.key_ring, await read_canaries(self.database)
        for key_id, canary in canaries.items():
            if key_id not in ring.ids:
                msg = (
                    f"WXGATE_ENCRYPTION_KEYS lacks the key '{key_id}' that this database was written with: add it, "
                    f"or run `wxgate keys retire {key_id}` when it is retired or lost."
                )
                raise KeyRingMismatch(msg)
            if not ring.check_canary(key_id, Sealed(canary)):
                msg = f"WXGATE_ENCRYPTION_KEYS has another key '{key_id}' than the one this database was written with."
                raise KeyRingMismatch(msg)
        return canaries


class KeyUsage(NamedTuple):
    """How many accounts, phone numbers and events a key seals, and how many sessions have a MAC of it.

    Events are those that are not applied yet, and seldom any.
    """

    accounts: int = 0
    sessions: int = 0
    phones: int = 0
    events: int = 0

    def __str__(self) -> str:
        events = f", {self.events} events" if self.events else ""
        return f"{self.accounts} accounts, {self.sessions} sessions, {self.phones} phone numbers{events}"


async def key_usage(database: Database, key_ring: KeyRing) -> dict[str, KeyUsage]:
    """What each key id of the ring, the database or a row is needed for. Raises `DatabaseError`."""
    counted = await _count_by_key(database)
    ids = dict.fromkeys([*key_ring.ids, *sorted(await read_canaries(database)), *sorted(counted)])
    return {key_id: counted.get(key_id, KeyUsage()) for key_id in ids}


async def _count_by_key(database: Database) -> dict[str, KeyUsage]:
    accounts, phones = await count_accounts_by_key(database), await count_phones_by_key(database)
    sessions, events = Counter[str](), await count_events_by_key(database)
    async for page in read_signed(database):
        sessions.update(session.mac.partition(".")[2].partition(".")[0] for session in page)
    return {
        key_id: KeyUsage(accounts.get(key_id, 0), sessions[key_id], phones.get(key_id, 0), events.get(key_id, 0))
        for key_id in {*accounts, *sessions, *phones, *events}
    }


async def retire(database: Database, key_id: str, *, lost: bool) -> KeyUsage:
    """Lets a key leave the ring; returns what still needs it, which is nothing unless it is `lost`.

    With a lost key the session_keys and phone numbers that it sealed are lost too, and the sessions end; their users
    log in and give their numbers again.
    Raises `KeyNotRetired`, `DatabaseError`.
    """
    usage = (await _count_by_key(database)).get(key_id, KeyUsage())
    if any(usage) and not lost:
        msg = f"The key '{key_id}' is still needed for {usage}: run `wxgate keys rotate` first, or add --lost."
        raise KeyNotRetired(msg)
    if not await drop_canary(database, key_id) and not any(usage):
        msg = f"This database was never written with a key '{key_id}': `wxgate keys list` shows those that it knows."
        raise KeyNotRetired(msg)
    SecurityEvent.ENCRYPTION_KEY_RETIRED.log(key_id=key_id, lost=lost, **usage._asdict())
    return usage
