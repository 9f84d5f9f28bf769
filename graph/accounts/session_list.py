"""A user's devices: lists the sessions that they are signed in by, and ends one or all others."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from graph.accounts.errors import MalformedSessionId, Unauthenticated
from graph.accounts.sessions import Sessions, Viewer
from graph.security.events import Client, SecurityEvent
from graph.security.tokens import SessionToken, session_id
from models.audit_log import AuditAction, Audited
from models.database import Database
from models.session_list import (
    ListedSession,
    StoredSession,
    end_other_sessions,
    end_session,
    find_session,
    list_sessions,
)

_ID: Final = re.compile(r"[0-9A-Za-z]{22}")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SessionList:
    """Lists and ends sessions. `now` gives epoch milliseconds.

    A session that a login has superseded is the device's no more: it is not listed, and to end it is to end none.
    """

    database: Database
    sessions: Sessions
    now: Callable[[], int]

    async def of(self, viewer: Viewer) -> Sequence[ListedSession]:
        """The viewer's live sessions, the one seen last first. Raises `DatabaseError`."""
        rows = await list_sessions(self.database, viewer.account_id)
        return [row for row in rows if self._is_listed(viewer.token_hash, row.session)]

    async def log_out(self, token_text: str | None, *, client: Client) -> bool:
        """Ends the session of this token, if it is one; whether it was live. Raises `DatabaseError`."""
        token = SessionToken.parse(token_text or "")
        # Read first: strangers who make up tokens must not keep the database's writer busy.
        session = await find_session(self.database, token.hash()) if token else None
        return session is not None and await self._end(AuditAction.LOGGED_OUT, session, client)

    async def revoke(self, viewer: Viewer, public_id: str, *, client: Client) -> bool:
        """Ends the viewer's session with this public id; whether they had one. Another user's is as if there was none.

        Raises `MalformedSessionId`, `DatabaseError`.
        """
        if _ID.fullmatch(public_id) is None:
            raise MalformedSessionId
        rows = await list_sessions(self.database, viewer.account_id)
        found = next((row.session for row in rows if session_id(row.session.token_hash) == public_id), None)
        return found is not None and await self._end(AuditAction.SESSION_REVOKED, found, client, by=viewer.token_hash)

    async def _end(self, action: AuditAction, session: StoredSession, client: Client, *, by: str | None = None) -> bool:
        """`by` is the hash of the token that the request carries, if not this session's own."""
        entry = self._entry(action, session.user_id, session.token_hash)
        ended = await end_session(self.database, session, entry, counts=partial(self._is_listed, by))
        if ended:
            SecurityEvent.SESSION_ENDED.log(
                client,
                user_id=session.user_id,
                session_id=session_id(by or session.token_hash),
                ended_id=entry.session,
            )
        return ended

    async def revoke_others(self, viewer: Viewer, *, client: Client) -> int:
        """Ends all of the viewer's sessions but theirs; how many.

        Raises `Unauthenticated` when theirs has been ended meanwhile, `DatabaseError`.
        """
        entry = self._entry(AuditAction.SESSIONS_REVOKED, viewer.user.id, viewer.token_hash)
        counts = partial(self._is_listed, viewer.token_hash)
        ended = await end_other_sessions(self.database, viewer.token_hash, viewer.account_id, entry, counts=counts)
        if ended is None:
            raise Unauthenticated
        if ended:
            SecurityEvent.OTHER_SESSIONS_ENDED.log(
                client, user_id=viewer.user.id, session_id=entry.session, sessions=ended
            )
        return ended

    def _is_listed(self, current: str | None, session: StoredSession) -> bool:
        now = self.now()
        is_left = session.token_hash != current and self.sessions.is_superseded(session, now)
        return not is_left and self.sessions.is_live(session, now)

    def _entry(self, action: AuditAction, user_id: str, token_hash: str) -> Audited:
        return action.entry(now=self.now(), user_id=user_id, session=session_id(token_hash))
