"""Counts requests, in this process or for all replicas together, and refuses those beyond a rate.

The counting is the library `limits`' (fixed windows that begin with the first count). A shared storage that does not
respond is neither a reason to refuse every request nor to accept every one: the server counts on its own meanwhile, so
that each replica allows what all of them together should.
"""

import asyncio
import importlib
import logging
import math
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Self

from limits import RateLimitItem, parse_many
from limits.aio.storage import RedisStorage
from limits.errors import ConfigurationError, StorageError
from pydantic import SecretStr

from graph.security.errors import RateLimited, RateLimitStorageUnusable
from graph.security.events import Client, SecurityEvent

_log = logging.getLogger(__name__)

# A response from the same network takes one or two milliseconds.
_TIMEOUT: Final = 0.25
_RETRY_AFTER: Final = 1.0
_CONNECTIONS: Final = 32
_MOST_COUNTERS: Final = 100_000
# Redis gives the rest of a window in whole seconds: a client that waits so long must not come too early.
_ROUNDED_OFF: Final = 0.5


class LocalCounters:
    """Counters of this process, a bounded number of them. `clock` gives seconds and never goes back.

    `limits` has a storage of this kind that looks through all its counters at every count, which a client with many
    addresses can make slow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counters: dict[str, tuple[int, float]] = {}  # what was counted, until when

    async def incr(self, key: str, expiry: int) -> int:
        """What the counter holds after counting one more; it begins anew `expiry` seconds after its first."""
        now = self._clock()
        count, until = self._counters.get(key, (0, 0.0))
        if until <= now:
            self._counters.pop(key, None)  # to come back behind the others, as the newest
            self._make_room(now)
            count, until = 0, now + expiry
        self._counters[key] = (count + 1, until)
        return count + 1

    async def get_expiry(self, key: str) -> float:
        """When a counter begins anew, by the clock."""
        return self._counters[key][1]

    def _make_room(self, now: float) -> None:
        if len(self._counters) < _MOST_COUNTERS:
            return
        living = [(key, counter) for key, counter in self._counters.items() if counter[1] > now]
        # A client with so many addresses that the older half is dropped had as many times the limit anyway.
        self._counters = dict(living[-_MOST_COUNTERS // 2 :])


class RateLimitStorage:
    """Where rate limits count; an async context manager, to close what it opened."""

    def __init__(self, url: SecretStr, *, namespace: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`namespace` keeps what shares the storage apart: mini-programs count their own users. `clock` as above.

        Raises `RateLimitStorageUnusable`; a shared storage is not contacted yet.
        """
        self.failures = 0
        self._namespace = namespace
        self._clock = clock
        self._local = LocalCounters(clock)
        self._pool: Any = None
        self._shared = None if url.get_secret_value() == "memory://" else self._connected(url.get_secret_value())
        self._retry_at = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def wait_ms(self, rate: RateLimitItem, *caller: str, reached: Callable[[], None] = lambda: None) -> int:
        """Counts one more for `caller`: 0 within the rate, otherwise milliseconds until it counts anew.

        `reached` is called for the first of a window that is beyond the rate.
        """
        left = None
        if self._shared is not None and self._may_try():
            try:
                async with asyncio.timeout(_TIMEOUT):
                    left = await self._seconds_left(self._shared, rate, *caller, reached=reached)
            except Exception as error:
                self._failed(error)
            else:
                self._answered()
                left = left and left + _ROUNDED_OFF
        if left is None:
            left = await self._seconds_left(self._local, rate, *caller, reached=reached)
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
        self,
        storage: RedisStorage | LocalCounters,
        rate: RateLimitItem,
        *caller: str,
        reached: Callable[[], None],
    ) -> float:
        """Counts one more: 0 within the rate, otherwise how long its window still lasts."""
        key = rate.key_for(*caller)
        count = await storage.incr(key, rate.get_expiry())
        if count <= rate.amount:
            return 0
        if count == rate.amount + 1:
            reached()
        now = self._clock() if storage is self._local else time.time()
        return max(0.001, await storage.get_expiry(key) - now)

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
        times: int = 1,
        refused: Callable[[str, str], None] = lambda _what, _kind: None,
    ) -> None:
        """Allows so many `times` what the rates say. `refused` receives what was refused, and to which kind."""
        self._what = what
        parsed = parse_many(rates) if rates else []
        self._rates = [type(rate)(times * rate.amount, rate.multiples) for rate in parsed]
        self._storage = storage
        self._refused = refused

    async def count(self, kind: str, caller: str, client: Client, **ids: str) -> None:
        """Counts one for `caller`, an address or account by its kind. Raises `RateLimited` beyond the rates.

        `client` and `ids` go to the log, once in a window.
        """
        reached = partial(SecurityEvent.RATE_LIMIT_REACHED.log, client, limit=self._what, kind=kind, **ids)
        waits = [
            await self._storage.wait_ms(rate, self._what, kind, caller, reached=partial(reached, rate=str(rate)))
            for rate in self._rates
        ]
        longest = max(waits, default=0)
        if longest:
            self._refused(self._what, kind)
            raise RateLimited(longest)


