"""Asks WeChat whether it still takes the session_key that the server holds for a user."""

from dataclasses import dataclass

from pydantic import SecretStr

from graph.accounts.encryption_keys import open_session_key, session_key_context
from graph.accounts.sessions import Viewer, require_account
from graph.security.encryption import KeyRing
from graph.security.events import Client
from graph.security.rate_limit import RateLimit
from graph.wechat.client import WeChatClient
from graph.wechat.mini_programs import MiniPrograms
from models.database import Database


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SessionKeyCheck:
    """Knows more than wx.checkSession, which speaks of the key of the newest code, whether or not a server got it."""

    wechat: WeChatClient
    database: Database
    key_ring: KeyRing
    apps: MiniPrograms
    rate_limit: RateLimit

    async def is_valid(self, viewer: Viewer, *, client: Client) -> bool:
        """False where a login helps, or will name what is wrong: also for a mini-program that is served no more.

        Raises `RateLimited` for the client's address or the account, `WeChatError`, `Unauthenticated` when the user is
        gone, `DatabaseError`.
        """
        await self.rate_limit.count("address", client.address, client, **viewer.ids)
        await self.rate_limit.count("account", str(viewer.account_id), client, **viewer.ids)
        account = await require_account(self.database, viewer.account_id)
        app, context = self.apps.get(account.app_id), session_key_context(account.app_id, account.openid)
        session_key = open_session_key(self.key_ring, account.session_key, context)
        if app is None or session_key is None:
            return False
        return await self.wechat.check_session_key(
            app, openid=account.openid, session_key=SecretStr(session_key.decode())
        )
