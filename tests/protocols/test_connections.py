"""What many connections share, and how each of them ends."""

import asyncio
import gc
import socket
import struct
import tracemalloc
from typing import Any

import pytest

from graph.http.client_address import ClientAddresses
from graph.server.connections import Connections
from graph.server.limits import ConnectionLimits
from graph.server.protocol import HttpProtocol
from tests.protocols.serving import BODIES, GET, LAST, PATIENT, Worker, echo, post, read_response, serving, until


async def test_an_idle_connection_is_closed_even_if_blank_lines_come() -> None:
    async with serving(echo) as server:
        reader, writer = await server.connect()
        writer.write(GET)
        await read_response(reader)
        async with asyncio.timeout(20):
            while not reader.at_eof() and reader.exception() is None:
                writer.write(b"\r\n")
                await asyncio.sleep(0.05)
        writer.close()
        await server.is_left_alone()


async def test_a_client_that_sends_its_request_and_half_closes_is_answered() -> None:
    """Data and FIN in one packet, most of the time."""
    async with serving(echo) as server:
        for _ in range(200):
            reader, writer = await server.connect()
            writer.write(GET)
            writer.write_eof()
            assert (await read_response(reader)).status == 200
            assert await reader.read() == b""
            writer.close()
        await server.is_left_alone()


async def test_a_half_close_while_the_application_works_takes_no_response_away() -> None:
    worker = Worker()
    async with serving(worker) as server:
        reader, writer = await server.connect()
        writer.write(GET)
        await until(lambda: worker.begun == 1)
        writer.write_eof()
        asyncio.get_running_loop().call_later(0.1, worker.go_on.set)  # when it has arrived, which nothing tells
        assert (await read_response(reader)).status == 200
        writer.close()


async def test_half_a_request_and_a_half_close_end_the_connection() -> None:
    async with serving(echo) as server:
        for sent in b"", GET[:9], post()[:-1], GET + GET[:9]:
            reader, writer = await server.connect()
            writer.write(sent)
            writer.write_eof()
            assert (await reader.read()).count(b"HTTP/1.1 200") == sent.startswith(GET)
            writer.close()
        await server.is_left_alone()


async def test_a_client_that_goes_leaves_nothing_and_harms_no_other() -> None:
    worker = Worker()
    async with serving(worker) as server:
        for behind in b"", GET, GET[:9], post()[:-1]:
            _, writer = await server.connect()
            begun = worker.begun
            writer.write(GET + behind)
            await until(lambda begun=begun: worker.begun > begun)  # type: ignore[misc]
            writer.transport.abort()
        worker.go_on.set()
        assert (await server.ask(GET)).status == 200
        await server.is_left_alone()


async def test_half_bodies_from_one_address_do_not_count_as_concurrent_requests() -> None:
    async with serving(echo, concurrency=2) as server:
        writers = [(await server.connect())[1] for _ in range(500)]
        for writer in writers:
            writer.write(post(b"abc")[:-1])
        await until(lambda: server.connections._pending > 0)
        assert (await server.ask(GET)).status == 200
        for writer in writers:
            writer.close()
        await server.is_left_alone()


@pytest.mark.parametrize("limit", ["pending_bytes", "pending_bytes_per_address"])
async def test_bytes_of_incomplete_requests_have_a_budget(limit: str) -> None:
    limits = PATIENT.model_copy(update={limit: 100_000})
    async with serving(echo, limits, bodies=BODIES.model_copy(update={"body_bytes": 90_000})) as server:
        _, holder = await server.connect()
        holder.write(post(b"x" * 80_000)[:-1])
        await until(lambda: server.connections._pending >= 80_000)
        response = await server.ask(post(b"x" * 80_000)[:-1])
        assert (response.status, response.code) == (503, "SERVICE_UNAVAILABLE")
        holder.transport.abort()
        await server.is_left_alone()
        assert (await server.ask(post(b"x" * 80_000))).status == 200


async def test_of_a_refused_body_nothing_is_kept_while_its_client_reads_the_refusal() -> None:
    limits, size = PATIENT.model_copy(update={"pending_bytes": 70_000}), 80_000
    async with serving(echo, limits, bodies=BODIES.model_copy(update={"body_bytes": 90_000})) as server:
        tracemalloc.start()
        clients = [await server.connect() for _ in range(40)]
        for reader, writer in clients:
            writer.write(post(b"x" * size)[:-1])
            assert (await read_response(reader)).status == 503
        assert server.connections.open == 40
        kept = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/request_parser.py")])
        tracemalloc.stop()
        assert sum(trace.size for trace in kept.traces) < 10 * size
        for _, writer in clients:
            writer.close()
        await server.is_left_alone()


