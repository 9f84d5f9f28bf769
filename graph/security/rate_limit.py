"""Counts requests, in this process or for all replicas together, and refuses those beyond a rate.

The counting is the library `limits`' (fixed windows that begin with the first count). A shared storage that does not
respond is neither a reason to refuse every request nor to accept every one: the server counts on its own meanwhile, so
that each replica allows what all of them together should.
"""

import asyncio
import importlib
import logging
import re
import time
from collections.abc import Callable
from typing import Any, Final, Self

from limits import RateLimitItem, parse_many
from limits.aio.storage import RedisStorage
from limits.errors import ConfigurationError, StorageError
from pydantic import SecretStr

from graph.security.errors import RateLimited, RateLimitStorageUnusable

_log = logging.getLogger(__name__)

# A response from the same network takes one or two milliseconds.
_TIMEOUT: Final = 0.25
_RETRY_AFTER: Final = 1.0
_CONNECTIONS: Final = 32
_MOST_COUNTERS: Final = 100_000
# Redis gives the rest of a window in whole seconds: a client that waits so long must not come too early.
_ROUNDED_OFF: Final = 0.5


class LocalCounters:
    """Counters of this process, a bounded number of them. `now` gives epoch milliseconds.

    `limits` has a storage of this kind that looks through all its counters at every count, which a client with many
    addresses can make slow.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._counters: dict[str, tuple[int, float]] = {}  # what was counted, until when (epoch seconds)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """What the counter holds after counting so many more; it begins anew `expiry` seconds after its first."""
        now = self._now() / 1000
        count, until = self._counters.get(key, (0, 0.0))
        if until <= now:
            self._counters.pop(key, None)  # to come back behind the others, as the newest
            self._make_room(now)
            count, until = 0, now + expiry
        self._counters[key] = (count + amount, until)
        return count + amount

    async def get_expiry(self, key: str) -> float:
        """When a counter begins anew, in epoch seconds."""
        return self._counters[key][1]

    def _make_room(self, now: float) -> None:
        if len(self._counters) < _MOST_COUNTERS:
            return
        living = [(key, counter) for key, counter in self._counters.items() if counter[1] > now]
        # A client with so many addresses that the older half is dropped had as many times the limit anyway.
        self._counters = dict(living[-_MOST_COUNTERS // 2 :])


class RateLimitStorage:
    """Where rate limits count; an async context manager, to close what it opened. `now` gives epoch milliseconds."""

    def __init__(self, url: SecretStr, *, namespace: str, now: Callable[[], int]) -> None:
        """`namespace` keeps what shares the storage apart: mini-programs count their own users.

        Raises `RateLimitStorageUnusable`; a shared storage is not contacted yet.
        """
        self.failures = 0
        self._namespace = namespace
        self._now = now
        self._local = LocalCounters(now)
        self._pool: Any = None
        self._shared = None if url.get_secret_value() == "memory://" else self._connected(url.get_secret_value())
        self._retry_at = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def wait_ms(self, rate: RateLimitItem, *caller: str, amount: int = 1) -> int:
        """Counts so many more for `caller`: 0 within the rate, otherwise milliseconds until it counts anew."""
        left = None
        if self._shared is not None and self._may_try():
            try:
                async with asyncio.timeout(_TIMEOUT):
                    left = await self._seconds_left(self._shared, rate, *caller, amount=amount)
            except Exception as error:
                self._failed(error)
            else:
                self._answered()
                left = left and left + _ROUNDED_OFF
        if left is None:
            left = await self._seconds_left(self._local, rate, *caller, amount=amount)
        return round(1000 * min(left, rate.get_expiry()))

    def _may_try(self) -> bool:
        """Always while it responds; after a failure, one request at a time retries."""
        if not self._retry_at:
            return True
        if time.monotonic() < self._retry_at:
            return False
        self._retry_at = time.monotonic() + _RETRY_AFTER
        return True

    async def _seconds_left(
        self, storage: RedisStorage | LocalCounters, rate: RateLimitItem, *caller: str, amount: int
    ) -> float:
        """Counts: 0 within the rate, otherwise how long its window still lasts."""
        key = rate.key_for(*caller)
        if await storage.incr(key, rate.get_expiry(), amount) <= rate.amount:
            return 0
        return max(0.001, await storage.get_expiry(key) - self._now() / 1000)

    def _connected(self, url: str) -> RedisStorage:
        try:
            redis = importlib.import_module("redis.asyncio")
        except ImportError:
            msg = "needs another package: pip install 'wxgate[redis]'"
            raise RateLimitStorageUnusable(msg) from None
        try:
            # The two servers speak the same protocol, and one client is enough for both.
            self._pool = redis.BlockingConnectionPool.from_url(
                re.sub("^valkey", "redis", url),
                max_connections=_CONNECTIONS,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
            )
            self._pool.make_connection()  # connects nothing yet, but knows its options
            return RedisStorage(
                "async+redis://",
                wrap_exceptions=True,
                implementation="redispy",
                key_prefix=f"wxgate:{self._namespace}",
                connection_pool=self._pool,
            )
        except (ValueError, TypeError, AttributeError, redis.RedisError, ConfigurationError):
            msg = "is not a URL like redis://user:password@host:6379/0, with options that redis-py knows"
            raise RateLimitStorageUnusable(msg) from None

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if not self._retry_at:
            cause = error.__cause__ if isinstance(error, StorageError) else None
            reason = type(cause or error).__name__
            _log.warning("the storage of the rate limits does not answer: counting here", extra={"reason": reason})
        self._retry_at = time.monotonic() + _RETRY_AFTER

    def _answered(self) -> None:
        if self._retry_at:
            self._retry_at = 0.0
            _log.info("the storage of the rate limits answers again")


class RateLimit:
    """The rates of one kind of request, in the notation of `limits`: `30/minute`, `10/second;500/hour`; "" for none."""

    def __init__(
        self,
        what: str,
        rates: str,
        storage: RateLimitStorage,
        *,
        refused: Callable[[str, str], None] = lambda _what, _kind: None,
    ) -> None:
        """`refused` receives what was refused, and to which kind."""
        self._what = what
        self._rates = parse_many(rates) if rates else []
        self._storage = storage
        self._refused = refused

    async def count(self, kind: str, caller: str) -> None:
        """Counts one for `caller`, an address or account by its kind. Raises `RateLimited` beyond the rates."""
        waits = [await self._storage.wait_ms(rate, self._what, kind, caller) for rate in self._rates]
        longest = max(waits, default=0)
        if longest:
            self._refused(self._what, kind)
            raise RateLimited(longest)

    async def uncount(self, kind: str, caller: str) -> None:
        """Takes back what `count` has counted."""
        for rate in self._rates:
            await self._storage.wait_ms(rate, self._what, kind, caller, amount=-1)


class TokenBuckets:
    """A bucket of tokens for each caller, in this process alone: for what costs this process something.

    Of `100/minute` a caller has 100 at first and gets one every 600 ms, in the notation of `RateLimit`; of several
    rates each must have a token. So a caller who has none left is not shut out until a window ends. `now` gives epoch
    milliseconds.
    """

    def __init__(self, rates: str, *, now: Callable[[], int], refused: Callable[[], None] = lambda: None) -> None:
        parsed = parse_many(rates) if rates else []
        # How long a bucket takes to fill, and a token to appear, in milliseconds.
        self._rates = [(1000 * rate.get_expiry(), 1000 * rate.get_expiry() / rate.amount) for rate in parsed]
        self._now = now
        self._refused = refused
        # When each bucket of a caller will be full: who is not here has full ones.
        self._full_at: dict[str, list[float]] = {}

    def take(self, caller: str) -> None:
        """Takes a token. Raises `RateLimited` where there is none, and takes nothing."""
        if not self._rates:
            return
        now = self._now()
        known = self._full_at.get(caller) or [now] * len(self._rates)
        # Later than that no bucket can be full, unless the clock was set back.
        full_at = [
            (at if now < at <= now + period else now) + token
            for at, (period, token) in zip(known, self._rates, strict=True)
        ]
        wait = max(round(at - now - period) for at, (period, _) in zip(full_at, self._rates, strict=True))
        if wait > 0:
            self._refused()
            raise RateLimited(wait)
        if caller not in self._full_at and len(self._full_at) >= _MOST_COUNTERS:
            used = [(known, at) for known, at in self._full_at.items() if max(at) > now]
            # A client with so many addresses that the older half is dropped had as many times the limit anyway.
            self._full_at = dict(used[-_MOST_COUNTERS // 2 :])
        self._full_at[caller] = full_at

    def give_back(self, caller: str, tokens: int = 1) -> None:
        """Puts tokens into the caller's bucket, which holds no more than it did at first."""
        if caller in self._full_at:
            known = zip(self._full_at[caller], self._rates, strict=True)
            self._full_at[caller] = [at - tokens * token for at, (_, token) in known]
