"""Turns a `wx.login` code into a user and a session token."""

import asyncio
import contextlib
import copy
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graph.accounts.encryption_keys import KeyCheck, session_key_context
from graph.accounts.errors import LoginNotStored, LoginsTooFrequent
from graph.accounts.merging import log_merge
from graph.accounts.sessions import Sessions
from graph.security.encryption import KeyRing
from graph.security.errors import RateLimited
from graph.security.events import Client, SecurityEvent
from graph.security.rate_limit import RateLimit, TokenBuckets
from graph.security.tokens import SessionToken, session_id
from graph.wechat.client import WeChatClient
from graph.wechat.errors import LoginCodeInvalid, LoginCodeUsed, UserBlocked
from graph.wechat.mini_programs import MiniProgram
from graph.wechat.responses import Code2Session
from models.accounts import NewKey
from models.database import Database
from models.devices import Device
from models.errors import DatabaseBehind, DatabaseUnavailable
from models.logins import UnionidRules, require_tables, sign_in, try_sign_in
from models.users import UserRecord

_log = logging.getLogger(__name__)

# Seconds. Shorter than what any call to WeChat takes, so that no more codes are spent in vain than are in flight.
_ANSWERED_FOR: Final = 0.02
# As WeChat has always made them, which it does not promise.
_USUAL_CODE: Final = re.compile(r"[0-9A-Za-z]{32}")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A completed login. `expires_at` in epoch milliseconds."""

    token: SessionToken = field(repr=False)
    expires_at: int
    user: UserRecord
    is_new_user: bool


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What a client signs in with: the code of wx.login, in a mini-program, on a device.

    `token` is whatever it still holds as one, which the login supersedes. `foreign_id` is an AppID that its Referer
    names, and that is not served.
    """

    code: str = field(repr=False)
    app: MiniProgram
    foreign_id: str | None
    client: Client
    token: str | None = field(repr=False)
    device: Device


@dataclass(slots=True)
class _Flight:
    """One call to WeChat, when it was made (epoch milliseconds), and how many need it: itself, and logins."""

    call: asyncio.Task[Code2Session]
    asked_at: int
    needed_by: int = 1


