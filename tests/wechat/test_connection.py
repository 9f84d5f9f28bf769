"""Answers of every form, cut at any place, and all that a far side may say in place of one."""

import asyncio
from contextlib import suppress
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.wechat.connection import MAX_ANSWER_BYTES, Connection
from tests.wechat.answer_forms import (
    CHUNKED,
    ENDLESS,
    FORMS,
    LENGTH,
    OK,
    REFUSED,
    SURPLUS,
    TWO,
    UNFINISHED,
    Form,
)

REQUEST = b"GET /sns/jscode2session?secret=s HTTP/1.1\r\n\r\n"


class Wire(asyncio.Transport):
    """Takes what is written, and tells of its end as a socket does: later."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.written: list[bytes] = []
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        if not self.is_aborted:
            self.is_aborted = True
            self.connection.loop.call_soon(self.connection.connection_lost, None)

    def is_closing(self) -> bool:
        return self.is_aborted


class Call:
    """A request that is under way on a connection of its own, or on the one of an earlier call."""

    def __init__(self, connection: Connection | None = None, *, seconds: float = 600) -> None:
        if connection is None:
            connection = Connection(asyncio.get_running_loop())
            connection.connection_made(Wire(connection))
        self.connection = connection
        self.answer = asyncio.ensure_future(connection.exchange(REQUEST, seconds=seconds))

    @property
    def wire(self) -> Wire:
        assert isinstance(self.connection._transport, Wire)
        return self.connection._transport

    async def hears(self, *pieces: bytes) -> None:
        await asyncio.sleep(0)
        for piece in pieces:
            if not self.wire.is_aborted:
                self.connection.data_received(piece)

    async def hears_the_end(self, failure: Exception | None = None) -> None:
        await asyncio.sleep(0)
        if failure is None:
            self.connection.eof_received()
        self.connection.connection_lost(failure)

    async def is_over(self) -> None:
        """Whatever came of it, the loop has done what was left to do."""
        with suppress(httpx.HTTPError, asyncio.CancelledError):
            await self.answer
        for _ in range(3):
            await asyncio.sleep(0)

    async def understood(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        response = await self.answer
        return response.status_code, response.headers.raw, await response.aread()


# Where an answer is cut: in some places, in many, or everywhere.
PLACES = st.sets(st.integers(1, 99), max_size=3) | st.sets(st.integers(1, 99)) | st.just(set(range(1, 200)))


def cut(said: bytes, places: set[int]) -> list[bytes]:
    ends = [0, *sorted(place for place in places if place < len(said)), len(said)]
    return [said[start:end] for start, end in pairwise(ends)]


def over(table: dict[str, bytes]) -> list[object]:
    return [pytest.param(said, id=name) for name, said in table.items()]


@pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in FORMS.items()])
@given(places=PLACES)
@settings(deadline=None, max_examples=40)
async def test_an_answer_means_the_same_wherever_it_is_cut(form: Form, places: set[int]) -> None:
    call = Call()
    await call.hears(*cut(form.said, places))
    if form.by_its_end:
        assert not call.answer.done()
        await call.hears_the_end()
    assert await call.understood() == (form.status, form.headers, form.body)
    assert call.wire.written == [REQUEST]
    assert (call.connection.is_free, call.wire.is_aborted) == (form.stays, not form.stays)
    if form.stays:
        again = Call(call.connection)
        await again.hears(*cut(TWO, places))
        assert await again.understood() == (200, LENGTH, b"{}")
        assert again.connection.is_free


@pytest.mark.parametrize("said", over(REFUSED))
@given(places=PLACES)
@settings(deadline=None, max_examples=40)
async def test_what_can_be_read_in_two_ways_is_refused_wherever_it_is_cut(said: bytes, places: set[int]) -> None:
    call = Call()
    await call.hears(*cut(said, places))
    with pytest.raises(httpx.RemoteProtocolError):
        await call.answer
    assert call.wire.is_aborted
    assert not call.connection.is_free


@pytest.mark.parametrize("said", over(UNFINISHED))
async def test_an_answer_that_is_cut_short_is_none(said: bytes) -> None:
    call = Call()
    await call.hears(said)
    assert not call.answer.done()
    await call.hears_the_end()
    with pytest.raises(httpx.ReadError):
        await call.answer
    assert not call.connection.is_free


@pytest.mark.parametrize("form", [form for form in FORMS.values() if form.by_its_end])
async def test_an_answer_without_a_length_is_none_when_its_connection_breaks(form: Form) -> None:
    call = Call()
    await call.hears(form.said)
    await call.hears_the_end(ConnectionResetError())
    with pytest.raises(httpx.ReadError):
        await call.answer


@pytest.mark.parametrize("surplus", over(SURPLUS))
@pytest.mark.parametrize(
    "said", [TWO, CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", OK + b"Connection: close\r\n" + TWO[len(OK) :]]
)
@given(places=PLACES)
@settings(deadline=None, max_examples=40)
async def test_what_follows_an_answer_is_no_answer_and_ends_the_connection(
    said: bytes, surplus: bytes, places: set[int]
) -> None:
    call = Call()
    await call.hears(*cut(said + surplus, places))
    assert (await call.understood())[2] == b"{}"
    assert call.wire.is_aborted
    with pytest.raises(httpx.ReadError):
        await Call(call.connection).answer
    assert call.wire.written == [REQUEST]


@pytest.mark.parametrize("surplus", [*SURPLUS.values(), b"\r\n"])
async def test_whatever_comes_while_nobody_asks_ends_the_connection(surplus: bytes) -> None:
    call = Call()
    await call.hears(TWO)
    await call.is_over()
    assert call.connection.is_free
    call.connection.data_received(surplus)
    assert call.wire.is_aborted
    assert not call.connection.is_free


async def test_blank_lines_behind_an_answer_are_no_part_of_the_next() -> None:
    call = Call()
    await call.hears(TWO + b"\r\n")
    assert (await call.understood())[2] == b"{}"
    again = Call(call.connection)
    await again.hears(OK + b"Content-Length: 3\r\n\r\n[1]")
    assert (await again.understood())[2] == b"[1]"


async def test_an_answer_before_there_was_a_request_ends_the_connection() -> None:
    connection = Connection(asyncio.get_running_loop())
    connection.connection_made(wire := Wire(connection))
    connection.data_received(TWO)
    assert wire.is_aborted
    with pytest.raises(httpx.ReadError):
        await Call(connection).answer
    assert wire.written == []


@pytest.mark.parametrize(("start", "more"), [pytest.param(*said, id=name) for name, said in ENDLESS.items()])
async def test_nothing_is_read_without_an_end(start: bytes, more: bytes) -> None:
    call = Call()
    await call.hears(start)
    for _ in range(MAX_ANSWER_BYTES // len(more) + 1):
        await call.hears(more)
    with pytest.raises(httpx.RemoteProtocolError):
        await call.answer
    assert call.wire.is_aborted


async def test_what_is_too_long_is_not_taken_for_something_shorter() -> None:
    length = MAX_ANSWER_BYTES - len(OK + b"Content-Length: 131072\r\n\r\n")
    head, body = OK + b"Content-Length: %d\r\n\r\n" % length, b"b" * length
    call = Call()
    await call.hears(head + body)
    assert (await call.understood())[2] == body
    call = Call()
    await call.hears(head + body + b"b")
    with pytest.raises(httpx.RemoteProtocolError):
        await call.answer


async def test_each_answer_may_be_as_long_as_the_last() -> None:
    call = Call()
    body = b"b" * (MAX_ANSWER_BYTES * 2 // 3)
    for _ in range(3):
        await call.hears(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert (await call.understood())[2] == body
        call = Call(call.connection)
    call.answer.cancel()
    await call.is_over()


@pytest.mark.parametrize("said", [b"", OK, OK + b"Content-Length: 3\r\n\r\n{}", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_an_answer_that_does_not_come_in_time_ends_the_connection(said: bytes) -> None:
    call = Call(seconds=0.01)
    await call.hears(said)
    with pytest.raises(httpx.ReadTimeout):
        await call.answer
    assert call.wire.is_aborted


async def test_the_time_of_one_call_is_not_that_of_the_next() -> None:
    call = Call(seconds=0.01)
    await call.hears(TWO)
    await call.is_over()
    again = Call(call.connection)
    await asyncio.sleep(0.03)
    await again.hears(TWO)
    assert (await again.understood())[2] == b"{}"


@pytest.mark.parametrize("said", [b"", OK, TWO, CHUNKED, b"SSH"])
async def test_whoever_is_cancelled_leaves_a_closed_connection(said: bytes) -> None:
    call = Call()
    await call.hears(said)
    call.answer.cancel()
    await call.is_over()
    assert call.answer.cancelled()
    assert call.wire.is_aborted
    assert not call.connection.is_free


async def test_a_connection_that_the_far_side_ends_behind_its_answer_is_not_kept() -> None:
    call = Call()
    await call.hears(TWO)
    call.connection.eof_received()
    assert (await call.understood())[2] == b"{}"
    assert call.wire.is_aborted
    assert not call.connection.is_free


@pytest.mark.parametrize("ends", ["eof_received", "connection_lost"])
async def test_nothing_is_sent_over_a_connection_that_ended(ends: str) -> None:
    call = Call()
    await call.hears(TWO)
    await call.is_over()
    getattr(call.connection, ends)(*([None] if ends == "connection_lost" else []))
    with pytest.raises(httpx.ReadError):
        await Call(call.connection).answer
    assert call.wire.written == [REQUEST]


async def test_an_idle_connection_remembers_nothing_of_its_last_answer() -> None:
    call = Call()
    await call.hears(OK + b"Set-Cookie: session_key\r\nContent-Length: 11\r\n\r\nsession_key")
    await call.is_over()
    assert call.connection.is_free
    assert "session_key" not in repr(vars(call.connection))
