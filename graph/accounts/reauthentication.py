"""Has users show that they are there, with a fresh code of wx.login, before what a stolen token must not do."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from graph.accounts.code_exchange import CodeExchange, Exchanged
from graph.accounts.errors import CodesTooFrequent, CodeWasted, NewCodeNeeded, Unauthenticated
from graph.accounts.sessions import Viewer
from graph.security.errors import RateLimited
from graph.security.events import Client
from graph.security.rate_limit import RateLimit
from graph.security.tokens import session_id
from graph.wechat.errors import LoginCodeInvalid, LoginCodeUsed, WeChatUnavailable
from graph.wechat.mini_programs import MiniPrograms
from models.accounts import find_sealed
from models.database import Database


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Reauthentication:
    """`rate_limit` counts users by codes that are theirs: who has but a token of theirs uses up nothing.

    Addresses count as for logins, for each code costs a call to WeChat as theirs do. A limit of its own would let one
    user keep all who share their address from what the law gives them.
    """

    exchange: CodeExchange
    database: Database
    apps: MiniPrograms
    rate_limit: RateLimit

    @contextlib.asynccontextmanager
    async def exchanged(self, viewer: Viewer, code: str, client: Client) -> AsyncIterator[Exchanged]:
        """Who has the code in the mini-program of the viewer's session; the block compares, and stores.

        Raises `Unauthenticated` when the account is gone, `AppUnknown` when its mini-program is
        served no more, and what `CodeExchange` does, as `NewCodeNeeded` where one would help.
        """
        account = await find_sealed(self.database, viewer.account_id)
        if account is None:
            raise Unauthenticated
        app = self.apps.requested(account.app_id, None).app
        try:
            async with self.exchange.exchanged(app, code, client) as exchanged:
                await self._count(viewer, exchanged, client)
                with self.exchange.storing():
                    yield exchanged
        except (LoginCodeInvalid, LoginCodeUsed, WeChatUnavailable, CodeWasted, CodesTooFrequent) as error:
            raise NewCodeNeeded(error) from None

    async def _count(self, viewer: Viewer, exchanged: Exchanged, client: Client) -> None:
        """By what a deletion and a new login leave as it is. A storage shared with others need not learn who it is."""
        ids = {"user_id": viewer.user.id, "session_id": session_id(viewer.token_hash)}
        user = hashlib.sha256(f"{exchanged.app_id}\0{exchanged.wechat.openid}".encode()).hexdigest()
        try:
            await self.rate_limit.count("account", user, client, **ids)
        except RateLimited as limited:
            raise CodesTooFrequent(limited.retry_after_ms) from None
