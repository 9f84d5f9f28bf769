"""Who holds a token, and for how long."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from graph.accounts.errors import Unauthenticated
from graph.security.tokens import SessionToken, TokenHash
from models.database import Database
from models.errors import DatabaseError
from models.logins import supersede
from models.lookup import SessionLookup, touch_session
from models.users import UserRecord

_log = logging.getLogger(__name__)

# Pages that were loading when a login superseded their token may finish with it.
SUPERSEDED_FOR_MS: Final = 60_000
# "Last seen" is written this seldom: precise to the hour is enough for a limit of days.
TOUCH_EVERY_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


class Viewer(NamedTuple):
    """A signed-in person, on one device."""

    user: UserRecord
    account_id: int


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A token that nobody has stored yet. Times in epoch milliseconds."""

    token: SessionToken = field(repr=False)
    token_hash: TokenHash = field(repr=False)
    created_at: int
    expires_at: int


class Sessions:
    """Issues, finds and ends sessions. `now` gives epoch milliseconds."""

    def __init__(
        self, *, database: Database, idle_days: int, absolute_days: int, max_per_user: int, now: Callable[[], int]
    ) -> None:
        self._database = database
        self._lookup = SessionLookup(database)
        self._idle_ms = idle_days * DAY_MS
        self._absolute_ms = absolute_days * DAY_MS
        self.max_per_user = max_per_user
        self._now = now

    def issue(self) -> IssuedSession:
        """A new token and the hash to store it under."""
        token, now = SessionToken.issue(), self._now()
        return IssuedSession(token, token.hash(), now, now + self._absolute_ms)

    async def authenticate(self, token_text: str) -> Viewer:
        """The person who holds this token.

        Raises `Unauthenticated`, alike for malformed, unknown, expired and superseded tokens, and `DatabaseError`.
        """
        token = SessionToken.parse(token_text)
        if token is None:
            raise Unauthenticated
        token_hash, now = token.hash(), self._now()
        session = await self._lookup.find(token_hash, now=now, seen_after=now - self._idle_ms)
        if session is None:
            raise Unauthenticated
        if session.last_seen_at < now - TOUCH_EVERY_MS:
            await self._touch(token_hash, now)
        return Viewer(session.user, session.account_id)

    async def _touch(self, token_hash: TokenHash, now: int) -> None:
        try:
            await touch_session(self._database, token_hash, now=now, unless_seen_after=now - TOUCH_EVERY_MS)
        except DatabaseError as error:
            # A database that can still read (disk full, locked) must not sign anyone out.
            _log.warning("could not note that a session is in use", extra={"reason": str(error)})

    async def supersede(self, token_text: str, *, account_id: int) -> None:
        """Ends, in a minute, the session that a new login of this account was sent with.

        `token_text` is whatever the client sent as its token; a session of another account is left alone. Raises
        `DatabaseError`.
        """
        token = SessionToken.parse(token_text)
        if token is not None:
            ends_at = self._now() + SUPERSEDED_FOR_MS
            await supersede(self._database, token.hash(), account_id=account_id, ends_at=ends_at)