@pytest.mark.parametrize("limit", ["pending_bytes", "pending_bytes_per_address"])
@pytest.mark.parametrize("ended", [False, True], ids=["answered", "gone"])
async def test_requests_that_wait_behind_another_count_in_the_budget(limit: str, *, ended: bool) -> None:
    limits = PATIENT.model_copy(update={limit: 100_000})
    worker = Worker()
    async with serving(worker, limits, bodies=BODIES.model_copy(update={"body_bytes": 90_000})) as server:
        reader, holder = await server.connect()
        holder.write(GET + post(b"x" * 80_000) + post(b"y" * 80_000))
        await until(lambda: server.connections._pending >= 80_000)
        assert (await server.ask(post(b"x" * 80_000)[:-1])).status == 503
        if ended:
            holder.transport.abort()
        worker.go_on.set()
        if not ended:
            assert [(await read_response(reader)).json["size"] for _ in range(2)] == [0, 80_000]
            assert b" 200 " not in await reader.read(), "for the third there was no room"
            holder.close()
        await server.is_left_alone()
        assert (await server.ask(post(b"x" * 80_000))).status == 200


class Idle:
    def __init__(self, connections: Connections, address: str) -> None:
        self.closed = self.fresh = False
        self._connections, self._address = connections, address

    def close(self) -> None:
        self.closed = True
        self._connections.remove(self, self._address)


async def test_the_longest_idle_connection_makes_room_for_another() -> None:
    connections = Connections(ConnectionLimits(), capacity=4)
    loop = asyncio.get_running_loop()
    idle = []
    for address in "abcd":
        assert connections.add(address, loop.time())
        idle.append(Idle(connections, address))
        connections.idle[idle[-1]] = loop.time()
    assert connections.add("e", loop.time())
    assert [each.closed for each in idle] == [True, False, False, False]


async def test_one_address_has_half_of_the_connections_and_a_warning_comes_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connections = Connections(ConnectionLimits(), capacity=4)
    assert [connections.add("a", now) for now in (0.0, 1.0, 2.0, 3.0, 63.0)] == [True, True, False, False, False]
    assert [record.message for record in caplog.records] == ["connections are refused"] * 2
    assert [connections.add(None, 64.0) for _ in range(3)] == [True, True, False]
    assert (connections.open, connections.refused) == (4, 4)


async def test_what_counts_as_one_client_has_half_of_the_connections() -> None:
    owners = iter(["a household", "a household", "a household", "another"])
    async with serving(echo, PATIENT, capacity=4, owner_of=lambda _: next(owners)) as server:
        writers = [(await server.connect())[1] for _ in range(4)]
        await until(lambda: server.connections.open == 3)
        assert server.connections.refused == 1
        for writer in writers:
            writer.close()


def test_a_connection_counts_for_the_client_that_rate_limits_count() -> None:
    owner_of = ClientAddresses(["10.0.0.0/8"]).owner_of
    assert owner_of("2001:db8:1:200::1") == owner_of("2001:db8:1:2ff::2") == "2001:db8:1:200::/56"
    assert owner_of("2002:c633:6407::1") == owner_of("::ffff:198.51.100.7") == owner_of("198.51.100.7")
    assert owner_of("10.0.0.1") is owner_of("::ffff:10.0.0.1") is None
    assert owner_of("") == "unknown"


async def test_at_capacity_an_idle_connection_is_closed_for_a_new_one() -> None:
    async with serving(echo, PATIENT, capacity=2, owner_of=lambda _: None) as server:
        readers: list[Any] = []
        for _ in range(3):
            reader, writer = await server.connect()
            writer.write(GET)
            assert (await read_response(reader)).status == 200
            readers.append((reader, writer))
        async with asyncio.timeout(0.9):  # sooner than it would be closed for having idled
            assert await readers[0][0].read() == b""
        for _, writer in readers:
            writer.close()


@pytest.mark.parametrize("ended", ["closed", "reset"])
@pytest.mark.parametrize("sent", [b"", GET, GET[:9], GET + post()[:40], LAST, b"\x16\x03\x01 no HTTP\r\n\r\n"])
async def test_a_connection_leaves_nothing_for_the_garbage_collector(sent: bytes, ended: str) -> None:
    def known() -> list[object]:
        return [each for each in gc.get_objects() if issubclass(type(each), HttpProtocol)]

    async with serving(echo) as server:
        gc.collect()
        gc.disable()
        try:
            reader, writer = await server.connect()
            writer.write(sent)
            if sent and sent != GET[:9]:
                await read_response(reader)
            await until(lambda: bool(known()) or sent not in {b"", GET[:9]})
            if ended == "reset":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()
            await server.is_left_alone()
            await until(lambda: not known())
        finally:
            gc.enable()
