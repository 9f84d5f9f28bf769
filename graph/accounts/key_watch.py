"""Counts how many accounts each encryption key seals, again and again, and in no hurry."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Self

from graph.security.encryption import KeyRing
from models.accounts import count_accounts_by_key
from models.database import Database
from models.errors import DatabaseError

AGAIN_AFTER: Final = 60.0
# However many accounts there are, and however slow the database: it works for this hundredth part of the time.
_REST: Final = 100
# A key id that a row names, and the ring does not hold, may be any text.
_UNKNOWN: Final = "(unknown)"


class KeyWatch:
    """An async context manager, at work until it is left. `now` gives epoch milliseconds, `timer` and `sleep` seconds.

    A million accounts take it some five minutes. What it knows may be read from any thread.
    """

    def __init__(
        self,
        *,
        database: Database,
        key_ring: KeyRing,
        now: Callable[[], int],
        timer: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._key_ring = key_ring
        self._now = now
        self._timer = timer
        self._sleep = sleep
        self._counts: Mapping[tuple[str, ...], float] = {}
        self._counted_at: float | None = None
        self._began = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._count_again_and_again())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    def accounts(self) -> Mapping[tuple[str, ...], float]:
        """Accounts by key id and what the key does: `encrypts`, `decrypts`, `missing`. Empty before the first count."""
        return self._counts

    def counted_at(self) -> float | None:
        """When the last count ended, in epoch seconds."""
        return self._counted_at

    async def _count_again_and_again(self) -> None:
        while True:
            self._began = self._timer()
            with contextlib.suppress(DatabaseError):  # readiness tells of it, and the next count may succeed
                self._keep(await count_accounts_by_key(self._database, rest=self._rest))
            await self._sleep(AGAIN_AFTER)

    def _keep(self, counted: Mapping[str, int]) -> None:
        counts: Counter[tuple[str, ...]] = Counter()
        for key_id in self._key_ring.ids:
            role = "encrypts" if key_id == self._key_ring.current_id else "decrypts"
            counts[key_id, role] = counted.get(key_id, 0)
        counts[_UNKNOWN, "missing"] = sum(n for key_id, n in counted.items() if key_id not in self._key_ring.ids)
        self._counts, self._counted_at = counts, self._now() / 1000

    async def _rest(self) -> None:
        await self._sleep(_REST * (self._timer() - self._began))
        self._began = self._timer()
