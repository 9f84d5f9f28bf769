"""Keeps the encryption keys and the database in step: the check at start-up, the count, the rotation."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, NamedTuple

from graph.accounts.errors import KeyNotRetired, KeyRingMismatch
from graph.accounts.progress import Progress
from graph.security.encryption import KeyRing, SealContext, Sealed
from graph.security.errors import SecurityError, Tampered, UnknownKey
from graph.security.events import SecurityEvent
from graph.security.tokens import SessionMacs
from models.accounts import SealedAccount, count_accounts_by_key, find_sealed, read_sealed, reseal
from models.database import Database
from models.encryption_keys import add_canary, drop_canary, read_canaries
from models.errors import DatabaseBehind
from models.migrate import missing_migrations
from models.session_macs import SignedSession, read_signed, replace_macs

_log = logging.getLogger(__name__)

BATCH: Final = 500


def session_key_context(app_id: str, openid: str) -> SealContext:
    """Where a sealed session_key belongs. The current and the previous key share it: one statement moves them."""
    return SealContext("accounts", "session_key", app_id, openid)


def open_session_key(key_ring: KeyRing, sealed: str | None, place: SealContext) -> bytes | None:
    """None is as good as no key: when the user next logs in, a new one is stored."""
    if sealed is None:
        return None
    try:
        return key_ring.open(Sealed(sealed), place)
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
    """How many accounts a key seals, and how many sessions have a MAC of it."""

    accounts: int
    sessions: int

    def __str__(self) -> str:
        return f"{self.accounts} accounts, {self.sessions} sessions"


async def key_usage(database: Database, key_ring: KeyRing) -> dict[str, KeyUsage]:
    """What each key id of the ring, the database or a row is needed for. Raises `DatabaseError`."""
    counted = await _count_by_key(database)
    ids = dict.fromkeys([*key_ring.ids, *sorted(await read_canaries(database)), *sorted(counted)])
    return {key_id: counted.get(key_id, KeyUsage(0, 0)) for key_id in ids}


async def _count_by_key(database: Database) -> dict[str, KeyUsage]:
    accounts, sessions = await count_accounts_by_key(database), Counter[str]()
    async for page in read_signed(database):
        sessions.update(session.mac.partition(".")[2].partition(".")[0] for session in page)
    return {key_id: KeyUsage(accounts.get(key_id, 0), sessions[key_id]) for key_id in {*accounts, *sessions}}


async def retire(database: Database, key_id: str, *, lost: bool) -> KeyUsage:
    """Lets a key leave the ring; returns what still needs it, which is nothing unless it is `lost`.

    With a lost key the session_keys that it sealed are lost too, and the sessions end; their users log in again.
    Raises `KeyNotRetired`, `DatabaseError`.
    """
    usage = (await _count_by_key(database)).get(key_id, KeyUsage(0, 0))
    if any(usage) and not lost:
        msg = f"The key '{key_id}' is still needed for {usage}: run `wxgate keys rotate` first, or add --lost."
        raise KeyNotRetired(msg)
    if not await drop_canary(database, key_id) and not any(usage):
        msg = f"This database was never written with a key '{key_id}': `wxgate keys list` shows those that it knows."
        raise KeyNotRetired(msg)
    SecurityEvent.ENCRYPTION_KEY_RETIRED.log(key_id=key_id, lost=lost, **usage._asdict())
    return usage


@dataclass(slots=True)
class Rotation:
    """What a rotation did: in accounts, and with the MACs of sessions."""

    resealed: int = 0
    # Logins stored new keys meanwhile, which are sealed with the current key already, and nothing else was left.
    overtaken: int = 0
    # Sealed with a key that is gone, or damaged: these users get a new session_key when they next log in.
    unreadable: int = 0
    signed: int = 0
    # Signed with a key that is gone: as unknown as any other token.
    refused: int = 0
    # Changed in the database: no server took them any more.
    deleted: int = 0


async def rotate(database: Database, key_ring: KeyRing) -> Rotation:
    """Seals and signs all with the ring's first key, beside running servers; may be stopped and run again.

    Raises `DatabaseError`.
    """
    outcome, after, progress = Rotation(), 0, Progress("rotating encryption keys")
    while batch := await read_sealed(database, after=after, limit=BATCH):
        for account in batch:
            if _sealed_otherwise(account, key_ring):
                await _reseal(database, key_ring, account, outcome)
        after = batch[-1].id
        progress.report(**asdict(outcome))
    macs = SessionMacs(key_ring)
    async for page in read_signed(database):
        new: list[tuple[SignedSession, str | None]] = []
        for session in page:
            try:
                macs.check(session.mac, *session[:4])
            except UnknownKey:
                outcome.refused += 1
            except Tampered:
                new.append((session, None))
            else:
                mac = macs.sign(*session[:4])
                new += [(session, mac)] if mac != session.mac else []
        signed, deleted = await replace_macs(database, new)
        outcome.signed += signed
        outcome.deleted += deleted
        progress.report(**asdict(outcome))
    SecurityEvent.ENCRYPTION_KEYS_ROTATED.log(key_id=key_ring.current_id, **asdict(outcome))
    return outcome


def _sealed_otherwise(account: SealedAccount, key_ring: KeyRing) -> bool:
    prefix = f"v1.{key_ring.current_id}."
    return any(not text.startswith(prefix) for text in account.sealed)


async def _reseal(database: Database, key_ring: KeyRing, account: SealedAccount, outcome: Rotation) -> None:
    place = session_key_context(account.app_id, account.openid)
    session_key = open_session_key(key_ring, account.session_key, place)
    if session_key is None:
        outcome.unreadable += 1
        return
    previous = open_session_key(key_ring, account.previous_session_key, place)
    done = await reseal(
        database,
        account,
        session_key=key_ring.seal(session_key, place),
        fingerprint=key_ring.fingerprint(session_key, place),
        previous_session_key=None if previous is None else key_ring.seal(previous, place),
    )
    if done:
        outcome.resealed += 1
        return
    # A login was faster. Its own key is sealed as it should be; the one that it shifted to "previous" is not.
    again = await find_sealed(database, account.id)
    if again is not None and _sealed_otherwise(again, key_ring):
        await _reseal(database, key_ring, again, outcome)
    else:
        outcome.overtaken += 1
