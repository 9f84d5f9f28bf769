"""Has users show that they are there, with a fresh code of wx.login, before what a stolen token must not do."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar

from graph.accounts.code_exchange import CodeExchange, Exchanged
from graph.accounts.errors import CodeOfAnotherUser, CodesTooFrequent, CodeWasted, NewCodeNeeded, Unauthenticated
from graph.accounts.sessions import Viewer, require_account
from graph.security.events import Client, SecurityEvent
from graph.security.rate_limit import RateLimit
from graph.wechat.errors import LoginCodeInvalid, LoginCodeUsed, WeChatUnavailable
from graph.wechat.mini_programs import MiniPrograms
from models.accounts import OtherUser
from models.database import Database

T = TypeVar("T")


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

        Raises `Unauthenticated` when the account is gone, `AppUnknown` when its mini-program is served no more, and
        what `CodeExchange` does, as `NewCodeNeeded` where one would help.
        """
        account = await require_account(self.database, viewer.account_id)
        app = self.apps.served(account.app_id)
        try:
            async with self.exchange.exchanged(app, code, client) as exchanged:
                await exchanged.count(self.rate_limit, client, **viewer.ids)
                with self.exchange.storing():
                    yield exchanged
        except (LoginCodeInvalid, LoginCodeUsed) as error:
            # Another request may have used the code just now, and deleted the user.
            await require_account(self.database, viewer.account_id)
            raise NewCodeNeeded(error) from None
        except (WeChatUnavailable, CodeWasted, CodesTooFrequent) as error:
            raise NewCodeNeeded(error) from None


def require_own(found: T | OtherUser | None, viewer: Viewer, client: Client) -> T:
    """What a transaction found of the code's user. Raises `CodeOfAnotherUser`, `Unauthenticated` when they are gone."""
    if isinstance(found, OtherUser):
        SecurityEvent.CODE_OF_ANOTHER_USER.log(client, **viewer.ids)
        raise CodeOfAnotherUser
    if found is None:
        raise Unauthenticated
    return found
