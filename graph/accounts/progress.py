"""Tells operators how far long work is."""

import logging
import time
from typing import Final

_log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 10.0


class Progress:
    """Lines in the log, one every ten seconds, of what `message` says is being done."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._reported_at = time.monotonic()

    def report(self, **counts: int) -> bool:
        """Whether it was time for a line, which has the counts as fields."""
        if time.monotonic() < self._reported_at + EVERY_SECONDS:
            return False
        self._reported_at = time.monotonic()
        _log.info(self._message, extra=counts)
        return True
