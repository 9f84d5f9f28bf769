"""Takes the pictures that users upload, and keeps each until a profile has it, or for an hour."""

import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from graph.accounts.code_exchange import user_digest
from graph.accounts.errors import Unauthenticated, UploadsBusy
from graph.accounts.sessions import Viewer, require_account
from graph.pictures.errors import StoreMisconfigured
from graph.pictures.store import PictureStore
from graph.security.events import Client
from graph.security.rate_limit import RateLimit
from graph.security.tokens import opaque_id
from models.clock import shared_now
from models.database import Database
from models.errors import DatabaseError
from models.files_to_delete import note_file
from models.logins import try_sign_in
from models.uploads import NewUpload, store_upload

if TYPE_CHECKING:
    # With Pillow, which not every installation has.
    from graph.pictures.normalizer import Normalizer

_log = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Uploads in one process, and so the most pictures of clients that it keeps in memory."""
# As a user might send them from two devices: one must not take the places of all.
_AT_ONCE_OF_ACCOUNT: Final = 2
_TTL_MS: Final = 3_600_000
# When a file goes that no row has come to need, because the server crashed: longer than any upload takes.
_ABANDONED_AFTER_MS: Final = 7_200_000


@dataclass(frozen=True, slots=True)
class StagedPicture:
    """A picture that waits for `updateProfile` under its id, until `expires_at` (epoch milliseconds)."""

    id: str
    width: int
    height: int
    expires_at: int


@dataclass(kw_only=True, eq=False, repr=False)
class Uploads:
    """`max_bytes` is the most that an uploaded file may have; `now` gives epoch milliseconds.

    `freed` is called when a file may be deleted.
    """

    database: Database
    normalizer: "Normalizer"
    store: PictureStore
    address_rate_limit: RateLimit
    account_rate_limit: RateLimit
    max_bytes: int
    freed: Callable[[], None]
    now: Callable[[], int]
    _at_work: Counter[int] = field(default_factory=Counter, init=False)  # by account

    @contextlib.asynccontextmanager
    async def admitted(self, viewer: Viewer, client: Client) -> AsyncIterator[None]:
        """Has room for one upload until the block ends: entered before any of the picture is read.

        Raises `UploadsBusy`, `RateLimited` for the client's address or the account, `Unauthenticated` when the user is
        gone, `DatabaseError`.
        """
        account_id = viewer.account_id
        if self._at_work.total() >= AT_ONCE or self._at_work[account_id] >= _AT_ONCE_OF_ACCOUNT:
            raise UploadsBusy
        self._at_work[account_id] += 1
        try:
            account = await require_account(self.database, account_id)
            self.database.require_writer()
            if self.database.doubtful:
                await try_sign_in(self.database)
            # Last, for what costs nothing is not counted: clients are to repeat it.
            user = user_digest(account.app_id, account.openid)
            # The account's before the address's, or one that goes beyond its own would use up that of all others there.
            await self.account_rate_limit.count("account", user, client, **viewer.ids)
            await self.address_rate_limit.count("address", client.address, client, **viewer.ids)
            yield
        finally:
            self._at_work[account_id] -= 1
            if not self._at_work[account_id]:
                del self._at_work[account_id]

    async def stage(self, viewer: Viewer, data: bytes) -> StagedPicture:
        """Stores what the bytes show; nothing is left of one that fails but what the job for files deletes.

        Raises `PictureUnusable`, `PicturesBusy`, `StoreUnavailable`, `StoreMisconfigured`, `Unauthenticated` when the
        user is gone, `DatabaseError`.
        """
        picture = await self.normalizer.normalize(data)
        upload_id = opaque_id()
        name = f"{upload_id}.jpg"
        now = await shared_now(self.database, self.now)
        # Before there is a file, so that a crash at any moment leaves none that the server does not know of.
        await note_file(self.database, name, due_at=now + _ABANDONED_AFTER_MS)
        try:
            await self.store.put(name, picture.jpeg)
        except StoreMisconfigured as error:
            _log.error("pictures cannot be stored", extra={"reason": error.reason})
            raise
        width, height, expires_at = picture.width, picture.height, now + _TTL_MS
        upload = NewUpload(
            id=upload_id, user_id=viewer.user.id, name=name, width=width, height=height, expires_at=expires_at
        )
        if not await store_upload(self.database, upload):
            await self._abandon(name, now)
            raise Unauthenticated
        return StagedPicture(upload_id, width, height, expires_at)

    async def _abandon(self, name: str, now: int) -> None:
        """Has the file deleted now, and not in hours; without the database it goes then."""
        with contextlib.suppress(DatabaseError):
            await note_file(self.database, name, due_at=now)
            self.freed()
