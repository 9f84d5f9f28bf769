"""Turns a `wx.login` code into a user and a session token."""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from graph.accounts.encryption_keys import KeyCheck, session_key_context
from graph.accounts.errors import LoginNotStored, LoginsTooFrequent
from graph.accounts.sessions import Sessions
from graph.security.encryption import KeyRing
from graph.security.errors import RateLimited
from graph.security.rate_limit import RateLimit
from graph.security.tokens import SessionToken, opaque_id
from graph.wechat.client import WeChatClient
from graph.wechat.responses import Code2Session
from models.accounts import NewKey
from models.database import Database
from models.errors import DatabaseUnavailable
from models.logins import NewSession, sign_in
from models.migrate import require_tables
from models.users import UserRecord

_log = logging.getLogger(__name__)

# Seconds. Shorter than what any call to WeChat takes, so that no more codes are spent in vain than are in flight.
_ANSWERED_FOR: Final = 0.02


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A completed login. `expires_at` in epoch milliseconds."""

    token: SessionToken = field(repr=False)
    expires_at: int
    user: UserRecord
    is_new_user: bool


@dataclass(frozen=True, slots=True)
class _Response:
    """WeChat's response, and when it was called (epoch milliseconds)."""

    session: Code2Session
    asked_at: int


@dataclass(slots=True)
class _Flight:
    """One call to WeChat, and how many logins are still at work with it."""

    call: asyncio.Task[_Response]
    logins: int = 0


LoginObserver = Callable[[LoggedIn | Exception], None]


class Logins:
    """Signs users in. `now` gives epoch milliseconds; `finished` is called with the outcome of each login."""

    def __init__(
        self,
        *,
        app_id: str,
        wechat: WeChatClient,
        database: Database,
        key_ring: KeyRing,
        key_check: KeyCheck,
        sessions: Sessions,
        rate_limit: RateLimit,
        now: Callable[[], int],
        finished: LoginObserver,
    ) -> None:
        self._app_id = app_id
        self._wechat = wechat
        self._database = database
        self._key_ring = key_ring
        self._key_check = key_check
        self._sessions = sessions
        self._rate_limit = rate_limit
        self._now = now
        self._finished = finished
        self._flights: dict[bytes, _Flight] = {}
        self._question: asyncio.Task[None] | None = None
        self._storing = 0
        self._stored_at = -_ANSWERED_FOR

    async def login(self, code: str, *, address: str, token: str | None) -> LoggedIn:
        """Signs in the user of `code`; `token`, the one that the client still has, is superseded.

        A code is worth one call to WeChat: the database is asked first whether it can take the login, and logins with
        the same code that overlap share the call (each gets a session of its own). Raises `CircuitOpen`,
        `RateLimited` for the client's `address`, `WeChatError`, `DatabaseError` and `KeyRingMismatch` before the code
        is spent, `LoginsTooFrequent` and `LoginNotStored` after.
        """
        try:
            with self._wechat.slot():
                logged_in = await self._login(code, address=address, token=token)
        except Exception as error:
            self._finished(error)
            raise
        self._finished(logged_in)
        return logged_in

    async def _login(self, code: str, *, address: str, token: str | None) -> LoggedIn:
        await self._rate_limit.count("address", address)
        await self._key_check.ensure()
        await self._require_tables()
        async with self._calling(code) as call:
            # Shielded: the client that came first may go away while others wait for the same response.
            response = await asyncio.shield(call)
            await self._count_user(response.session.openid)
            try:
                return await self._store(response, token)
            except DatabaseUnavailable as error:
                _log.warning("a login could not be stored", extra={"reason": str(error)})
                raise LoginNotStored from None

    async def _require_tables(self) -> None:
        """The logins of one moment share the question whether the database can take them.

        While others are being stored, and one was just now, it is known. The question would wait behind their
        statements, and all who share it would go on at the same moment: in step, they let first WeChat and then the
        database lie idle.
        """
        self._database.require_writer()
        if self._storing and time.monotonic() < self._stored_at + _ANSWERED_FOR:
            return
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(require_tables(self._database))
            self._question.add_done_callback(_retrieve)
        await asyncio.shield(self._question)

    async def _count_user(self, openid: str) -> None:
        # A storage shared with others need not learn which users sign in.
        user = hashlib.sha256(f"{self._app_id}\0{openid}".encode()).hexdigest()
        try:
            await self._rate_limit.count("account", user)
        except RateLimited as limited:
            raise LoginsTooFrequent(limited.retry_after_ms) from None

    async def _store(self, response: _Response, token: str | None) -> LoggedIn:
        wechat, issued = response.session, self._sessions.issue(superseding=token)
        place = session_key_context(self._app_id, wechat.openid)
        session_key = wechat.session_key.get_secret_value().encode()
        new = NewSession(
            user_id=opaque_id(),
            key=NewKey(
                app_id=self._app_id,
                openid=wechat.openid,
                unionid=wechat.unionid,
                session_key=self._key_ring.seal(session_key, place),
                session_key_fingerprint=self._key_ring.fingerprint(session_key, place),
                session_key_at=response.asked_at,
            ),
            token_hash=issued.token_hash,
            now=issued.created_at,
            expires_at=issued.expires_at,
            keep=self._sessions.max_per_user,
            superseded=issued.superseded,
            superseded_ends_at=issued.superseded_ends_at,
        )
        self._storing += 1
        try:
            record = await sign_in(self._database, new)
            self._stored_at = time.monotonic()
        finally:
            self._storing -= 1
        if wechat.unionid is not None and record.unionid != wechat.unionid:
            # Two Open Platform accounts after one another, perhaps; which is right is not for a login to decide.
            _log.warning("kept the unionid that was stored first", extra={"account": record.account_id})
        return LoggedIn(issued.token, issued.expires_at, record.user, record.is_new_user)

    @contextlib.asynccontextmanager
    async def _calling(self, code: str) -> AsyncIterator[asyncio.Task[_Response]]:
        """The one call for this code, for as long as any login is at work with it."""
        key = hashlib.sha256(f"{self._app_id}\0{code}".encode("utf-8", "surrogatepass")).digest()
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(self._code2session(code)))
            flight.call.add_done_callback(lambda call: self._landed(key, call))
        flight.logins += 1
        try:
            yield flight.call
        finally:
            flight.logins -= 1
            self._forget(key)

    async def _code2session(self, code: str) -> _Response:
        asked_at = self._now()
        return _Response(await self._wechat.code2session(code), asked_at)

    def _landed(self, key: bytes, call: asyncio.Task[_Response]) -> None:
        _retrieve(call)
        self._forget(key)

    def _forget(self, key: bytes) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.logins == 0 and flight.call.done():
            del self._flights[key]


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Looks at how a task ended, so that asyncio does not report a failure whose callers have all left."""
    if not task.cancelled():
        task.exception()
