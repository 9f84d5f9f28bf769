"""The pool over real sockets, on both event loops: what it opens, keeps, shares and closes."""

import asyncio
import socket
import ssl
import struct
from typing import Any

import httpx
import pytest

from graph.wechat import transport as wire
from tests.wechat.pool import Pool, on_both_loops, pool
from tests.wechat.switchboard import Switchboard, answering, plain, until

pytestmark = [on_both_loops, pytest.mark.usefixtures("nothing_is_logged_as_a_fault")]


async def test_no_more_connections_are_open_than_there_are_places() -> None:
    far = Switchboard(answers=False)
    async with answering(far) as origin, pool(origin, limit=2) as near:
        calls = [near.begin(f"/{n}") for n in range(5)]
        for n in range(5):
            await far.is_asked(min(n + 2, 5))
            next(line for line in far.lines if line.asked[-1] == f"/{n}").answer()
            assert await calls[n] == f"/{n}"
        assert (len(far.lines), len(far.open)) == (2, 2)


async def test_whoever_finds_no_place_in_time_is_told_and_takes_none() -> None:
    far = Switchboard(answers=False)
    async with answering(far) as origin, pool(origin, limit=1) as near:
        first = near.begin("/first")
        await far.is_asked(1)
        with pytest.raises(httpx.PoolTimeout):
            await near.get("/late", pool=0.01)
        far.answers = True
        far.lines[0].answer()
        assert await first == "/first"
        assert await near.get("/next") == "/next"
        assert far.asked == ["/first", "/next"]


async def test_whoever_is_cancelled_while_waiting_takes_no_place() -> None:
    far = Switchboard(answers=False)
    async with answering(far) as origin, pool(origin, limit=1) as near:
        first, waits, next_one = near.begin("/first"), near.begin("/gone"), near.begin("/next")
        await far.is_asked(1)
        waits.cancel()
        far.answers = True
        far.lines[0].answer()
        assert (await first, await next_one) == ("/first", "/next")
        assert waits.cancelled()
        assert far.asked == ["/first", "/next"]


async def test_the_connection_used_last_is_used_first() -> None:
    far = Switchboard(answers=False)
    async with answering(far) as origin, pool(origin, limit=3) as near:
        calls = [near.begin(f"/{n}") for n in range(3)]
        await far.is_asked(3)
        for n in (2, 0, 1):
            [line] = [line for line in far.lines if line.asked == [f"/{n}"]]
            line.answer()
            await calls[n]
        far.answers = True
        for _ in range(2):
            await near.get("/again")
        assert {tuple(line.asked) for line in far.lines} == {("/0",), ("/1", "/again", "/again"), ("/2",)}


async def test_what_lies_idle_is_closed_after_its_time_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_KEEPALIVE", 0.05)
    far = Switchboard()
    async with answering(far) as origin, pool(origin) as near:
        for _ in range(2):
            await asyncio.gather(near.get("/a"), near.get("/b"))
            await far.are(0)
        assert len(far.lines) == 4


async def test_only_what_has_lain_idle_for_its_time_is_closed_and_the_rest_when_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far = Switchboard()
    async with answering(far) as origin, pool(origin) as near:
        for keepalive, left in ((600, 1), (0.05, 0)):
            monkeypatch.setattr(wire, "_KEEPALIVE", keepalive)
            await asyncio.gather(near.get("/a"), near.get("/b"))
            near.connections._idle[0].idle_since -= keepalive
            near.connections._close_idle()
            await far.are(left)


async def test_what_is_in_use_is_not_closed_as_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    far = Switchboard()
    monkeypatch.setattr(wire, "_KEEPALIVE", 0.05)
    async with answering(far) as origin, pool(origin) as near:
        # Both lie idle; then one of them is asked something that takes long.
        await asyncio.gather(near.get("/a"), near.get("/b"))
        far.answers = False
        long = near.begin("/long")
        await until(lambda: "/long" in far.asked)
        await far.are(1)
        await asyncio.sleep(0.2)
        far.open[0].answer()
        assert await long == "/long"


async def test_a_connection_that_the_far_side_closed_is_not_used() -> None:
    far = Switchboard()
    async with answering(far) as origin, pool(origin) as near:
        for n in range(3):
            assert await near.get(f"/{n}") == f"/{n}"
            far.lines[-1].transport.close()
            await until(lambda: not near.connections._idle[-1].is_free)
        assert [line.asked for line in far.lines] == [["/0"], ["/1"], ["/2"]]


