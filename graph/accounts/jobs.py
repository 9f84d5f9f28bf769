"""What the replicas do together in the background: each job is done by one of them at a time, and once in a while."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from graph.accounts.progress import Progress
from models.clock import shared_now
from models.database import Database
from models.errors import DatabaseError
from models.leases import finish_lease, keep_lease, take_lease

_log = logging.getLogger(__name__)

EVERY_MS: Final = 3_600_000
# About how often each replica looks whether it is time.
LOOK_EVERY_SECONDS: Final = 300.0
# How long the others wait for a process that died at it.
LEASE_MS: Final = 60_000
# Between two pages it rests four times as long as a page took: a fifth of one connection's time is its share.
_REST: Final = 4
_LEAST_REST_SECONDS: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work that all replicas together do once in `every_ms`, page by page.

    `lease` has at most 16 characters and is another job's never. `doing` is what log lines name it, like "removing
    sessions"; `done` follows a count, like "sessions removed". `pages` gets the time (epoch milliseconds) up to which
    something counts as past, and gives how much each page did.
    """

    lease: str
    doing: str
    done: str
    pages: Callable[[int], AsyncIterator[int]]
    every_ms: int = EVERY_MS


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Jobs:
    """Runs jobs, each under a lease of its own. `now` gives epoch milliseconds."""

    database: Database
    now: Callable[[], int]
    jobs: Sequence[Job]

    async def run(self, job: Job, *, unless_done_within_ms: int = 0) -> int | None:
        """How much was done; None when another process is at it, or was within that time. Raises `DatabaseError`."""
        now = await shared_now(self.database, self.now)
        mine = await take_lease(
            self.database, job.lease, until=now + LEASE_MS, now=now, unless_done_after=now - unless_done_within_ms
        )
        if not mine:
            return None
        try:
            # By whichever clock is behind: neither may end what is kept for all.
            done = await self._do(job, min(now, self.now()))
        except BaseException:
            # Interrupted, perhaps by the operator: the next process need not wait for the lease to expire.
            with contextlib.suppress(DatabaseError):
                await keep_lease(self.database, job.lease, until=0)
            raise
        # As of when it began: what has become due since is for the next time.
        await finish_lease(self.database, job.lease, now=now)
        return done

    async def _do(self, job: Job, by: int) -> int:
        total, progress = 0, Progress(job.doing)
        started = time.monotonic()
        async for done in job.pages(by):
            total += done
            if progress.report(count=total):
                await keep_lease(self.database, job.lease, until=await shared_now(self.database, self.now) + LEASE_MS)
            await asyncio.sleep(max(_LEAST_REST_SECONDS, _REST * (time.monotonic() - started)))
            started = time.monotonic()
        return total

    @contextlib.asynccontextmanager
    async def in_background(self) -> AsyncIterator[None]:
        """Runs each job now and then until the block ends."""
        tasks = [asyncio.create_task(self._now_and_then(job)) for job in self.jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _now_and_then(self, job: Job) -> None:
        finished, unfinished = f"finished {job.doing}", f"could not finish {job.doing}"
        while True:
            # Replicas that started together should not all look together.
            await asyncio.sleep(LOOK_EVERY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - nothing secret
            try:
                done = await self.run(job, unless_done_within_ms=job.every_ms)
            except DatabaseError as error:
                _log.warning(unfinished, extra={"reason": str(error)})
            else:
                if done is not None:
                    _log.info(finished, extra={"count": done})
