"""Turns a `wx.login` code into a user and a session token."""

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from graph.accounts.code_exchange import CodeExchange, Exchanged
from graph.accounts.merging import log_merge
from graph.accounts.sessions import Sessions
from graph.security.encryption import KeyRing
from graph.security.events import Client, SecurityEvent
from graph.security.rate_limit import RateLimit
from graph.security.tokens import SessionToken, session_id
from graph.wechat.errors import LoginCodeInvalid
from graph.wechat.mini_programs import MiniProgram
from models.database import Database
from models.devices import Device
from models.logins import UnionidRules, sign_in
from models.users import UserRecord

_log = logging.getLogger(__name__)


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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Logins:
    """Signs users in.

    `succeeded` is called with the AppID and whether the user is new, `failed` with the AppID and the error.
    """

    exchange: CodeExchange
    database: Database
    key_ring: KeyRing
    sessions: Sessions
    unionids: UnionidRules
    rate_limit: RateLimit
    succeeded: Callable[[str, bool], None]
    failed: Callable[[str, Exception], None]

    async def login(self, request: LoginRequest) -> LoggedIn:
        """Signs in the user of the request's code; of logins that share its call, each gets a session of its own.

        Raises what `CodeExchange.exchanged` does before the code is spent, `CodesTooFrequent` and `CodeWasted` after.
        """
        app = request.app
        try:
            async with self.exchange.exchanged(app, request.code, request.client) as exchanged:
                await exchanged.count(self.rate_limit, request.client)
                with self.exchange.storing():
                    logged_in = await self._store(request, exchanged)
        except Exception as error:
            self.failed(app.app_id, error)
            if isinstance(error, LoginCodeInvalid) and request.foreign_id is not None:
                hinted = copy.copy(error)  # other logins with the same code share it
                hinted.hint = f"The request comes from {request.foreign_id}, and this server serves {app.app_id}."
                raise hinted from None
            raise
        self.succeeded(app.app_id, logged_in.is_new_user)
        return logged_in

    async def _store(self, request: LoginRequest, exchanged: Exchanged) -> LoggedIn:
        client, unionid = request.client, exchanged.wechat.unionid
        key = exchanged.seal(self.key_ring)
        issued, new = self.sessions.issue(key, superseding=request.token, device=request.device)
        record = await sign_in(self.database, new, self.unionids)
        if unionid is not None and record.unionid != unionid:
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
