"""What replicas do together in the background: one at a time, whatever happens, and at once where there is a hurry."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from graph.accounts import jobs
from graph.accounts.jobs import Job, Jobs
from graph.settings import Settings
from models.database import Database
from tests.accounts.stored import run_sql
from tests.databases import give_tables
from tests.server import Clock

PATIENCE = 30


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await give_tables(database_url)
    async with Database(database_url) as opened:
        yield opened


@dataclass
class Work:
    """What a job does: as often as it is run, unless it fails."""

    failures: list[Exception] = field(default_factory=list)
    done: int = 0
    has_some: bool = True
    page: Callable[[], Awaitable[None]] | None = None

    async def pages(self, _now: int) -> AsyncIterator[int]:
        if self.failures:
            raise self.failures.pop()
        if self.page is not None:
            await self.page()
        self.done += 1
        yield 1

    async def is_there(self, _now: int) -> bool:
        return self.has_some

    def job(self, *, look_every_seconds: float | None = None) -> Job:
        return Job(
            lease="work",
            doing="working",
            done="pieces of work done",
            pages=self.pages,
            every_ms=0,
            has_work=self.is_there,
            look_every_seconds=look_every_seconds,
        )

    async def is_done(self, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.done < times:  # noqa: ASYNC110 - it announces nothing
                await asyncio.sleep(0.01)


async def test_a_job_that_fails_in_any_way_is_run_again(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(failures=[RuntimeError("Qx7"), KeyError("Qx7")])
    async with Jobs(database=database, now=clock, jobs=[work.job(look_every_seconds=0.02)]).in_background():
        await work.is_done()
    lines = [record for record in caplog.records if record.msg == "could not finish working"]
    assert [(line.levelno, vars(line)["reason"]) for line in lines] == [
        (logging.WARNING, "KeyError"),
        (logging.WARNING, "RuntimeError"),
    ]
    assert "Qx7" not in caplog.text


async def test_a_job_with_a_hurry_does_not_wait_for_its_time(database: Database, clock: Clock) -> None:
    work = Work()
    runner = Jobs(database=database, now=clock, jobs=[work.job(look_every_seconds=3600)])
    async with runner.in_background():
        for times in (1, 2):
            runner.hurry("work")
            await work.is_done(times)


async def test_where_there_is_no_work_no_lease_is_taken(database: Database, clock: Clock, settings: Settings) -> None:
    work = Work(has_some=False)
    async with Jobs(database=database, now=clock, jobs=[work.job(look_every_seconds=0.01)]).in_background():
        await asyncio.sleep(0.2)
        assert await run_sql(settings, "SELECT * FROM leases") == []
        work.has_some = True
        await work.is_done()


@pytest.mark.slow
async def test_a_lease_is_kept_however_long_a_page_takes(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "KEEP_EVERY_SECONDS", 0.02)
    others: list[int | None] = []

    async def page() -> None:
        for _ in range(5):
            clock.advance(seconds=40)
            await asyncio.sleep(0.3)
            others.append(await Jobs(database=database, now=clock, jobs=[]).run(Work().job()))

    work = Work(page=page)
    assert await Jobs(database=database, now=clock, jobs=[]).run(work.job()) == 1
    assert others == [None] * 5
    assert await Jobs(database=database, now=clock, jobs=[]).run(Work().job()) == 1
