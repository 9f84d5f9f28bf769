"""Rate limit counters in this process's memory."""

from collections.abc import Callable
from typing import Final

from limits.aio.storage import Storage

_MOST: Final = 100_000


class LocalCounters(Storage):
    """Counters of this process, a bounded number of them. `now` gives epoch milliseconds.

    `limits` has a storage of this kind that looks through all its counters at every count, which a client with many
    addresses can make slow.
    """

    STORAGE_SCHEME = None

    def __init__(self, now: Callable[[], int], most: int = _MOST) -> None:
        super().__init__()
        self._now = now
        self._most = most
        self._counters: dict[str, tuple[int, float]] = {}  # what was counted, until when (epoch seconds)

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """What the counter holds after counting `amount` more; it begins anew `expiry` seconds after its first."""
        now = self._now() / 1000
        count, until = self._counters.get(key, (0, 0.0))
        if until <= now:
            self._counters.pop(key, None)  # to come back behind the others, as the newest
            self._make_room(now)
            count, until = 0, now + expiry
        self._counters[key] = (count + amount, until)
        return count + amount

    async def get(self, key: str) -> int:
        count, until = self._counters.get(key, (0, 0.0))
        return count if until > self._now() / 1000 else 0

    async def get_expiry(self, key: str) -> float:
        """When the counter begins anew, in epoch seconds."""
        return self._counters.get(key, (0, self._now() / 1000))[1]

    async def check(self) -> bool:
        return True

    async def reset(self) -> int:
        """Clears all counters and returns how many there were."""
        found = len(self._counters)
        self._counters.clear()
        return found

    async def clear(self, key: str) -> None:
        self._counters.pop(key, None)

    def _make_room(self, now: float) -> None:
        if len(self._counters) < self._most:
            return
        living = [(key, counter) for key, counter in self._counters.items() if counter[1] > now]
        # A client with so many addresses that the older half is dropped had as many times the limit anyway.
        self._counters = dict(living[-self._most // 2 :])
