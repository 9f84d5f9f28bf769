"""Removes sessions that have ended; they would only take up space."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from graph.accounts.progress import Progress
from graph.accounts.sessions import DAY_MS
from models.clock import clock_ahead
from models.database import Database
from models.errors import DatabaseError
from models.leases import finish_lease, keep_lease, take_lease
from models.sessions import Ended, delete_ended

_log = logging.getLogger(__name__)

PAGE: Final = 1000
# The name that earlier versions know, so that a replica of one keeps away meanwhile.
_LEASE: Final = "sweep"
# How often all replicas together do it, and about how often each looks whether it is time.
EVERY_MS: Final = 3_600_000
LOOK_EVERY_SECONDS: Final = 300.0
# How long the others wait for a process that died at it.
LEASE_MS: Final = 60_000
# Between two pages it rests four times as long as a page took: a fifth of one connection's time is its share.
_REST: Final = 4
_LEAST_REST_SECONDS: Final = 0.01


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SessionCleanup:
    """Deletes sessions past their idle or absolute limit in small batches. `now` gives epoch milliseconds."""

    database: Database
    idle_days: int
    now: Callable[[], int]

    async def run(self, *, unless_done_within_ms: int = 0) -> int | None:
        """How many went; None when another process is at it, or was within that time. Raises `DatabaseError`."""
        now = await self._shared_now()
        mine = await take_lease(
            self.database, _LEASE, until=now + LEASE_MS, now=now, unless_done_after=now - unless_done_within_ms
        )
        if not mine:
            return None
        try:
            # By whichever clock is behind: neither may end the sessions of all.
            by = min(now, self.now())
            removed = await self._delete_all(Ended(by=by, unseen_since=by - self.idle_days * DAY_MS))
        except BaseException:
            # Interrupted, perhaps by the operator: the next process need not wait for the lease to expire.
            with contextlib.suppress(DatabaseError):
                await keep_lease(self.database, _LEASE, until=0)
            raise
        # As of when it began: what has ended since is for the next time.
        await finish_lease(self.database, _LEASE, now=now)
        return removed

    async def _shared_now(self) -> int:
        """Now by the database's clock, which all who want the lease share."""
        return self.now() - await clock_ahead(self.database)

    async def _delete_all(self, ended: Ended) -> int:
        total, progress = 0, Progress("removing sessions that have ended")
        place: str | None = ""
        while place is not None:
            started = time.monotonic()
            deleted, place = await delete_ended(self.database, ended, after=place, size=PAGE)
            total += deleted
            if progress.report(sessions=total):
                await keep_lease(self.database, _LEASE, until=await self._shared_now() + LEASE_MS)
            await asyncio.sleep(max(_LEAST_REST_SECONDS, _REST * (time.monotonic() - started)))
        return total

    @contextlib.asynccontextmanager
    async def in_background(self) -> AsyncIterator[None]:
        """Runs now and then until the block ends."""
        task = asyncio.create_task(self._now_and_then())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _now_and_then(self) -> None:
        while True:
            # Replicas that started together should not all look together.
            await asyncio.sleep(LOOK_EVERY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - nothing secret
            try:
                removed = await self.run(unless_done_within_ms=EVERY_MS)
            except DatabaseError as error:
                _log.warning("could not remove sessions that have ended", extra={"reason": str(error)})
            else:
                if removed is not None:
                    _log.info("removed sessions that have ended", extra={"sessions": removed})
