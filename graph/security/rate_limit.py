"""Counts what somebody does, here or for all replicas together, and refuses what is too much.

The counting is the library `limits`' (fixed windows that begin with the first count). A shared storage that does not
answer is neither a reason to refuse everybody nor to let everybody through: the server counts on its own meanwhile, so
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
from limits.aio.storage import RedisStorage, Storage
from limits.errors import ConfigurationError, StorageError
from pydantic import SecretStr

from graph.security.errors import RateLimited, RateLimitStorageUnusable
from graph.security.local_counters import LocalCounters

_log = logging.getLogger(__name__)

# An answer from the same network takes one or two milliseconds.
_ANSWER_WITHIN: Final = 0.25
_ASK_AGAIN_AFTER: Final = 1.0
_CONNECTIONS: Final = 32
# Redis tells what is left of a window in whole seconds: who comes back as told must not come too early.
_ROUNDED_OFF: Final = 0.5


class RateLimitStorage:
    """Where rate limits count; an async context manager, to close what it opened. `now` gives epoch milliseconds."""

    def __init__(self, url: SecretStr, *, namespace: str, now: Callable[[], int]) -> None:
        """`namespace` keeps what shares the storage apart: different mini-programs count different people.

        Raises `RateLimitStorageUnusable`; whether a shared storage answers shows when it is asked.
        """
        self.failures = 0
        self._namespace = namespace
        self._now = now
        self._local = LocalCounters(now)
        self._pool: Any = None
        self._shared = None if url.get_secret_value() == "memory://" else self._connected(url.get_secret_value())
        self._ask_again_at = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def wait_ms(self, rate: RateLimitItem, *who: str) -> int:
        """Counts one more for `who`: 0 within the rate, otherwise milliseconds until it counts anew."""
        if self._shared is not None and self._is_worth_asking():
            try:
                async with asyncio.timeout(_ANSWER_WITHIN):
                    left = await self._seconds_left(self._shared, rate, *who)
            except Exception as error:
                self._failed(error)
            else:
                self._answered()
                return _milliseconds(left and left + _ROUNDED_OFF, rate)
        return _milliseconds(await self._seconds_left(self._local, rate, *who), rate)

    def _is_worth_asking(self) -> bool:
        """Always while it answers; after a failure for one request at a time, now and then."""
        if not self._ask_again_at:
            return True
        if time.monotonic() < self._ask_again_at:
            return False
        self._ask_again_at = time.monotonic() + _ASK_AGAIN_AFTER
        return True

    async def _seconds_left(self, storage: Storage, rate: RateLimitItem, *who: str) -> float:
        """Counts one more: 0 within the rate, otherwise how long its window still lasts."""
        key = rate.key_for(*who)
        if await storage.incr(key, rate.get_expiry()) <= rate.amount:
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
                socket_timeout=_ANSWER_WITHIN,
                socket_connect_timeout=_ANSWER_WITHIN,
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
        if not self._ask_again_at:
            cause = error.__cause__ if isinstance(error, StorageError) else None
            reason = type(cause or error).__name__
            _log.warning("the storage of the rate limits does not answer: counting here", extra={"reason": reason})
        self._ask_again_at = time.monotonic() + _ASK_AGAIN_AFTER

    def _answered(self) -> None:
        if self._ask_again_at:
            self._ask_again_at = 0.0
            _log.info("the storage of the rate limits answers again")


def _milliseconds(left: float, rate: RateLimitItem) -> int:
    return round(1000 * min(left, rate.get_expiry()))


class RateLimit:
    """The rates of one kind of doing, in the notation of `limits`: `30/minute`, `10/second;500/hour`; "" for none."""

    def __init__(
        self,
        what: str,
        rates: str,
        storage: RateLimitStorage,
        *,
        refused: Callable[[str, str], None] = lambda _what, _kind: None,
    ) -> None:
        """`refused` is told what was refused, and to which kind."""
        self._what = what
        self._rates = parse_many(rates) if rates else []
        self._storage = storage
        self._refused = refused

    async def count(self, kind: str, who: str) -> None:
        """Counts one for `who`, who is of this kind (an address, an account). Raises `RateLimited` beyond the rates."""
        waits = [await self._storage.wait_ms(rate, self._what, kind, who) for rate in self._rates]
        longest = max(waits, default=0)
        if longest:
            self._refused(self._what, kind)
            raise RateLimited(longest)
