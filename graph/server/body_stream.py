"""The body of a request whose application reads it in pieces: what has arrived and is not read holds up its client."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from graph.errors import ErrorCode
from graph.server.connections import Connections
from graph.server.http_error import HttpError, busy, too_large

# The client is read no further while so much of its body waits for the application.
_BUFFER_BYTES: Final = 64 * 1024
# What arrives in more pieces than so many, and one for so many bytes, costs more than the body is worth: a piece is a
# chunk, or what one packet brought of it.
_SPARE_PIECES: Final = 4096
_BYTES_A_PIECE: Final = 128


@dataclass(slots=True, eq=False, repr=False)
class BodyStream:
    """`most` bytes at most, between the parser and the application; those that wait are pending ones of their `owner`.

    `ended` is whether all of the body has arrived, `error` why its rest never will. `invites` is whether the client
    waits to be asked for it.
    """

    transport: asyncio.Transport
    connections: Connections
    owner: str | None
    most: int
    invites: bool = False
    ended: bool = False
    error: HttpError | None = None
    # A bytearray, to which a body in chunks of one byte is added in linear time.
    unread: bytearray = field(default_factory=bytearray)
    _received: int = 0
    _pieces: int = 0
    _paused: bool = False

    def feed(self, piece: bytes) -> None:
        """Takes a piece that has arrived.

        Raises `HttpError` where the body is too large or comes in too many pieces, or there is no room.
        """
        self._received += len(piece)
        self._pieces += 1
        if self._pieces > _SPARE_PIECES + self._received // _BYTES_A_PIECE:
            raise HttpError(400, ErrorCode.BAD_REQUEST, "The body comes in too many small chunks.")
        if self._received > self.most:
            raise too_large(self.most)
        if not self.connections.hold(self.owner, len(piece)):
            raise busy()
        self.unread += piece
        if not self._paused and len(self.unread) > _BUFFER_BYTES:
            self._paused = True
            self.transport.pause_reading()

    def take(self) -> bytes:
        """All that waits, after which the client is read on."""
        piece = bytes(self.unread)
        self.connections.release(self.owner, len(piece))
        self.unread.clear()
        if self._paused:
            self._paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()
        return piece
