"""Has users show that they are there, with a fresh code of wx.login, before what a stolen token must not do."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from graph.accounts.code_exchange import CodeExchange, Exchanged
from graph.accounts.errors import CodeWasted, NewCodeNeeded, Unauthenticated
from graph.accounts.sessions import Viewer
from graph.security.events import Client
from graph.security.rate_limit import RateLimit
from graph.security.tokens import session_id
from graph.wechat.errors import LoginCodeInvalid, LoginCodeUsed, WeChatUnavailable
from graph.wechat.mini_programs import MiniPrograms
from models.accounts import find_sealed
from models.database import Database


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Reauthentication:
    """`rate_limit` counts accounts. Addresses count as for logins, for each code costs a call to WeChat as theirs do.

    A limit of its own would let one user keep all who share their address from what the law gives them.
    """

    exchange: CodeExchange
    database: Database
    apps: MiniPrograms
    rate_limit: RateLimit

    @contextlib.asynccontextmanager
    async def exchanged(self, viewer: Viewer, code: str, client: Client) -> AsyncIterator[Exchanged]:
        """Who has the code in the mini-program of the viewer's session; the block compares, and stores.

        Raises `RateLimited` for the account, `Unauthenticated` when it is gone, `AppUnknown` when its mini-program is
        served no more, and what `CodeExchange` does, as `NewCodeNeeded` where one would help.
        """
        ids = {"user_id": viewer.user.id, "session_id": session_id(viewer.token_hash)}
        await self.rate_limit.count("account", str(viewer.account_id), client, **ids)
        account = await find_sealed(self.database, viewer.account_id)
        if account is None:
            raise Unauthenticated
        app = self.apps.requested(account.app_id, None).app
        try:
            async with self.exchange.exchanged(app, code, client) as exchanged:
                with self.exchange.storing():
                    yield exchanged
        except (LoginCodeInvalid, LoginCodeUsed, WeChatUnavailable, CodeWasted) as error:
            raise NewCodeNeeded(error) from None
