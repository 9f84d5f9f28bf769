"""What the replicas do together in the background: each job is done by one of them at a time, and once in a while."""

import asyncio
import contextlib
import logging
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
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
KEEP_EVERY_SECONDS: Final = 15.0
# Between two pages it rests four times as long as a page took: a fifth of one connection's time is its share.
_REST: Final = 4
_LEAST_REST_SECONDS: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work that all replicas together do once in `every_ms`, page by page.

    `lease` has at most 16 characters and is another job's never. `doing` is what log lines name it, like "removing
    sessions"; `done` follows a count, like "sessions removed". `pages` gets the time (epoch milliseconds) up to which
    something counts as past, and gives how much each page did. Where it is looked at often, `has_work`, which gets the
    same, is asked before the lease is taken.
    """

    lease: str
    doing: str
    done: str
    pages: Callable[[int], AsyncIterator[int]]
    every_ms: int = EVERY_MS
    has_work: Callable[[int], Awaitable[bool]] | None = None
    # About how often each replica looks; None is as often as at most.
    look_every_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Jobs:
    """Runs jobs, each under a lease of its own. `now` gives epoch milliseconds."""

    database: Database
    now: Callable[[], int]
    jobs: Sequence[Job]
    _due: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event), init=False)

    def hurry(self, lease: str) -> None:
        """Has this process look at a job at once: there is something for it."""
        self._due[lease].set()

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
            async with self._keeping(job.lease):
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
            progress.report(count=total)
            await asyncio.sleep(max(_LEAST_REST_SECONDS, _REST * (time.monotonic() - started)))
            started = time.monotonic()
        return total

    @contextlib.asynccontextmanager
    async def _keeping(self, lease: str) -> AsyncIterator[None]:
        """Keeps the lease, however long a page takes."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(KEEP_EVERY_SECONDS)
                with contextlib.suppress(DatabaseError):
                    await keep_lease(self.database, lease, until=await shared_now(self.database, self.now) + LEASE_MS)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            # Not `await keeping`: who suppressed its cancellation would suppress the caller's of that moment too.
            await asyncio.wait([keeping])

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
        due = self._due[job.lease]
        while True:
            # Replicas that started together should not all look together.
            seconds = (job.look_every_seconds or LOOK_EVERY_SECONDS) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await due.wait()
            due.clear()
            try:
                if job.has_work is not None and not await job.has_work(await shared_now(self.database, self.now)):
                    continue
                done = await self.run(job, unless_done_within_ms=job.every_ms)
            except DatabaseError as error:
                _log.warning(unfinished, extra={"reason": str(error)})
            except Exception as error:  # the next run may fare better, and the other jobs do
                _log.warning(unfinished, extra={"reason": type(error).__name__})
            else:
                if done is not None:
                    _log.info(finished, extra={"count": done})