@dataclass(kw_only=True, eq=False, repr=False)
class Logins:
    """Signs users in. `now` gives epoch milliseconds.

    `succeeded` is called with the AppID and whether the user is new, `failed` with the AppID and the error.
    """

    wechat: WeChatClient
    database: Database
    key_ring: KeyRing
    key_check: KeyCheck
    sessions: Sessions
    unionids: UnionidRules
    rate_limit: RateLimit
    refused_codes: TokenBuckets
    refused_unusual_codes: TokenBuckets
    now: Callable[[], int]
    succeeded: Callable[[str, bool], None]
    failed: Callable[[str, Exception], None]
    _flights: dict[bytes, _Flight] = field(default_factory=dict, init=False)
    _question: asyncio.Task[None] | None = field(default=None, init=False)
    _storing: int = field(default=0, init=False)
    _stored_at: float = field(default=-_ANSWERED_FOR, init=False)

    async def login(self, request: LoginRequest) -> LoggedIn:
        """Signs in the user of the request's code.

        A code is worth one call to WeChat: the database is asked first whether it can take the login, and logins with
        the same code that overlap share the call (each gets a session of its own). Raises `CircuitOpen`,
        `RateLimited` for the client's address, `WeChatError`, `DatabaseError` and `KeyRingMismatch` before the code
        is spent, `LoginsTooFrequent` and `LoginNotStored` after.
        """
        app = request.app
        try:
            with self.wechat.slot(app):
                logged_in = await self._login(request)
        except Exception as error:
            if isinstance(error, UserBlocked):
                SecurityEvent.USER_BLOCKED.log(request.client, app_id=app.app_id, rid=error.rid)
            self.failed(app.app_id, error)
            if isinstance(error, LoginCodeInvalid) and request.foreign_id is not None:
                hinted = copy.copy(error)  # other logins with the same code share it
                hinted.hint = f"The request comes from {request.foreign_id}, and this server serves {app.app_id}."
                raise hinted from None
            raise
        self.succeeded(app.app_id, logged_in.is_new_user)
        return logged_in

    async def _login(self, request: LoginRequest) -> LoggedIn:
        """What WeChat refuses is limited apart, more tightly than what it accepts.

        Garbage looks like any other code until WeChat was asked. While it accepts all that come from an address, they
        cost no token. After a refusal, and until the bucket is full again, each code takes one, of which one that is
        refused gives none back and one that is accepted two: where more are accepted than refused, tokens never run
        out. Where they do, an address has only those that appear with time: good codes from there compete for them
        with the garbage, unspent, for as long as it comes, and a moment longer. What does not look like a code has
        buckets of its own, and is in no user's way.
        """
        buckets, client = self.refused_unusual_codes, request.client
        if _USUAL_CODE.fullmatch(request.code):
            buckets = self.refused_codes
        takes = not buckets.is_full(client)
        if takes:
            buckets.take(client)
        try:
            logged_in = await self._exchange(request)
        except BaseException as error:
            # What cannot be a code is refused here, without a number of WeChat's.
            refused = isinstance(error, LoginCodeInvalid | LoginCodeUsed) and error.errcode is not None
            if takes and not refused:
                buckets.give_back(client)
            elif refused and not takes:
                with contextlib.suppress(RateLimited):
                    buckets.take(client)
            raise
        if takes:
            buckets.give_back(client, 2)
        return logged_in

    async def _exchange(self, request: LoginRequest) -> LoggedIn:
        await self.rate_limit.count("address", request.client.address, request.client)
        await self.key_check.ensure()
        await self._require_tables()
        with self._calling(request.app, request.code) as flight:
            # Shielded: the client that came first may go away while others wait for the same response.
            wechat = await asyncio.shield(flight.call)
            await self._count_user(request, wechat.openid)
            try:
                return await self._store(request, wechat, flight.asked_at)
            except (DatabaseUnavailable, DatabaseBehind) as error:
                _log.warning("a login could not be stored", extra={"reason": str(error)})
                raise LoginNotStored from None

    async def _require_tables(self) -> None:
        """The logins of one moment share the question whether the database can take them.

        While others are being stored, and one was just now, it is known. The question would wait behind their
        statements, and all who share it would go on at the same moment: in step, they let first WeChat and then the
        database lie idle. After a write that failed, the question is a write.
        """
        self.database.require_writer()
        doubtful = self.database.doubtful
        if self._storing and not doubtful and time.monotonic() < self._stored_at + _ANSWERED_FOR:
            return
        if self._question is None or self._question.done():
            self._question = asyncio.create_task((try_sign_in if doubtful else require_tables)(self.database))
            self._question.add_done_callback(_retrieve)
        await asyncio.shield(self._question)

    async def _count_user(self, request: LoginRequest, openid: str) -> None:
        # A storage shared with others need not learn which users sign in.
        user = hashlib.sha256(f"{request.app.app_id}\0{openid}".encode()).hexdigest()
        try:
            await self.rate_limit.count("account", user, request.client)
        except RateLimited as limited:
            raise LoginsTooFrequent(limited.retry_after_ms) from None

    async def _store(self, request: LoginRequest, wechat: Code2Session, asked_at: int) -> LoggedIn:
        client, app_id = request.client, request.app.app_id
        place = session_key_context(app_id, wechat.openid)
        session_key = wechat.session_key.get_secret_value().encode()
        key = NewKey(
            app_id=app_id,
            openid=wechat.openid,
            unionid=wechat.unionid,
            session_key=self.key_ring.seal(session_key, place),
            session_key_fingerprint=self.key_ring.fingerprint(session_key, place),
            session_key_at=asked_at,
        )
        issued, new = self.sessions.issue(key, superseding=request.token, device=request.device)
        self._storing += 1
        try:
            record = await sign_in(self.database, new, self.unionids)
            self._stored_at = time.monotonic()
        finally:
            self._storing -= 1
        if wechat.unionid is not None and record.unionid != wechat.unionid:
            # Two Open Platform accounts after one another, perhaps; which is right is not for a login to decide.
            _log.warning("kept the unionid that was stored first", extra={"account": record.account_id})
        if record.merged is not None:
            log_merge(record.merged, client)
        ids = {"user_id": record.user.id, "session_id": session_id(new.token_hash)}
        if record.is_new_device:
            SecurityEvent.LOGIN_FROM_NEW_DEVICE.log(client, **ids)
        if record.superseded is not None:
            SecurityEvent.SESSION_SUPERSEDED.log(client, superseded_id=session_id(record.superseded), **ids)
        return LoggedIn(issued, new.expires_at, record.user, record.is_new_user)

    @contextlib.contextmanager
    def _calling(self, app: MiniProgram, code: str) -> Iterator[_Flight]:
        """The one call for this code, for as long as any login is at work with it."""
        key = hashlib.sha256(f"{app.app_id}\0{code}".encode("utf-8", "surrogatepass")).digest()
        flight = self._flights.get(key)
        if flight is None:
            call = asyncio.create_task(self.wechat.code2session(app, code))
            flight = self._flights[key] = _Flight(call, self.now())
            call.add_done_callback(_retrieve)
            call.add_done_callback(lambda _: self._leave(key))
        flight.needed_by += 1
        try:
            yield flight
        finally:
            self._leave(key)

    def _leave(self, key: bytes) -> None:
        flight = self._flights[key]
        flight.needed_by -= 1
        if flight.needed_by == 0:
            del self._flights[key]


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Looks at how a task ended, so that asyncio does not report a failure whose callers have all left."""
    if not task.cancelled():
        task.exception()
