"""Deletes a user at their own wish: all that is kept of them, at once and for good."""

from collections.abc import Callable
from dataclasses import dataclass

from graph.accounts.reauthentication import Reauthentication, require_own
from graph.accounts.sessions import Viewer
from graph.security.events import Client, SecurityEvent
from graph.security.tokens import session_id
from models.audit_log import AuditAction
from models.database import Database
from models.deletion import delete_holder


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Deletions:
    """There is no time in which a login would take it back: wx.login is silent, and each launch would.

    `now` gives epoch milliseconds.
    """

    database: Database
    reauthentication: Reauthentication
    now: Callable[[], int]

    async def delete(self, viewer: Viewer, code: str, *, client: Client) -> int:
        """Deletes the viewer, whose the code must be; when that was done, by this call or another at the same moment.

        The session_key that comes with the code is dropped. Raises what `Reauthentication` does, `CodeOfAnotherUser`,
        `Unauthenticated` when the viewer's account is gone, `DatabaseError`.
        """
        async with self.reauthentication.exchanged(viewer, code, client) as exchanged:
            app_id, openid = exchanged.app_id, exchanged.wechat.openid
            entry = AuditAction.DELETED.entry(
                now=self.now(), user_id=viewer.user.id, app_id=app_id, session=session_id(viewer.token_hash)
            )
            found = await delete_holder(
                self.database, viewer.account_id, viewer.user.id, app_id=app_id, openid=openid, entry=entry
            )
        deletion = require_own(found, viewer, client)
        if deletion.is_own:
            SecurityEvent.USER_DELETED.log(client, **viewer.ids | {"user_id": deletion.user_id})
        return deletion.at
