"""Tasks whose time is over, tasks that somebody else cancels, and the one timer for all of them."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from graph.http.deadlines import Deadlines

from tests.manual_loop import SlowedLoop, slowed


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": SlowedLoop}


async def wait(deadlines: Deadlines, *, until: "asyncio.Future[str] | None" = None) -> str:
    """A task that takes as long as it is let; what became of it, once its deadline is behind it."""
    try:
        with deadlines():
            return await (until or for_ever())
    except TimeoutError:
        return "late"


def for_ever() -> "asyncio.Future[str]":
    """What never comes."""
    return asyncio.get_running_loop().create_future()


async def begun(*waits: Awaitable[Any]) -> list["asyncio.Task[Any]"]:
    """Tasks that have come to wait."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    await asyncio.sleep(0)
    return tasks


async def test_a_task_is_late_when_its_time_is_over_and_not_before() -> None:
    [task] = await begun(wait(Deadlines(10)))
    await slowed().pass_time(9.9)
    assert not task.done()
    await slowed().pass_time(0.2)
    assert await task == "late"
    assert task.cancelling() == 0


async def test_a_task_that_ends_in_time_is_not_late_afterwards() -> None:
    async def work() -> str:
        with deadlines():
            await asyncio.sleep(0)
        return await for_ever()

    deadlines = Deadlines(10)
    [task] = await begun(work())
    await slowed().pass_time(30)
    assert not task.done()
    task.cancel()


async def test_each_has_its_time_from_when_it_began() -> None:
    deadlines, tasks = Deadlines(10), []
    for _ in range(3):
        tasks += await begun(wait(deadlines))
        await slowed().pass_time(4)
    assert [task.done() for task in tasks] == [True, False, False]
    await slowed().pass_time(4)
    assert [task.done() for task in tasks] == [True, True, False]
    await slowed().pass_time(4)
    assert [await task for task in tasks] == ["late"] * 3


async def test_many_tasks_share_one_timer() -> None:
    deadlines = Deadlines(10)
    answers = [asyncio.get_running_loop().create_future() for _ in range(1_000)]
    tasks = await begun(*[wait(deadlines, until=answer) for answer in answers])
    assert slowed().waiting() == [10]
    for answer in answers[:-1]:
        answer.set_result("in time")
    await slowed().pass_time(5)
    tasks += await begun(wait(deadlines))
    assert len(slowed().timers) == 1
    await slowed().pass_time(6)
    assert [await task for task in tasks[:-1]] == ["in time"] * 999 + ["late"]
    # The second timer is for who has begun since.
    assert len(slowed().timers) == 2
    assert slowed().waiting() == [4]
    await slowed().pass_time(5)
    assert await tasks[-1] == "late"


async def test_nothing_is_left_of_tasks_that_have_ended_however_they_did() -> None:
    deadlines = Deadlines(10)
    answer = asyncio.get_running_loop().create_future()
    _, cancelled, late = await begun(wait(deadlines, until=answer), wait(deadlines), wait(deadlines))
    assert len(deadlines._running) == 3
    answer.set_result("in time")
    cancelled.cancel()
    await slowed().pass_time(0)
    assert len(deadlines._running) == 1
    await slowed().pass_time(11)
    assert await late == "late"
    assert deadlines._running == {}
    assert slowed().waiting() == []


async def test_when_nobody_is_at_work_no_timer_runs_until_somebody_is() -> None:
    deadlines = Deadlines(10)
    answer = asyncio.get_running_loop().create_future()
    await begun(wait(deadlines, until=answer))
    answer.set_result("in time")
    await slowed().pass_time(11)
    assert slowed().waiting() == []
    [task] = await begun(wait(deadlines))
    assert slowed().waiting() == [10]
    await slowed().pass_time(11)
    assert await task == "late"


async def test_whoever_is_cancelled_by_somebody_else_is_not_late() -> None:
    [task] = await begun(wait(Deadlines(10)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_whoever_is_cancelled_and_late_at_once_is_cancelled() -> None:
    for before in (True, False):
        [task] = await begun(wait(Deadlines(10)))
        if before:
            task.cancel()
        slowed().now += 11
        # What the loop does next: the timers that are due.
        for timer in slowed().timers[-1:]:
            timer._run()
            timer.cancel()
        if not before:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_error_on_the_way_out_is_the_task_s_own_even_when_it_is_late() -> None:
    async def work() -> str:
        with Deadlines(10)():
            try:
                return await for_ever()
            finally:
                raise KeyError
        return "never"

    [task] = await begun(work())
    await slowed().pass_time(11)
    with pytest.raises(KeyError):
        await task
    assert task.cancelling() == 0


async def test_whoever_does_not_let_itself_be_interrupted_has_its_result() -> None:
    async def work() -> str:
        with Deadlines(10)():
            try:
                await for_ever()
            except asyncio.CancelledError:
                return "done all the same"
        return "never"

    [task] = await begun(work())
    await slowed().pass_time(11)
    assert await task == "done all the same"
    assert task.cancelling() == 0


async def test_whoever_is_late_is_told_once_and_may_clean_up_as_long_as_it_takes() -> None:
    cleaned = for_ever()

    async def work() -> str:
        try:
            with deadlines():
                try:
                    await for_ever()
                finally:
                    await cleaned
        except TimeoutError:
            return "late"
        return "never"

    deadlines = Deadlines(10)
    [task] = await begun(work())
    await slowed().pass_time(5)
    [other] = await begun(wait(deadlines))
    await slowed().pass_time(6)
    await slowed().pass_time(6)
    assert await other == "late"
    assert not task.done()
    cleaned.set_result("cleaned")
    assert await task == "late"


async def nested(inner: Deadlines, outer: Deadlines) -> list[str]:
    """A body that is waited for within a request, which then goes on."""
    told = []
    try:
        with outer():
            try:
                with inner():
                    await for_ever()
            except TimeoutError:
                told.append("the body is late")
            await for_ever()
    except TimeoutError:
        told.append("the request is late")
    return told


@pytest.mark.parametrize(
    ("inner", "outer", "told"),
    [
        (5, 10, ["the body is late", "the request is late"]),
        (20, 10, ["the request is late"]),
        (10, 10, ["the request is late"]),
    ],
)
async def test_of_one_deadline_within_another_each_is_told_apart(inner: float, outer: float, told: list[str]) -> None:
    deadlines = Deadlines(inner), Deadlines(outer)
    [task] = await begun(nested(*deadlines))
    await slowed().pass_time(min(inner, outer) + 1)
    await slowed().pass_time(outer)
    assert await task == told
    assert [each._running for each in deadlines] == [{}, {}]
    assert task.cancelling() == 0


async def test_outside_of_a_task_nobody_can_be_late() -> None:
    deadlines, failed = Deadlines(10), asyncio.get_running_loop().create_future()

    def enter() -> None:
        try:
            with deadlines():
                failed.set_result(None)
        except Exception as error:
            failed.set_exception(error)

    asyncio.get_running_loop().call_soon(enter)
    with pytest.raises(RuntimeError, match="only a task can be late"):
        await failed
    assert deadlines._running == {}


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})])
async def test_the_loop_of_production_knows_who_is_late_too() -> None:
    deadlines, answer = Deadlines(0.05), for_ever()
    in_time, *late = await begun(wait(deadlines, until=answer), *[wait(deadlines) for _ in range(100)])
    answer.set_result("in time")
    async with asyncio.timeout(20):
        assert await in_time == "in time"
        assert await asyncio.gather(*late) == ["late"] * 100
        assert await wait(deadlines) == "late"
    assert deadlines._running == {}
