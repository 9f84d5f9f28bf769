"""Seals and signs all that the database holds with the current encryption key, beside running servers."""

from dataclasses import asdict, dataclass
from typing import Final

from graph.accounts.encryption_keys import open_session_key, session_key_context
from graph.accounts.event_inbox import body_context
from graph.accounts.phone_encryption import open_phone, phone_indexes, seal_phone
from graph.accounts.progress import Progress
from graph.security.encryption import KeyRing, Sealed
from graph.security.errors import SecurityError, Tampered, UnknownKey
from graph.security.events import SecurityEvent
from graph.security.tokens import SessionMacs
from models.accounts import SealedAccount, find_sealed, read_sealed, reseal
from models.database import Database
from models.events import read_unapplied, reseal_event
from models.phones import SealedPhone, find_phone, read_phones, reseal_phone
from models.session_macs import SignedSession, read_signed, replace_macs

BATCH: Final = 500


@dataclass(slots=True)
class Rotation:
    """What a rotation did: in accounts, with the MACs of sessions, with phone numbers, and with events not applied."""

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
    phones: int = 0
    # As `unreadable`: these users have to give their number again.
    phones_unreadable: int = 0
    events: int = 0
    # As above: what they hold is lost.
    events_unreadable: int = 0


async def rotate(database: Database, key_ring: KeyRing) -> Rotation:
    """Seals and signs all with the ring's first key, beside running servers; may be stopped and run again.

    Raises `DatabaseError`.
    """
    outcome, progress = Rotation(), Progress("rotating encryption keys")
    for rotate_rows in (_rotate_accounts, _rotate_sessions, _rotate_phones, _rotate_events):
        await rotate_rows(database, key_ring, outcome, progress)
    SecurityEvent.ENCRYPTION_KEYS_ROTATED.log(key_id=key_ring.current_id, **asdict(outcome))
    return outcome


async def _rotate_accounts(database: Database, key_ring: KeyRing, outcome: Rotation, progress: Progress) -> None:
    after = 0
    while batch := await read_sealed(database, after=after, limit=BATCH):
        for account in batch:
            if _sealed_otherwise(account, key_ring):
                await _reseal_account(database, key_ring, account, outcome)
        after = batch[-1].id
        progress.report(**asdict(outcome))


def _sealed_otherwise(account: SealedAccount, key_ring: KeyRing) -> bool:
    prefix = f"v1.{key_ring.current_id}."
    return any(not text.startswith(prefix) for text in account.sealed)


async def _reseal_account(database: Database, key_ring: KeyRing, account: SealedAccount, outcome: Rotation) -> None:
    context = session_key_context(account.app_id, account.openid)
    session_key = open_session_key(key_ring, account.session_key, context)
    if session_key is None:
        outcome.unreadable += 1
        return
    previous = open_session_key(key_ring, account.previous_session_key, context)
    done = await reseal(
        database,
        account,
        session_key=key_ring.seal(session_key, context),
        fingerprint=key_ring.fingerprint(session_key, context),
        previous_session_key=None if previous is None else key_ring.seal(previous, context),
    )
    if done:
        outcome.resealed += 1
        return
    # A login was faster. Its own key is sealed as it should be; the one that it shifted to "previous" is not.
    again = await find_sealed(database, account.id)
    if again is not None and _sealed_otherwise(again, key_ring):
        await _reseal_account(database, key_ring, again, outcome)
    else:
        outcome.overtaken += 1


async def _rotate_sessions(database: Database, key_ring: KeyRing, outcome: Rotation, progress: Progress) -> None:
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


async def _rotate_phones(database: Database, key_ring: KeyRing, outcome: Rotation, progress: Progress) -> None:
    after = ""
    while batch := await read_phones(database, after=after, limit=BATCH):
        for phone in batch:
            await _reseal_phone(database, key_ring, phone, outcome)
        after = batch[-1].user_id
        progress.report(**asdict(outcome))


async def _reseal_phone(database: Database, key_ring: KeyRing, phone: SealedPhone, outcome: Rotation) -> None:
    current: SealedPhone | None = phone
    while current is not None and not _has_current_key(current, key_ring):
        number = open_phone(key_ring, current.number, current.user_id)
        if number is None:
            outcome.phones_unreadable += 1
            return
        sealed, indexes = seal_phone(key_ring, number, current.user_id), phone_indexes(key_ring, number)
        if await reseal_phone(database, current, number=sealed, indexes=indexes):
            outcome.phones += 1
            return
        # The user was faster: a replica may still seal with the key before.
        current = await find_phone(database, current.user_id)


def _has_current_key(phone: SealedPhone, key_ring: KeyRing) -> bool:
    key_id = key_ring.current_id
    return phone.number.startswith(f"v1.{key_id}.") and phone.number_index.startswith(f"{key_id}.")


async def _rotate_events(database: Database, key_ring: KeyRing, outcome: Rotation, progress: Progress) -> None:
    after, prefix = "", f"v1.{key_ring.current_id}."
    while batch := await read_unapplied(database, after=after, limit=BATCH):
        for event in batch:
            if event.body.startswith(prefix):
                continue
            context = body_context(event.app_id, event.id)
            try:
                message = key_ring.open(Sealed(event.body), context)
            except SecurityError:
                outcome.events_unreadable += 1
            else:
                outcome.events += await reseal_event(database, event, key_ring.seal(message, context))
        after = batch[-1].id
        progress.report(**asdict(outcome))
