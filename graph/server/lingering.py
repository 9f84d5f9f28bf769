"""Closes a connection so that a client which is still sending gets to read its answer.

The kernel resets a connection that is closed over unread bytes, and a reset takes from the client what it has not read
yet: the answer that says what was wrong (RFC 9112, section 9.6).
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from graph.server.outbox import Outbox

# Bytes that are not held back, so that whoever writes hears in time that its reader is slow.
_MUCH: Final = 64 * 1024


class LingeringTransport(asyncio.Transport):
    """A transport that, told to close while `client_is_sending`, ends its own side and leaves the other open a while.

    What is written leaves with the outbox, unless it is much.

    It counts as closing meanwhile. What arrives goes to the protocol as ever, which has to discard it, and to call
    `abort` when it was too much. The connection ends in any case: `sending_seconds` after `close` for a client that
    goes on sending, `unread_seconds` for one that does not read what is still to be written.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        outbox: Outbox,
        client_is_sending: Callable[[], bool],
        sending_seconds: float,
        unread_seconds: float,
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._outbox = outbox
        self._written: list[bytes | bytearray | memoryview] = []
        self._held = 0
        self._client_is_sending = client_is_sending
        self._sending_seconds = sending_seconds
        self._unread_seconds = unread_seconds
        self._paused = False
        self._end: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Ends this side, and the other when the client has sent everything, or its time is over."""
        if self.is_closing():
            return
        self._send()
        if not self._client_is_sending():
            self._end = self._loop.call_later(self._unread_seconds, self.abort)
            self._transport.close()
            return
        self._end = self._loop.call_later(self._sending_seconds, self.abort)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.resume_reading()

    def abort(self) -> None:
        """Closes at once, whatever the client is doing, without what is not yet written."""
        self.forget()
        self._transport.abort()

    def forget(self) -> None:
        """For a connection that is lost: there is nothing to wait for."""
        self._client_is_sending = bool
        if self._end is not None:
            self._end.cancel()

    def is_closing(self) -> bool:
        """From the first `close` on."""
        return self._end is not None or self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends, or drops what comes after `close`, as other transports do."""
        if self.is_closing():
            return
        if not self._written:
            self._outbox.add(self._send, self._loop)
        self._written.append(data)
        self._held += len(data)
        if self._held > _MUCH:
            self._send()

    def _send(self) -> None:
        written, self._written, self._held = self._written, [], 0
        if written and not self._transport.is_closing():
            self._transport.write(b"".join(written))

    def pause_reading(self) -> None:
        """Stops the delivery of bytes."""
        self._paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Goes on, if it was stopped."""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport inside knows."""
        return self._transport.get_extra_info(name, default)
