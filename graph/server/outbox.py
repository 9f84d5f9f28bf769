"""Sends what many connections have to say at the end of a turn of the event loop.

A write wakes its reader, which costs more than the write itself. Answers that leave one after another, each as soon as
it is ready, wake a proxy for every one of them; those that leave together find it awake, and head and body of an answer
are one system call.
"""

import asyncio
from collections.abc import Callable


class Outbox:
    """One for all connections of an event loop."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def add(self, send: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Calls `send` at the end of this turn."""
        if not self._waiting:
            loop.call_soon(self._send, loop)
        self._waiting.append(send)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        for send in waiting:
            try:
                send()
            except Exception as error:
                # A connection that fails must not silence those behind it.
                loop.call_exception_handler({"message": "an answer could not be sent", "exception": error})