class TokenBuckets:
    """A bucket of tokens for each address, in this process alone: for what costs this process something.

    Of `100/minute` an address has 100 at first and gets one every 600 ms, in the notation of `RateLimit`; of several
    rates each must have a token. So one that has none left is not shut out until a window ends. `clock` gives seconds
    and never goes back; `refused` as in `RateLimit`.
    """

    def __init__(
        self,
        what: str,
        rates: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        refused: Callable[[str, str], None] = lambda _what, _kind: None,
    ) -> None:
        self._what = what
        self._named = rates
        parsed = parse_many(rates) if rates else []
        # How many seconds a bucket takes to fill, and a token to appear.
        self._rates = [(rate.get_expiry(), rate.get_expiry() / rate.amount) for rate in parsed]
        self._clock = clock
        self._refused = refused
        # When each bucket of an address will be full: what is not here has full ones.
        self._full_at: dict[str, list[float]] = {}
        # Addresses that have run out since their buckets were full: the log tells it once.
        self._out: set[str] = set()

    def is_full(self, client: Client) -> bool:
        """Whether the client's address lacks no token."""
        return max(self._full_at.get(client.address, ()), default=-math.inf) <= self._clock()

    def take(self, client: Client) -> None:
        """Takes a token of the client's address. Raises `RateLimited` where there is none, and takes nothing."""
        if not self._rates:
            return
        now, address = self._clock(), client.address
        known = [max(at, now) for at in self._full_at.get(address, [now] * len(self._rates))]
        full_at = [at + token for at, (_, token) in zip(known, self._rates, strict=True)]
        wait_ms = max(round(1000 * (at - now - period)) for at, (period, _) in zip(full_at, self._rates, strict=True))
        if wait_ms > 0:
            if address not in self._out:
                self._out.add(address)
                SecurityEvent.RATE_LIMIT_REACHED.log(client, limit=self._what, kind="address", rate=self._named)
            self._refused(self._what, "address")
            raise RateLimited(wait_ms)
        if self.is_full(client):
            self._out.discard(address)
        if address not in self._full_at and len(self._full_at) >= _MOST_COUNTERS:
            used = [(other, at) for other, at in self._full_at.items() if max(at) > now]
            # A client with so many addresses that the older half is dropped had as many times the limit anyway.
            self._full_at = dict(used[-_MOST_COUNTERS // 2 :])
            self._out &= self._full_at.keys()
        self._full_at[address] = full_at

    def give_back(self, client: Client, tokens: int = 1) -> None:
        """Puts tokens into the bucket, which holds no more than it did at first."""
        if known := self._full_at.get(client.address):
            each = zip(known, self._rates, strict=True)
            self._full_at[client.address] = [at - tokens * token for at, (_, token) in each]