async def test_what_is_said_while_nobody_asks_is_the_answer_to_nothing() -> None:
    far = Switchboard()
    async with answering(far) as origin, pool(origin) as near:
        for n in range(3):
            assert await near.get(f"/{n}") == f"/{n}"
            far.lines[-1].transport.write(plain(b"/wrong"))
            await far.are(0)
        assert len(far.lines) == 3


@pytest.mark.parametrize("said", [plain(b"/wrong"), b"", None], ids=["an answer", "the end", "a reset"])
async def test_a_connection_is_not_used_when_something_has_come_that_the_event_loop_has_not_read(
    said: bytes | None,
) -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)

        async def far_side(target: bytes) -> socket.socket:
            line, _ = await loop.sock_accept(listener)
            await loop.sock_recv(line, 9999)
            await loop.sock_sendall(line, plain(target))
            return line

        async with pool(f"http://127.0.0.1:{listener.getsockname()[1]}") as near:
            first = asyncio.create_task(far_side(b"/a"))
            assert await near.get("/a") == "/a"
            line, second = await first, asyncio.create_task(far_side(b"/b"))
            await asyncio.sleep(0)
            # From here to the next request, nobody else has a turn.
            if said:
                line.send(said)
            elif said is None:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                line.close()
            else:
                line.shutdown(socket.SHUT_WR)
            assert await near.get("/b") == "/b"
            line.close()
            (await second).close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_what_does_not_answer_is_closed_and_its_place_is_free(trusted: ssl.SSLContext, *, tls: bool) -> None:
    far = Switchboard(answers=False)
    async with answering(far, trusted if tls else None) as origin, pool(origin, limit=1) as near:
        with pytest.raises(httpx.ReadTimeout):
            await near.get("/slow", read=0.05)
        await far.are(0)
        far.answers = True
        assert await near.get("/next") == "/next"


async def test_a_far_side_that_does_not_shake_hands_is_given_up_in_time(trusted: ssl.SSLContext) -> None:
    far = Switchboard()
    async with answering(far) as origin, pool(origin.replace("http:", "https:"), limit=1) as near:
        for _ in range(2):
            with pytest.raises(httpx.ConnectTimeout):
                await near.get("/", connect=0.05)
        await far.are(0)
        assert len(far.lines) == 2


async def test_a_certificate_that_is_trusted_is_enough(trusted: ssl.SSLContext) -> None:
    far = Switchboard()
    async with answering(far, trusted) as origin, pool(origin) as near:
        assert [await near.get("/a"), await near.get("/b")] == ["/a", "/b"]
        assert len(far.lines) == 1
    await far.are(0)


async def test_a_certificate_of_another_name_ends_the_call_before_anything_is_sent(trusted: ssl.SSLContext) -> None:
    far = Switchboard()
    async with answering(far, trusted) as origin, pool(origin.replace("127.0.0.1", "localhost")) as near:
        with pytest.raises(httpx.ConnectError):
            await near.get("/secret")
    await far.are(0)
    assert far.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_both_families_are_spoken(host: str) -> None:
    far = Switchboard()
    async with answering(far, host=host) as origin, pool(origin) as near:
        assert await near.get("/a") == "/a"


@pytest.mark.parametrize("dead_first", [True, False])
async def test_an_address_where_nobody_listens_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, *, dead_first: bool
) -> None:
    far, loop = Switchboard(), asyncio.get_running_loop()
    resolved = loop.getaddrinfo
    async with answering(far) as origin, pool(origin.replace("127.0.0.1", "api.weixin.qq.com")) as near:

        async def both(host: str, port: int, **how: Any) -> list[tuple[Any, ...]]:
            if host != "api.weixin.qq.com":
                # uvloop asks for addresses, too.
                return list(await resolved(host, port, **how))
            dead = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
            living = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            return [dead, living] if dead_first else [living, dead]

        monkeypatch.setattr(loop, "getaddrinfo", both)
        assert await near.get("/a") == "/a"


async def test_a_name_that_nobody_has_is_a_connection_that_failed() -> None:
    async with pool("http://nobody.invalid") as near:
        with pytest.raises(httpx.ConnectError):
            await near.get("/")


async def test_a_closed_pool_keeps_nothing(trusted: ssl.SSLContext) -> None:
    far = Switchboard()
    async with answering(far, trusted) as origin:
        near = Pool(origin, limit=3)
        await asyncio.gather(near.get("/a"), near.get("/b"))
        far.answers = False
        call = near.begin("/last")
        await far.is_asked(3)
        await near.connections.aclose()
        await far.are(1)
        far.open[0].answer()
        assert await call == "/last"
        await far.are(0)
