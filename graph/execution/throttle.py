"""Work that keeps the event loop busy, one piece at a time, so that requests without any are served meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

from graph.security.errors import RateLimited

# With 20 ms each and the rest after it, they wait for little more than a second.
_MOST_WAITING: Final = 32
_RETRY_AFTER_MS: Final = 1000


class Throttle:
    """One piece of work at a time, and none for as long as the last one took: half of the time is left for the others.

    However many clients, from however many addresses, ask for it.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._rested_at = 0.0

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Around work that does not wait. Raises `RateLimited` when too much of it waits already."""
        if self._waiting >= _MOST_WAITING:
            raise RateLimited(_RETRY_AFTER_MS)
        self._waiting += 1
        try:
            async with self._lock:
                if (rest := self._rested_at - time.monotonic()) > 0:
                    await asyncio.sleep(rest)
                started = time.monotonic()
                try:
                    yield
                finally:
                    self._rested_at = 2 * time.monotonic() - started
        finally:
            self._waiting -= 1
