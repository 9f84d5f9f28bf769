"""Which user holds a token, and for how long."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Self

from graph.accounts.errors import NotBearer, Unauthenticated
from graph.security.errors import SecurityError
from graph.security.tokens import SessionMacs, SessionToken, TokenHash, opaque_id, session_id
from models.accounts import NewKey, SealedAccount, find_sealed
from models.audit_log import AuditAction, Audited
from models.database import Database
from models.devices import UNKNOWN_DEVICE, Device
from models.errors import DatabaseError
from models.logins import NewSession
from models.session_list import StoredSession
from models.sessions import SEEN_EVERY_MS, SessionLookup, touch_sessions
from models.users import UserRecord

_log = logging.getLogger(__name__)

# Pages that were loading when a login superseded their token may finish with it.
SUPERSEDED_FOR_MS: Final = 60_000
DAY_MS: Final = 86_400_000


def epoch_ms() -> int:
    """Now, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


async def require_account(database: Database, account_id: int) -> SealedAccount:
    """The account of a session. Raises `Unauthenticated` when it is gone, `DatabaseError`."""
    account = await find_sealed(database, account_id)
    if account is None:
        raise Unauthenticated
    return account


class Viewer(NamedTuple):
    """A signed-in user, on one device."""

    user: UserRecord
    account_id: int
    token_hash: TokenHash

    @property
    def ids(self) -> dict[str, str]:
        """For the log of security events."""
        return {"user_id": self.user.id, "session_id": session_id(self.token_hash)}


# What more sessions are seen for the first time in an hour while others are written, is noted at a later request.
_MOST_SEEN: Final = 1000
# Those that are seen within so many seconds are written together.
_GATHER_SECONDS: Final = 0.05


class Sessions:
    """Issues, finds and ends sessions; an async context manager, which at its end writes what is left.

    `require_mac` refuses the sessions of versions that wrote no MAC. `audit_logins` has the audit log name each login
    and not only a user's first. `now` gives epoch milliseconds.
    """

    def __init__(
        self,
        *,
        database: Database,
        macs: SessionMacs,
        idle_days: int,
        absolute_days: int,
        max_per_user: int,
        require_mac: bool,
        audit_logins: bool = False,
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._lookup = SessionLookup(database)
        self._macs = macs
        self._require_mac = require_mac
        self._audit_logins = audit_logins
        self._seen: dict[TokenHash, int] = {}
        self._writing: asyncio.Task[None] | None = None
        self._idle_ms = idle_days * DAY_MS
        self._absolute_ms = absolute_days * DAY_MS
        self._max_per_user = max_per_user
        self._now = now

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def issue(
        self, key: NewKey, *, superseding: str | None = None, device: Device = UNKNOWN_DEVICE
    ) -> tuple[SessionToken, NewSession]:
        """A new token, and what to store for it; `superseding`, whatever the client sent as its token, ends."""
        token, now = SessionToken.issue(), self._now()
        held, token_hash = SessionToken.parse(superseding) if superseding else None, token.hash()
        user_id = opaque_id()

        def entry(action: AuditAction, user_id: str | None) -> Audited:
            return action.entry(now=now, user_id=user_id, app_id=key.app_id, session=session_id(token_hash))

        return token, NewSession(
            user_id=user_id,
            key=key,
            token_hash=token_hash,
            mac=lambda user_id, account_id: self._macs.sign(token_hash, user_id, account_id, now),
            now=now,
            expires_at=now + self._absolute_ms,
            keep=self._max_per_user,
            user_created=lambda: entry(AuditAction.USER_CREATED, user_id),
            logged_in=entry(AuditAction.LOGGED_IN, None) if self._audit_logins else None,
            superseded=held.hash() if held else None,
            superseded_ends_at=now + SUPERSEDED_FOR_MS,
            device=device,
        )

    async def viewer(self, token_text: str | None) -> Viewer | None:
        """The user who holds this token, None without one.

        Raises `Unauthenticated`, alike for malformed, unknown, expired and superseded tokens, `NotBearer` for an empty
        text, and `DatabaseError`.
        """
        if token_text is None:
            return None
        token = SessionToken.parse(token_text)
        if token is None:
            raise Unauthenticated if token_text else NotBearer
        token_hash, now = token.hash(), self._now()
        session = await self._lookup.find(token_hash, now=now, seen_after=now - self._idle_ms)
        if session is None or not self._is_authentic(
            session.mac, (token_hash, session.user.id, session.account_id, session.created_at), now
        ):
            raise Unauthenticated
        if session.last_seen_at < now - SEEN_EVERY_MS:
            self._note_seen(token_hash, now)
        return Viewer(session.user, session.account_id, token_hash)

    def is_superseded(self, session: StoredSession, now: int) -> bool:
        """Whether a login has brought its end forward to the next minute."""
        ends_early = session.expires_at < session.created_at + self._absolute_ms
        return ends_early and session.expires_at <= now + SUPERSEDED_FOR_MS

    def is_live(self, session: StoredSession, now: int) -> bool:
        """Whether `viewer` takes its token, which it does for another minute when a login has superseded it."""
        is_in_time = session.expires_at > now and session.last_seen_at > now - self._idle_ms
        return is_in_time and self._is_authentic(session.mac, session[:4], now)

    def _is_authentic(self, mac: str | None, signed: tuple[str, str, int, int], now: int) -> bool:
        if mac is None:
            return not self._require_mac
        try:
            self._macs.check(mac, *signed)
        except SecurityError as error:
            # Tampered: it was changed in the database. UnknownKey: its key has left the ring.
            _log.warning("refused a session for its MAC", extra={"reason": type(error).__name__})
            return False
        # `expires_at`, which a later login brings forward, is not covered.
        created_at = signed[-1]
        return created_at > now - self._absolute_ms

    async def require_viewer(self, token_text: str | None) -> Viewer:
        """The user who holds this token. Raises `Unauthenticated`, `DatabaseError`."""
        viewer = await self.viewer(token_text)
        if viewer is None:
            raise Unauthenticated
        return viewer

    def _note_seen(self, token_hash: TokenHash, now: int) -> None:
        """Has it written behind the answer, which does not wait for the database's writer."""
        if len(self._seen) < _MOST_SEEN:
            self._seen[token_hash] = now
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_seen())

    async def _write_seen(self) -> None:
        while self._seen:
            await asyncio.sleep(_GATHER_SECONDS)
            seen, self._seen = self._seen, {}
            now = max(seen.values())
            try:
                await touch_sessions(self._database, [*seen], now=now, unless_seen_after=now - SEEN_EVERY_MS)
            except DatabaseError as error:
                # A database that can still read (disk full, locked) must not sign any user out.
                _log.warning("could not note that sessions are in use", extra={"reason": str(error)})
