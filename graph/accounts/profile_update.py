"""Changes what users show of themselves: what they type, and a picture that they have uploaded."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from graph.accounts.code_exchange import retrieve, user_digest
from graph.accounts.errors import NotEnabled, PictureRefused, TextRefused, Unauthenticated, UploadNotFound
from graph.accounts.picture_check import PictureChecks
from graph.accounts.requested_change import RequestedChange
from graph.accounts.sessions import Viewer, require_account
from graph.accounts.text_check import TextChecks
from graph.security.events import Client, SecurityEvent
from graph.security.rate_limit import RateLimit
from graph.security.tokens import session_id
from models.accounts import SealedAccount
from models.audit_log import AuditAction
from models.database import Database
from models.errors import Conflict
from models.profile_updates import (
    ProfileChange,
    TextChanged,
    Updated,
    UploadMissing,
    UploadRefused,
    changed_user,
    update_profile,
)
from models.users import UserRecord

# How often texts are checked that another change of the same user's has made others meanwhile.
_MOST_CHECKS: Final = 5


@dataclass(kw_only=True, eq=False, repr=False)
class ProfileUpdates:
    """`url_of` gives the address of a picture's file; None where no pictures are taken.

    `freed` is called when a file may be deleted. `now` gives epoch milliseconds.
    """

    database: Database
    text_checks: TextChecks
    picture_checks: PictureChecks
    url_of: Callable[[str], str] | None
    address_rate_limit: RateLimit
    account_rate_limit: RateLimit
    freed: Callable[[], None]
    now: Callable[[], int]
    _saving: set[asyncio.Task[UserRecord]] = field(default_factory=set, init=False)

    async def update(self, viewer: Viewer, requested: RequestedChange, *, client: Client) -> UserRecord:
        """The user with the change. The same again changes nothing, and WeChat is not asked.

        Raises `ProfileInvalid`, `UploadNotFound`, `NotEnabled` for an upload where no pictures are taken, `RateLimited`
        for the client's address or the account, `TextRefused`, `PictureRefused`, `Unauthenticated` when the user is
        gone, `DatabaseError`, and what `TextChecks.check` raises.
        """
        await self.address_rate_limit.count("address", client.address, client, **viewer.ids)
        if isinstance(requested.avatar, str) and self.url_of is None:
            raise NotEnabled(setting="WXGATE_AVATARS_STORE")
        change = requested.validated()
        if changed_user(viewer.user, change) == viewer.user and not (change.upload_id or change.clears_picture):
            return viewer.user
        account = await require_account(self.database, viewer.account_id)
        user = user_digest(account.app_id, account.openid)
        await self.account_rate_limit.count("account", user, client, **viewer.ids)
        # A client that leaves does not end it: what WeChat has passed is kept, and the picture checked.
        saving = asyncio.get_running_loop().create_task(self._save(viewer, account, change))
        self._saving.add(saving)
        saving.add_done_callback(self._saving.discard)
        saving.add_done_callback(retrieve)
        try:
            return await asyncio.shield(saving)
        except (TextRefused, PictureRefused) as error:
            reason = "text" if isinstance(error, TextRefused) else "picture"
            SecurityEvent.SUBMISSION_REFUSED.log(client, reason=reason, **viewer.ids)
            raise

    async def _save(self, viewer: Viewer, account: SealedAccount, change: ProfileChange) -> UserRecord:
        updated = await self._update(viewer, account, change)
        if updated.picture_id is not None:
            self.picture_checks.ask_soon(updated.user.id, updated.picture_id)
        if updated.changed and (change.upload_id or change.clears_picture):
            self.freed()
        return updated.user

    async def _update(self, viewer: Viewer, account: SealedAccount, change: ProfileChange) -> Updated:
        picture = self.picture_checks.rules(account.app_id, self.url_of) if self.url_of else None
        session = session_id(viewer.token_hash)
        entry = AuditAction.PROFILE_UPDATED.entry(now=self.now(), user_id=viewer.user.id, session=session)
        user = viewer.user
        for _ in range(_MOST_CHECKS):
            checked = await self.text_checks.check(account, user, changed_user(user, change))
            updated = await update_profile(
                self.database,
                viewer.account_id,
                change,
                picture=picture,
                checked=checked,
                entry=entry,
                now=self.now(),
            )
            match updated:
                case None:
                    raise Unauthenticated
                case UploadMissing():
                    raise UploadNotFound
                case UploadRefused():
                    raise PictureRefused
                case TextChanged():
                    user = updated.user
                case Updated():
                    return updated
        msg = "the texts change all the time"
        raise Conflict(msg)
