"""A TCP proxy that does to a connection what networks do: slow it down, swallow it, cut it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

# `delay`: every piece arrives `seconds` late. `trickle`: byte after byte, `seconds` apart. `blackhole`: nothing arrives
# until the next mode. `reset`: every connection is torn down. `refuse`: and nobody listens. `lose_answer`: requests
# arrive, but the next answer does not, and with it goes its connection; what comes then is passed on. `lose_commit`: so
# does the next that PostgreSQL gives to a COMMIT.
Mode = Literal["pass", "delay", "trickle", "blackhole", "reset", "refuse", "lose_answer", "lose_commit"]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)


class _Lost(Exception):
    """An answer that shall not arrive."""


@dataclass
class FaultProxy:
    """Passes on what comes to `port`, until `turn` says otherwise; for connections that there are as for new ones."""

    connect: Callable[[], Awaitable[Streams]]
    port: int = 0
    mode: Mode = "pass"
    seconds: float = 0.0
    # How many pieces wait in the black hole.
    held: int = 0
    # How often all connections were forgotten.
    forgotten: int = 0
    _turned: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def turn(self, mode: Mode, seconds: float = 0.0) -> None:
        """From now on."""
        self.mode, self.seconds = mode, seconds
        self._turned.set()
        self._turned = asyncio.Event()
        if mode in {"reset", "refuse"}:
            self.cut()
        if mode == "refuse":
            await self._deafen()
        elif self._server is None:
            await self.listen()

    async def listen(self) -> None:
        """On the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_port=True)

    async def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Tears everything down."""
        await self._deafen()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def cut(self) -> None:
        """Tears down the connections that there are."""
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.transport.abort()

    def forget(self) -> None:
        """As a firewall does: what comes over the connections that there are goes nowhere, and new ones work."""
        self.forgotten += 1

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, pumps, born = {writer}, [], self.forgotten
        self._writers.add(writer)
        try:
            if self.mode == "reset":
                self.cut()
                return
            far_reader, far_writer = await self.connect()
            ends.add(far_writer)
            self._writers.add(far_writer)
            pumps = [
                asyncio.create_task(self._pump(reader, far_writer, born, answers=False)),
                asyncio.create_task(self._pump(far_reader, writer, born, answers=True)),
            ]
            # Whichever side hangs up, so does the other.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # nobody there: hang up
        finally:
            for pump in pumps:
                pump.cancel()
            for end in ends:
                end.close()
            self._writers -= ends

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, born: int, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError, _Lost):
            while data := await reader.read(65_536):
                if born == self.forgotten:
                    await self._carry(data, writer, answers=answers)

    async def _carry(self, data: bytes, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        self.held += 1
        try:
            while self.mode == "blackhole":
                await self._turned.wait()
        finally:
            self.held -= 1
        is_lost = self.mode == "lose_answer" or (self.mode == "lose_commit" and b"COMMIT" in data)
        if answers and is_lost:
            self.mode = "pass"
            raise _Lost
        if self.mode == "delay":
            await asyncio.sleep(self.seconds)
        step = len(data) if self.mode != "trickle" else 1
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
            await writer.drain()
            if self.mode == "trickle":
                await asyncio.sleep(self.seconds)


@asynccontextmanager
async def fault_proxy(connect: Callable[[], Awaitable[Streams]]) -> AsyncIterator[FaultProxy]:
    """A proxy in front of whatever `connect` reaches, on a port that stays its own while nobody listens there."""
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reservation.bind(("127.0.0.1", 0))
        proxy = FaultProxy(connect, reservation.getsockname()[1])
        await proxy.listen()
        try:
            yield proxy
        finally:
            await proxy.stop()
