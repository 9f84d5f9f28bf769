"""Clients that go away in the middle of a request, by the hundred, do the server no harm."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import cycle
from typing import Any, Final

import pytest

from graph.settings import RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.profiles import UPDATE, update
from tests.faults.recovery import every_connection_is_idle
from tests.server import LOGIN, ME, SUBMIT, TestServer, settings_for

Request = Callable[[], Awaitable[Any]]

REQUESTS: Final = 600
# Requests in flight together: they queue for SQLite's one connection, and for the ten of PostgreSQL's pool.
AT_ONCE: Final = 15
# Seconds; whatever takes longer waits for ever.
BOUND: Final = 20


@pytest.fixture
def database_url(database_url: str) -> str:
    """With fewer connections than requests, so that each one that is lost is missed."""
    return f"{database_url}&maxsize=5" if database_url.startswith("postgres") else database_url


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat_simulator, database_url, rate_limit=RateLimitSettings(upload=""))


async def turns_until_done(requests: Sequence[Request]) -> int:
    """How often the event loop turns while these requests are answered."""
    everything = asyncio.gather(*[request() for request in requests])
    turns = 0
    while not everything.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


async def cancelled_after(turns: Sequence[int], requests: Sequence[Request]) -> int:
    """Starts all requests, cancels each after its number of turns, and tells how many were not answered by then."""
    tasks = [asyncio.ensure_future(request()) for request in requests]
    passed = 0
    for due, task in sorted(zip(turns, tasks, strict=True), key=lambda pair: pair[0]):
        for _ in range(due - passed):
            await asyncio.sleep(0)
        passed = max(passed, due)
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert {type(failure) for failure in failures} <= {asyncio.CancelledError}
    assert not [answer for answer in outcomes if isinstance(answer, dict) and "errors" in answer]
    return len(failures)


async def test_six_hundred_cancelled_requests_leave_a_server_that_answers(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    submission = server.wechat.user_info("alice", policy="old")
    person = await server.submit(token, submission)
    typed = (await server.login("carol"))["token"]
    genders = cycle(("MALE", "FEMALE"))

    def requests() -> Sequence[Request]:
        # The logins are somebody else's, so that no session of Alice's becomes one too many.
        logins = [partial(server.post, LOGIN, {"code": server.wechat.login("bob")}) for _ in range(AT_ONCE // 5)]
        others = [partial(server.post, SUBMIT, submission, token=token), partial(server.post, ME, token=token)]
        changes = [partial(server.post, UPDATE, {"gender": next(genders), "nickName": "Carol"}, token=typed)]
        return logins + others * (AT_ONCE // 5) + changes * (2 * AT_ONCE // 5)

    await turns_until_done(requests())  # opens every connection
    most, struck, started = await turns_until_done(requests()), 0, 0
    while struck < REQUESTS:
        # Spread over all the turns, and denser at their beginning, where the shorter requests are.
        turns = [int(most * ((number * 0.618) % 1) ** 2) for number in range(started, started + AT_ONCE)]
        hit = await cancelled_after(turns, requests())
        struck, started = struck + hit, started + AT_ONCE
        # How many turns a request takes depends on how busy the machine is: follow it.
        most = most * 2 if hit > AT_ONCE * 0.9 else max(most // 2, AT_ONCE) if hit < AT_ONCE * 0.5 else most
        assert started < 20 * REQUESTS, "the requests are over before they can be cancelled"

    async with asyncio.timeout(BOUND):
        assert await server.me(token) == person
        assert not (await server.login("bob"))["isNewUser"]
        assert await server.submit(token, submission) == person
        assert (await update(server, typed, gender=None))["nickName"] == "Carol"
        await asyncio.gather(*[server.me(token) for _ in range(2 * AT_ONCE)])
        await every_connection_is_idle()
