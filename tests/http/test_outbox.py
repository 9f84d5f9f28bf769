"""What connections have to say: together at the end of a turn, in its order, and not a byte that nobody may read."""

import asyncio
from typing import Any

import pytest
from graph.server.lingering import LingeringTransport
from graph.server.outbox import Outbox


class Wire(asyncio.Transport):
    """A transport that keeps what is written, each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.done: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert "close" not in self.done
        assert "abort" not in self.done
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return "close" in self.done or "abort" in self.done

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.done.append("eof")

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def over(wire: Wire, outbox: Outbox, *, client_is_sending: bool = False, **seconds: Any) -> LingeringTransport:
    """A transport that writes to this wire."""
    return LingeringTransport(
        wire,
        loop=asyncio.get_running_loop(),
        outbox=outbox,
        client_is_sending=lambda: client_is_sending,
        **{"sending_seconds": 60.0, "unread_seconds": 60.0, **seconds},
    )


async def end_of_turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_what_is_written_in_one_turn_leaves_by_one_write(wire: Wire, outbox: Outbox) -> None:
    transport = await over(wire, outbox)
    for piece in (b"head", bytearray(b" and "), memoryview(b"body")):
        transport.write(piece)
    assert wire.writes == []
    await end_of_turn()
    assert wire.writes == [b"head and body"]
    transport.write(b"next")
    await end_of_turn()
    assert wire.writes == [b"head and body", b"next"]


async def test_many_connections_cost_one_callback_of_the_loop(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    wires = [Wire() for _ in range(50)]
    transports = [await over(wire, outbox) for wire in wires]
    loop, called = asyncio.get_running_loop(), []
    call_soon = loop.call_soon

    def noted(callback: Any, *args: Any, **kwargs: Any) -> Any:
        called.append(callback)
        return call_soon(callback, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_soon", noted)
        for number, transport in enumerate(transports):
            transport.write(b"%d" % number)
            transport.write(b"!")
    assert len(outbox._waiting) == len(wires)
    await end_of_turn()
    assert len(called) == 1
    assert [wire.writes for wire in wires] == [[b"%d!" % number] for number in range(50)]


async def test_what_is_written_while_the_outbox_sends_leaves_in_the_next_turn(outbox: Outbox) -> None:
    sent: list[str] = []
    loop = asyncio.get_running_loop()

    def first() -> None:
        sent.append("first")
        outbox.add(lambda: sent.append("second"), loop)

    outbox.add(first, loop)
    await asyncio.sleep(0)
    assert sent == ["first"]
    await end_of_turn()
    assert sent == ["first", "second"]


async def test_much_is_not_held_back(wire: Wire, outbox: Outbox) -> None:
    transport = await over(wire, outbox)
    transport.write(b"head")
    transport.write(b"x" * 65_536)
    assert [len(data) for data in wire.writes] == [65_540]
    transport.write(b"rest")
    transport.write(b"y" * 65_537)
    assert [len(data) for data in wire.writes] == [65_540, 65_541]
    transport.write(b"little")
    await end_of_turn()
    assert wire.writes[2:] == [b"little"]


async def test_as_much_as_that_is(wire: Wire, outbox: Outbox) -> None:
    transport = await over(wire, outbox)
    transport.write(b"x" * 65_536)
    assert wire.writes == []
    await end_of_turn()
    assert [len(data) for data in wire.writes] == [65_536]


@pytest.mark.parametrize("client_is_sending", [True, False])
async def test_what_was_written_before_the_end_leaves_before_it(
    wire: Wire, outbox: Outbox, client_is_sending: bool
) -> None:
    transport = await over(wire, outbox, client_is_sending=client_is_sending)
    transport.write(b"the last ")
    transport.write(b"answer")
    transport.close()
    assert wire.writes == [b"the last answer"]
    assert wire.done == (["eof"] if client_is_sending else ["close"])
    assert transport.is_closing()
    transport.write(b"too late")
    transport.close()
    await end_of_turn()
    assert wire.writes == [b"the last answer"]
    assert wire.done == (["eof"] if client_is_sending else ["close"])
    transport.abort()


async def test_whoever_is_cut_off_is_told_nothing_more(wire: Wire, outbox: Outbox) -> None:
    transport = await over(wire, outbox)
    transport.write(b"an answer")
    transport.abort()
    transport.write(b"another")
    await end_of_turn()
    assert wire.writes == []
    assert wire.done == ["abort"]


@pytest.mark.parametrize("client_is_sending", [True, False])
async def test_a_closed_connection_is_cut_off_when_its_time_is_over(
    wire: Wire, outbox: Outbox, client_is_sending: bool
) -> None:
    over_soon = {"sending_seconds" if client_is_sending else "unread_seconds": 0.01}
    transport = await over(wire, outbox, client_is_sending=client_is_sending, **over_soon)
    transport.close()
    async with asyncio.timeout(20):
        while "abort" not in wire.done:  # noqa: ASYNC110 - a wire has no event
            await asyncio.sleep(0.01)


async def test_a_connection_that_is_lost_is_not_waited_for(wire: Wire, outbox: Outbox) -> None:
    transport = await over(wire, outbox, unread_seconds=0.01)
    transport.close()
    transport.forget()
    await asyncio.sleep(0.05)
    assert wire.done == ["close"]


async def test_a_connection_that_is_lost_between_a_write_and_the_end_of_the_turn_harms_no_other(
    outbox: Outbox,
) -> None:
    lost, whole = Wire(), Wire()
    for wire in (lost, whole):
        (await over(wire, outbox)).write(b"an answer")
    lost.abort()
    await end_of_turn()
    assert (lost.writes, whole.writes) == ([], [b"an answer"])


async def test_a_connection_that_cannot_be_written_to_silences_no_other(outbox: Outbox) -> None:
    """No transport is known to raise here; one that did would leave everybody behind it without an answer, for good."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    broken, whole = Wire(), Wire()
    broken.write = lambda _data: 1 / 0  # type: ignore[method-assign,assignment]
    for wire in (broken, whole):
        (await over(wire, outbox)).write(b"an answer")
    await end_of_turn()
    assert whole.writes == [b"an answer"]
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


async def test_reading_is_resumed_when_it_was_stopped_and_only_then(wire: Wire, outbox: Outbox) -> None:
    transport = await over(wire, outbox, client_is_sending=True)
    transport.resume_reading()
    assert wire.done == []
    transport.pause_reading()
    transport.close()
    assert wire.done == ["pause", "eof", "resume"]
    transport.abort()
