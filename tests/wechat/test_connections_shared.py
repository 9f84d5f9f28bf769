"""Calls that are cancelled anywhere, and far sides that behave badly: nobody gets another's answer, nothing is left."""

import asyncio
import ssl
from collections.abc import Awaitable, Generator
from itertools import count
from typing import Any

import pytest

from tests.wechat.pool import on_both_loops, pool
from tests.wechat.switchboard import Switchboard, answering, plain, until

pytestmark = [on_both_loops, pytest.mark.usefixtures("nothing_is_logged_as_a_fault")]


class Cancelled:
    """Awaits something, and is cancelled where it waits for the n-th time: while it does so, or as that has come."""

    def __init__(self, awaited: Awaitable[str], nth: int, *, as_it_comes: bool) -> None:
        self._awaited, self._nth, self._as_it_comes = awaited, nth, as_it_comes
        self.waited = 0

    def __await__(self) -> Generator[Any, Any, str]:
        task = asyncio.current_task()
        assert task is not None
        steps = self._awaited.__await__()
        try:
            waited_for = next(steps)
            while True:
                self.waited += 1
                if self.waited == self._nth:
                    if self._as_it_comes and waited_for is not None:
                        waited_for.add_done_callback(lambda _: task.cancel())
                    else:
                        task.cancel()
                try:
                    value = yield waited_for
                except BaseException as error:
                    waited_for = steps.throw(error)
                else:
                    waited_for = steps.send(value)
        except StopIteration as end:
            return str(end.value)


@pytest.mark.parametrize("as_it_comes", [False, True])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_whoever_is_cancelled_anywhere_leaves_nothing_behind(
    trusted: ssl.SSLContext, *, tls: bool, as_it_comes: bool
) -> None:
    far = Switchboard()
    async with answering(far, trusted if tls else None) as origin, pool(origin, limit=1) as near:
        for nth in range(1, 100):
            call = Cancelled(near.get("/gone"), nth, as_it_comes=as_it_comes)

            async def run(call: Cancelled = call) -> str:
                return await call

            task = asyncio.create_task(run())
            await asyncio.wait([task])
            if call.waited < nth:
                break
            assert task.cancelled()
            await far.are(0)
        assert nth > 3
        assert await task == "/gone"
        assert await near.get("/next") == "/next"
        assert len(far.open) == 1


def unruly(body: bytes) -> bytes:
    """An answer of any form, some of them with something behind it."""
    kind = int(body[1:]) % 7
    if kind == 0:
        return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    if kind < 3:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    if kind == 3:
        return plain(body) + plain(b"/somebody else")
    return plain(body)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_each_gets_the_answer_to_what_it_asked_and_never_another(trusted: ssl.SSLContext, *, tls: bool) -> None:
    far = Switchboard(form=unruly)
    async with answering(far, trusted if tls else None) as origin, pool(origin, limit=5) as near:
        calls = [near.begin(f"/{n}") for n in range(300)]
        for turn in count():
            if all(call.done() for call in calls):
                break
            await asyncio.sleep(0)
            if turn % 10 == 0:
                calls[turn * 7 % len(calls)].cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        wrong = [
            (n, answer)
            for n, answer in enumerate(answers)
            if answer != f"/{n}" and not isinstance(answer, asyncio.CancelledError)
        ]
        assert wrong == []
        assert any(isinstance(answer, str) for answer in answers)
        await until(lambda: len(far.open) <= 5)
    await far.are(0)
