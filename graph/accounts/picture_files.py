"""Deletes the files of pictures that nothing needs any more."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from graph.accounts.jobs import Job
from graph.pictures.errors import PictureError
from graph.pictures.store import PictureStore
from models.clock import shared_now
from models.database import Database
from models.files_to_delete import FileDue, due_files, forget_file, put_off_file

_log = logging.getLogger(__name__)

FILES: Final = "files"
# When a file is tried again that could not be deleted.
_AGAIN_AFTER_MS: Final = 300_000
LOOK_EVERY_SECONDS: Final = 30.0
_PAGE: Final = 10


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PictureFiles:
    """`deleted` hears of each file whether it is gone, for metrics. `now` gives epoch milliseconds."""

    database: Database
    store: PictureStore
    deleted: Callable[[bool], None]
    now: Callable[[], int]

    def job(self) -> Job:
        """Deletes what is due. One file that cannot be deleted does not keep the others."""
        return Job(
            lease=FILES,
            doing="deleting files of pictures",
            done="files of pictures deleted",
            pages=self._delete_due,
            has_work=self._is_any_due,
            every_ms=0,
            look_every_seconds=LOOK_EVERY_SECONDS,
        )

    async def _is_any_due(self, now: int) -> bool:
        return bool(await due_files(self.database, now=now, after=None, limit=1))

    async def _delete_due(self, now: int) -> AsyncIterator[int]:
        after: FileDue | None = None
        while page := await due_files(self.database, now=now, after=after, limit=_PAGE):
            deleted = sum(await asyncio.gather(*map(self._delete, page)))
            after = page[-1]
            yield deleted
            if not deleted:  # not of these files, it seems: the store is away
                return

    async def _delete(self, file: FileDue) -> bool:
        try:
            await self.store.delete(file.name)
        except Exception as error:
            reason = str(error) if isinstance(error, PictureError) else type(error).__name__
            _log.warning("could not delete the file of a picture", extra={"reason": reason})
            due_at = await shared_now(self.database, self.now) + _AGAIN_AFTER_MS
            self.deleted(False)
            await put_off_file(self.database, file, due_at=due_at)
            return False
        self.deleted(True)
        await forget_file(self.database, file)
        return True
