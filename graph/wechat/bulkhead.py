"""Keeps a WeChat that hangs from flooding the server with logins that wait for it."""

import contextlib
from collections.abc import Iterator
from typing import Final

from graph.wechat.errors import CircuitOpen

# Seconds. Whoever comes when all places are taken is refused at once: to queue would only move the flood.
RETRY_AFTER: Final = 1.0


class Bulkhead:
    """Room for so many at once who call WeChat, or are about to."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many are inside."""
        return self._taken

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Around all of the work that a call is for. Raises `CircuitOpen`."""
        if self._taken >= self._places:
            raise CircuitOpen(reason="too many wait for it", retry_after=RETRY_AFTER)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
