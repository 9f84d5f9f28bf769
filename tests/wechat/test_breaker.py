"""When WeChat is not asked any more, and how it is found out that it answers again."""

import asyncio
import contextlib
from dataclasses import dataclass
from itertools import pairwise

import httpx
import pytest

from graph.wechat.circuit_breaker import (
    FAILURES,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    RETRY_AFTER,
    STOPS,
    CircuitBreaker,
)
from graph.wechat.errors import (
    CircuitOpen,
    LoginCodeInvalid,
    LoginCodeUsed,
    UserBlocked,
    WeChatError,
    WeChatMisconfigured,
    WeChatRateLimited,
    WeChatUnavailable,
)
from tests.wechat.fake_server import APP, JS_CODE, OPENID, SESSION, client, refusal


@dataclass
class Stopwatch:
    """A clock that a test sets (seconds)."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def breaker(stopwatch: Stopwatch) -> CircuitBreaker:
    return CircuitBreaker(clock=stopwatch)


def state_of(breaker: CircuitBreaker) -> str:
    return breaker.state


def call(breaker: CircuitBreaker, outcome: BaseException | None = None) -> None:
    """One call that ends at once."""
    with breaker.call():
        if outcome is not None:
            raise outcome


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(WeChatUnavailable, match=r"^WeChat is unavailable: timeout$"):
            call(breaker, WeChatUnavailable("timeout"))


def refused(breaker: CircuitBreaker) -> CircuitOpen:
    with pytest.raises(CircuitOpen) as foreseen:
        breaker.check()
    with pytest.raises(CircuitOpen) as caught, breaker.call():
        raise AssertionError
    assert (foreseen.value.reason, foreseen.value.retry_after) == (caught.value.reason, caught.value.retry_after)
    return caught.value


def test_it_opens_at_the_last_of_enough_failures_in_a_row(breaker: CircuitBreaker) -> None:
    fail(breaker, FAILURES - 1)
    assert state_of(breaker) == "closed"
    fail(breaker)
    assert state_of(breaker) == "open"
    error = refused(breaker)
    assert (error.retry_after, str(error)) == (FIRST_PAUSE, "WeChat was not asked: it did not answer lately")


@pytest.mark.parametrize("answer", [None, LoginCodeInvalid(), LoginCodeUsed(), UserBlocked(), WeChatRateLimited()])
def test_an_answer_in_between_keeps_it_closed(breaker: CircuitBreaker, answer: WeChatError | None) -> None:
    for _ in range(3):
        fail(breaker, FAILURES - 1)
        if answer is None:
            call(breaker)
        else:
            with pytest.raises(type(answer)):
                call(breaker, answer)
    assert state_of(breaker) == "closed"


def test_a_refusal_is_an_answer_however_often_it_is_given(breaker: CircuitBreaker) -> None:
    for _ in range(5 * FAILURES):
        with pytest.raises(LoginCodeInvalid):
            call(breaker, LoginCodeInvalid(errcode=40029))
    assert state_of(breaker) == "closed"


def test_whoever_comes_early_is_told_what_is_left_of_the_pause(breaker: CircuitBreaker, stopwatch: Stopwatch) -> None:
    fail(breaker, FAILURES)
    stopwatch.seconds += FIRST_PAUSE / 4
    assert refused(breaker).retry_after == FIRST_PAUSE * 3 / 4


def test_after_the_pause_one_call_is_let_through_and_its_answer_opens_the_way(
    breaker: CircuitBreaker, stopwatch: Stopwatch
) -> None:
    fail(breaker, FAILURES)
    stopwatch.seconds += FIRST_PAUSE
    breaker.check()
    assert state_of(breaker) == "open", "to ask is not to call"
    with breaker.call():
        assert state_of(breaker) == "half_open"
        error = refused(breaker)
        assert (error.retry_after, error.reason) == (RETRY_AFTER, "a probe is in flight")
    assert state_of(breaker) == "closed"
    fail(breaker, FAILURES - 1)
    assert state_of(breaker) == "closed", "what was before the probe still counts"


def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest(
    breaker: CircuitBreaker, stopwatch: Stopwatch
) -> None:
    fail(breaker, FAILURES)
    pauses = []
    for _ in range(8):
        pauses.append(refused(breaker).retry_after)
        stopwatch.seconds += pauses[-1]
        fail(breaker)
        assert state_of(breaker) == "open"
    assert pauses[0] == FIRST_PAUSE
    assert [later for earlier, later in pairwise(pauses) if later != min(2 * earlier, LONGEST_PAUSE)] == []
    assert pauses[-1] == LONGEST_PAUSE

    stopwatch.seconds += LONGEST_PAUSE
    call(breaker)
    fail(breaker, FAILURES)
    assert refused(breaker).retry_after == FIRST_PAUSE, "an outage long ago makes this one longer"


@pytest.mark.parametrize("outcome", [asyncio.CancelledError(), TimeoutError(), KeyError()])
def test_a_probe_that_nobody_waited_for_gives_way_to_the_next(
    breaker: CircuitBreaker, stopwatch: Stopwatch, outcome: BaseException
) -> None:
    fail(breaker, FAILURES)
    stopwatch.seconds += FIRST_PAUSE
    with pytest.raises(type(outcome)):
        call(breaker, outcome)
    assert state_of(breaker) == "open"
    call(breaker)
    assert state_of(breaker) == "closed"


def test_a_call_that_is_given_up_is_no_failure(breaker: CircuitBreaker) -> None:
    for _ in range(5 * FAILURES):
        with pytest.raises(asyncio.CancelledError):
            call(breaker, asyncio.CancelledError())
    assert state_of(breaker) == "closed"


def test_calls_that_began_before_it_opened_have_no_say(breaker: CircuitBreaker, stopwatch: Stopwatch) -> None:
    good, *bad = [breaker.call() for _ in range(FAILURES + 1)]
    for begun in (good, *bad):
        begun.__enter__()
    fail(breaker, FAILURES)
    good.__exit__(None, None, None)
    assert state_of(breaker) == "open", "a late answer closed it"
    stopwatch.seconds += FIRST_PAUSE
    call(breaker)
    for begun in bad:
        error = WeChatUnavailable("timeout")
        assert not begun.__exit__(type(error), error, None)
    assert state_of(breaker) == "closed", "late failures opened it again"


async def test_the_client_asks_no_more_when_it_is_open() -> None:
    asked = 0

    def down(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(500)

    async with client(down) as wechat:
        for _ in range(FAILURES):
            with pytest.raises(WeChatUnavailable, match="http 500"):
                await wechat.code2session(APP, JS_CODE)
        with pytest.raises(CircuitOpen):
            await wechat.code2session(APP, JS_CODE)
        assert state_of(wechat.breaker(APP)) == "open"
    assert asked == FAILURES


async def test_a_call_that_its_second_try_saves_is_no_failure() -> None:
    answers = [httpx.Response(503), httpx.Response(200, json=SESSION)] * (2 * FAILURES)
    async with client(lambda _: answers.pop(0)) as wechat:
        for _ in range(2 * FAILURES):
            assert (await wechat.code2session(APP, JS_CODE)).openid == OPENID
        assert state_of(wechat.breaker(APP)) == "closed"


async def test_codes_that_wechat_does_not_know_keep_nobody_out() -> None:
    async with client(lambda _: refusal(40029)) as wechat:
        for _ in range(3 * FAILURES):
            with pytest.raises(LoginCodeInvalid):
                await wechat.code2session(APP, JS_CODE)
        assert state_of(wechat.breaker(APP)) == "closed"


async def test_what_opens_and_closes_it_is_logged_once(
    breaker: CircuitBreaker, stopwatch: Stopwatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail(breaker, FAILURES)
    for _ in range(3):
        refused(breaker)
    stopwatch.seconds += FIRST_PAUSE
    call(breaker)
    call(breaker)
    assert [record.getMessage() for record in caplog.records] == [
        "WeChat does not answer: it is not asked for a while",
        "WeChat answers again",
    ]


STOP_ERRORS = [
    (WeChatRateLimited(errcode=45011, retry_after=60), 60, 60),
    (WeChatRateLimited(errcode=45009, retry_after=3600), 60, 3600),
    (WeChatMisconfigured(errcode=40164), 30, 30),
    (WeChatMisconfigured(errcode=40125), 30, 30),
]


def stop(breaker: CircuitBreaker, error: WeChatError, times: int = STOPS) -> None:
    for _ in range(times):
        with pytest.raises(type(error)):
            call(breaker, error)


@pytest.mark.parametrize(("error", "pause", "named"), STOP_ERRORS)
def test_a_stop_of_wechat_closes_the_way_for_its_time(
    error: WeChatError, pause: float, named: float, breaker: CircuitBreaker, stopwatch: Stopwatch
) -> None:
    stop(breaker, error)
    stopwatch.seconds += 10
    with pytest.raises(type(error)) as caught, breaker.call():
        raise AssertionError
    assert caught.value is not error
    assert (caught.value.errcode, vars(caught.value)["retry_after"]) == (error.errcode, named - 10)
    stopwatch.seconds += pause - 10
    stop(breaker, error, times=1)
    assert state_of(breaker) == "open", "a probe that is refused"
    stopwatch.seconds += pause
    call(breaker)
    assert state_of(breaker) == "closed"


@pytest.mark.parametrize("answer", [None, LoginCodeUsed(errcode=40163), WeChatMisconfigured(errcode=99999)])
def test_stops_between_other_responses_shut_nobody_out(breaker: CircuitBreaker, answer: WeChatError | None) -> None:
    for _ in range(3):
        stop(breaker, WeChatRateLimited(errcode=45011), times=STOPS - 1)
        with contextlib.suppress(WeChatError):
            call(breaker, answer)
    assert state_of(breaker) == "closed"


async def test_the_client_sends_no_code_after_a_stop() -> None:
    asked = 0

    def limited(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return refusal(45011)

    async with client(limited) as wechat:
        for _ in range(150):
            with pytest.raises(WeChatRateLimited), wechat.slot(APP):
                await wechat.code2session(APP, JS_CODE)
    assert asked == STOPS
