"""Keeps the encryption keys and the database in step: the check at start-up, the count, the rotation."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from graph.accounts.errors import KeyRingMismatch
from graph.accounts.login import session_key_place
from graph.security.encryption import KeyRing, Sealed
from graph.security.errors import SecurityError
from models.database import Database
from models.keys import (
    SealedAccount,
    accounts_sealed_otherwise,
    add_canary,
    count_accounts_sealed_with,
    drop_canary,
    read_canaries,
    reseal,
)

_log = logging.getLogger(__name__)

BATCH: Final = 500


class KeyCheck:
    """Proves once that the key ring is the one that the database was written with, as soon as there is a database."""

    def __init__(self, *, database: Database, key_ring: KeyRing, now: Callable[[], int]) -> None:
        self._database = database
        self._key_ring = key_ring
        self._now = now
        self._passed = False

    async def ensure(self) -> None:
        """Returns at once when the ring has been proven. Raises `KeyRingMismatch`, `DatabaseError`."""
        if self._passed:
            return
        canaries = await self.compare()
        if self._key_ring.current_id not in canaries:
            key_id = self._key_ring.current_id
            await add_canary(self._database, key_id, self._key_ring.canary(key_id), now=self._now())
        self._passed = True

    async def compare(self) -> Mapping[str, str]:
        """The database's canaries, all of them made by this ring; changes nothing. Raises like `ensure`."""
        ring, canaries = self._key_ring, await read_canaries(self._database)
        for key_id, canary in canaries.items():
            if key_id not in ring.ids:
                msg = (
                    f"WXGATE_ENCRYPTION_KEYS lacks the key '{key_id}' that this database was written with: add it, "
                    "and see `wxgate keys rotate` for how to retire it."
                )
                raise KeyRingMismatch(msg)
            if not ring.check_canary(key_id, Sealed(canary)):
                msg = f"WXGATE_ENCRYPTION_KEYS has another key '{key_id}' than the one this database was written with."
                raise KeyRingMismatch(msg)
        return canaries


async def key_usage(database: Database, key_ring: KeyRing) -> dict[str, int]:
    """How many accounts each key id seals, for every id in the ring or in the database. Raises `DatabaseError`."""
    ids = [*key_ring.ids, *sorted(set(await read_canaries(database)) - set(key_ring.ids))]
    return {key_id: await count_accounts_sealed_with(database, f"v1.{key_id}.") for key_id in ids}


@dataclass(slots=True)
class Rotation:
    """What a rotation did, in accounts."""

    resealed: int = 0
    # A login stored a new key meanwhile, which is sealed with the current key already.
    overtaken: int = 0
    # Sealed with a key that is gone: these people get a new session_key when they next log in.
    unreadable: int = 0


async def rotate(database: Database, key_ring: KeyRing) -> Rotation:
    """Seals every session_key with the ring's first key, on a live server; may be stopped and run again.

    A key of the ring that then seals nothing is forgotten by the database, so that it may leave the ring. Raises
    `DatabaseError`.
    """
    outcome, after, prefix = Rotation(), 0, f"v1.{key_ring.current_id}."
    while batch := await accounts_sealed_otherwise(database, prefix, after=after, limit=BATCH):
        for account in batch:
            await _reseal(database, key_ring, account, outcome)
        after = batch[-1].id
    for key_id, accounts in (await key_usage(database, key_ring)).items():
        if accounts == 0 and key_id != key_ring.current_id:
            await drop_canary(database, key_id)
    return outcome


async def _reseal(database: Database, key_ring: KeyRing, account: SealedAccount, outcome: Rotation) -> None:
    place = session_key_place(account.app_id, account.openid)
    try:
        session_key = key_ring.open(Sealed(account.session_key), place)
    except SecurityError as error:
        _log.warning("a stored session_key cannot be opened", extra={"reason": type(error).__name__})
        outcome.unreadable += 1
        return
    previous = None
    if account.previous_session_key is not None:
        try:
            previous = key_ring.seal(key_ring.open(Sealed(account.previous_session_key), place), place)
        except SecurityError as error:
            _log.warning("a previous session_key cannot be opened", extra={"reason": type(error).__name__})
    done = await reseal(
        database,
        account,
        session_key=key_ring.seal(session_key, place),
        fingerprint=key_ring.fingerprint(session_key, place),
        previous_session_key=previous,
    )
    if done:
        outcome.resealed += 1
    else:
        outcome.overtaken += 1
