"""Closes a connection so that a client which is still sending gets to read its answer.

The kernel resets a connection that is closed over unread bytes, and a reset takes from the client what it has not read
yet: the answer that says what was wrong (RFC 9112, section 9.6).
"""

import asyncio
from collections.abc import Callable
from typing import Any


class LingeringTransport(asyncio.Transport):
    """A transport that, told to close while `client_is_sending`, ends its own side and leaves the other open a while.

    It counts as closing meanwhile. What arrives goes to the protocol as ever, which has to discard it, and to call
    `abort` when it was too much. The connection ends in any case: `sending_seconds` after `close` for a client that
    goes on sending, `unread_seconds` for one that does not read what is still to be written.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        client_is_sending: Callable[[], bool],
        sending_seconds: float,
        unread_seconds: float,
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._client_is_sending = client_is_sending
        self._sending_seconds = sending_seconds
        self._unread_seconds = unread_seconds
        self._paused = False
        self._end: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Ends this side, and the other when the client has sent everything, or its time is over."""
        if self.is_closing():
            return
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
        if self._end is not None:
            self._end.cancel()

    def is_closing(self) -> bool:
        """From the first `close` on."""
        return self._end is not None or self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends, or drops what comes after `close`, as other transports do."""
        if not self.is_closing():
            self._transport.write(data)

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
