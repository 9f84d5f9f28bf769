"""Keeps a WeChat that hangs from flooding the server with calls that wait for it."""

import contextlib
from collections.abc import Iterator
from typing import Final

from graph.wechat.errors import WeChatNotAsked

# Seconds. Whoever comes when all places are taken is refused at once: to queue would only move the flood.
RETRY_AFTER: Final = 1.0


class Bulkhead:
    """So many calls under way at once; `places` is also how many connections they need at most."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many calls are under way."""
        return self._taken

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Around one call, retries and all. Raises `WeChatNotAsked`."""
        if self._taken >= self._places:
            raise WeChatNotAsked(reason="too many calls are under way", retry_after=RETRY_AFTER)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
