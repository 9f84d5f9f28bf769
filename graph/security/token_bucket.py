"""Token buckets: what a caller may do at once, and how steadily more of it becomes possible again."""

from collections.abc import Callable
from typing import Final

from limits import parse_many

from graph.security.errors import RateLimited

_MOST_CALLERS: Final = 100_000


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
        if caller not in self._full_at and len(self._full_at) >= _MOST_CALLERS:
            empty = [(known, at) for known, at in self._full_at.items() if max(at) > now]
            # A client with so many addresses that the older half is dropped had as many times the limit anyway.
            self._full_at = dict(empty[-_MOST_CALLERS // 2 :])
        self._full_at[caller] = full_at

    def give_back(self, caller: str, tokens: int = 1) -> None:
        """Puts tokens into the caller's bucket, which holds no more than it did at first."""
        if caller in self._full_at:
            known = zip(self._full_at[caller], self._rates, strict=True)
            self._full_at[caller] = [at - tokens * token for at, (_, token) in known]
