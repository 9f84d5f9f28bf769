"""WeChat slow, down, or talking nonsense: what is retried, how often, and for how long."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from graph.wechat.attempts import MAX_BODY_BYTES
from graph.wechat.errors import LoginCodeUsed, WeChatError, WeChatUnavailable
from tests.wechat.fake_server import APP, JS_CODE, OPENID, SESSION, TOKEN, Pauses, client, refusal


class Script:
    """Answers, or raises, what it was given, one after the other."""

    def __init__(self, *turns: httpx.Response | Exception) -> None:
        self.turns = list(turns)
        self.calls = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.calls += 1
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn


def good() -> httpx.Response:
    return httpx.Response(200, json=SESSION)


async def hang(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def failure(script: Script, **settings: Any) -> WeChatError:
    async with client(script, **settings) as wechat:
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(APP, JS_CODE)
    return caught.value


TRANSIENT = [
    pytest.param(lambda: httpx.ConnectError("no"), "connection failed", id="refused"),
    pytest.param(lambda: httpx.ConnectTimeout("no"), "timeout", id="connect timeout"),
    pytest.param(lambda: httpx.ReadTimeout("no"), "timeout", id="read timeout"),
    pytest.param(lambda: httpx.PoolTimeout("no"), "timeout", id="pool exhausted"),
    pytest.param(lambda: TimeoutError("no"), "timeout", id="a plain timeout"),
    pytest.param(lambda: httpx.ReadError("no"), "transport error", id="reset"),
    pytest.param(lambda: httpx.RemoteProtocolError("no"), "transport error", id="cut off"),
    pytest.param(lambda: ConnectionResetError("no"), "transport error", id="a plain reset"),
    pytest.param(lambda: httpx.Response(502, text="<html>"), "http 502", id="502"),
    pytest.param(lambda: httpx.Response(503), "http 503", id="503"),
    pytest.param(lambda: httpx.Response(504), "http 504", id="504"),
    pytest.param(lambda: refusal(-1, "system error"), "system busy", id="-1"),
    pytest.param(lambda: refusal("-1", "system error"), "system busy", id="-1 as text"),
]

Turn = Callable[[], httpx.Response | Exception]


@pytest.mark.parametrize(("turn", "reason"), TRANSIENT)
async def test_what_may_pass_is_tried_once_more(turn: Turn, reason: str) -> None:
    script, pauses = Script(turn(), good()), Pauses()
    async with client(script, sleep=pauses) as wechat:
        assert (await wechat.code2session(APP, JS_CODE)).openid == OPENID
    assert script.calls == 2
    assert len(pauses.taken) == 1
    assert reason


@pytest.mark.parametrize(("turn", "reason"), TRANSIENT)
async def test_and_never_twice_more(turn: Turn, reason: str) -> None:
    script, pauses = Script(turn(), turn(), good()), Pauses()
    error = await failure(script, sleep=pauses)
    assert isinstance(error, WeChatUnavailable)
    assert error.reason == reason
    assert str(error).endswith(f": {reason}")
    assert (script.calls, len(pauses.taken)) == (2, 1)


async def test_the_pause_is_random_and_at_most_a_quarter_of_a_second() -> None:
    pauses = Pauses()
    turns: list[httpx.Response | Exception] = [httpx.ReadError("no"), good()]
    async with client(Script(*turns * 20), sleep=pauses) as wechat:
        for _ in range(20):
            await wechat.code2session(APP, JS_CODE)
    assert len(set(pauses.taken)) == 20
    assert 0 <= min(pauses.taken) < max(pauses.taken) <= 0.25


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (httpx.Response(200), "empty body"),
        (httpx.Response(200, content=b" \r\n"), "empty body"),
        (httpx.Response(200, headers={"content-type": "text/html; charset=gbk", "content-length": "0"}), "empty body"),
        (httpx.Response(200, html="<html>nginx</html>"), "html body"),
        (httpx.Response(200, content=b'{"session_key":"5tF5KuDi'), "body is not a JSON object"),
        (httpx.Response(200, content=b"[]"), "body is not a JSON object"),
        (httpx.Response(200, content=b"null"), "body is not a JSON object"),
        (httpx.Response(200, content=b"[" * 50_000), "body is not a JSON object"),
        (httpx.Response(200, content=b'{"errcode":' + b"9" * 5000 + b"}"), "body is not a JSON object"),
        (httpx.Response(200, json={**SESSION, "errcode": True}), "unreadable errcode"),
        (httpx.Response(200, json={**SESSION, "errcode": 1.5}), "unreadable errcode"),
        (httpx.Response(200, json={**SESSION, "errcode": "1e3"}), "unreadable errcode"),
        (httpx.Response(200, json={**SESSION, "errcode": ""}), "unreadable errcode"),
        (httpx.Response(200, json={**SESSION, "errcode": []}), "unreadable errcode"),
        (httpx.Response(200, content=b" " * (MAX_BODY_BYTES + 1)), "huge body"),
        (httpx.Response(200, json=SESSION, headers={"content-encoding": "x-private"}), "packed body"),
        (httpx.Response(301, headers={"location": "https://elsewhere.invalid/"}), "http 301"),
        (httpx.Response(204), "http 204"),
        (httpx.Response(403), "http 403"),
        (httpx.Response(412), "http 412"),
        (httpx.Response(416), "http 416"),
        (httpx.Response(500), "http 500"),
    ],
)
async def test_nonsense_is_not_asked_for_again(response: httpx.Response, reason: str) -> None:
    script = Script(response)
    error = await failure(script)
    assert isinstance(error, WeChatUnavailable)
    assert (error.reason, error.http_status, script.calls) == (reason, response.status_code, 1)


@pytest.mark.parametrize("errcode", [40013, 40125, 40164, 40243, 40029, 40163, 40226, 45009, 45011, 48001, 99999])
async def test_what_does_not_pass_is_not_asked_for_again(errcode: int) -> None:
    script = Script(refusal(errcode))
    assert (await failure(script)).errcode == errcode
    assert script.calls == 1


async def test_a_code_that_our_own_first_try_spent_is_a_used_code() -> None:
    script = Script(httpx.ReadTimeout("answer lost"), refusal(40163))
    error = await failure(script)
    assert (type(error), error.errcode, script.calls) == (LoginCodeUsed, 40163, 2)


async def test_a_stable_token_is_asked_for_once_more() -> None:
    script = Script(httpx.Response(503), httpx.Response(200, json={"access_token": TOKEN, "expires_in": 7200}))
    async with client(script) as wechat:
        assert (await wechat.get_stable_access_token(APP)).token.get_secret_value() == TOKEN
    assert script.calls == 2


async def test_a_body_of_just_the_limit_is_read() -> None:
    body = httpx.Response(200, json=SESSION).content
    async with client(Script(httpx.Response(200, content=body.ljust(MAX_BODY_BYTES)))) as wechat:
        assert (await wechat.code2session(APP, JS_CODE)).openid == OPENID


async def test_an_endless_body_is_left_at_the_limit() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b" " * 1024

    error = await failure(Script(httpx.Response(200, content=endless())))
    assert isinstance(error, WeChatUnavailable)
    assert error.reason == "huge body"
    assert sent == MAX_BODY_BYTES + 1024


async def test_a_body_that_breaks_off_is_a_transport_error() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b'{"openid"'
        raise httpx.ReadError(message="reset")

    script = Script(httpx.Response(200, content=broken()), good())
    async with client(script) as wechat:
        assert (await wechat.code2session(APP, JS_CODE)).openid == OPENID
    assert script.calls == 2


async def test_the_deadline_covers_a_hanging_call(caplog: pytest.LogCaptureFixture) -> None:
    async with client(hang, total_timeout=0.01) as wechat:
        with pytest.raises(WeChatUnavailable) as caught:
            await wechat.code2session(APP, JS_CODE)
    assert caught.value.reason == "timeout"
    (record,) = caplog.records
    assert vars(record)["attempt"] == 1


async def test_one_deadline_covers_both_tries(caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    async def busy_then_hanging(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(503) if calls == 1 else await hang(request)

    async with client(busy_then_hanging, total_timeout=0.01) as wechat:
        with pytest.raises(WeChatUnavailable, match="timeout"):
            await wechat.code2session(APP, JS_CODE)
    assert calls == 2
    assert [vars(record)["attempt"] for record in caplog.records] == [1, 2]


async def test_the_deadline_covers_the_pause() -> None:
    async def oversleep(_: float) -> None:
        await asyncio.Event().wait()

    async with client(Script(httpx.Response(503)), sleep=oversleep, total_timeout=0.01) as wechat:
        with pytest.raises(WeChatUnavailable, match="timeout"):
            await wechat.code2session(APP, JS_CODE)


async def test_every_phase_of_a_call_has_its_own_limit() -> None:
    seen: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return good()

    async with client(answer, connect_timeout=1.5, read_timeout=2.5) as wechat:
        await wechat.code2session(APP, JS_CODE)
    assert seen == [{"connect": 1.5, "read": 2.5, "write": 2.5, "pool": 1.5}]


async def test_cancellation_from_outside_passes_through_untouched(caplog: pytest.LogCaptureFixture) -> None:
    arrived = asyncio.Event()

    async def hang_loudly(request: httpx.Request) -> httpx.Response:
        arrived.set()
        return await hang(request)

    async with client(hang_loudly) as wechat:
        call = asyncio.create_task(wechat.code2session(APP, JS_CODE))
        await arrived.wait()
        call.cancel("the user has gone")
        with pytest.raises(asyncio.CancelledError, match="the user has gone"):
            await call
        assert call.cancelled()
    assert not caplog.records


async def test_a_deadline_from_outside_is_not_taken_for_ours() -> None:
    async with client(hang) as wechat:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await wechat.code2session(APP, JS_CODE)
