"""What the connections of one process share: their number, the idle ones, the bytes of unfinished requests."""

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Final, Protocol

from graph.server.limits import ConnectionLimits

_log = logging.getLogger(__name__)

# File descriptors for everything that is no client's connection: files, the database, WeChat, the listening sockets.
_RESERVED_DESCRIPTORS: Final = 96
# Without a proxy, one address may be a campus behind a NAT; it still leaves half of the connections to the others.
_SHARE_OF_ADDRESS: Final = 2
_WARN_EVERY_SECONDS: Final = 60.0


class Connection(Protocol):
    """What this module asks of a connection; one that is `fresh` has had no request yet, and a deadline for it."""

    fresh: bool

    def close(self) -> None: ...


def raise_descriptor_limit() -> int:
    """Raises the soft limit of open files to the hard one; returns how many connections that leaves room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(hard - _RESERVED_DESCRIPTORS, hard // 2) if hard != resource.RLIM_INFINITY else 1_000_000


@dataclass(eq=False, repr=False)
class Connections:
    """One for all connections of an event loop. `owner_of` names the client that an address belongs to, None for a
    proxy, which has many.

    At `capacity` the connection that has been idle for the longest makes room for a new one; one address has a half
    of them at most.
    """

    limits: ConnectionLimits
    _: KW_ONLY
    capacity: int = 1_000_000
    owner_of: Callable[[str], str | None] = lambda address: address
    open: int = 0
    refused: int = 0
    # Since when, in the loop's time; the oldest first.
    idle: dict[Connection, float] = field(default_factory=dict)
    idle_timer: asyncio.TimerHandle | None = None
    # For the end of an iteration of the event loop. A write wakes its reader, which costs more than the write itself: a
    # proxy that reads many responses is woken once by those that leave together.
    unwritten: list[tuple[asyncio.WriteTransport, bytes]] = field(default_factory=list)
    _of_owner: Counter[str | None] = field(default_factory=Counter)
    _pending: int = 0
    _pending_of_owner: Counter[str | None] = field(default_factory=Counter)
    _warned_at: float = -_WARN_EVERY_SECONDS

    def add(self, owner: str | None, now: float) -> bool:
        """Whether there is room for one more connection of this owner."""
        full = self.open >= self.capacity
        share = self.capacity // _SHARE_OF_ADDRESS
        if full and self.idle:
            oldest = next(iter(self.idle))
            del self.idle[oldest]  # it counts until it is lost, which is soon
            oldest.close()
            full = False
        if full or (owner is not None and self._of_owner[owner] >= share):
            self.refused += 1
            if now >= self._warned_at + _WARN_EVERY_SECONDS:
                self._warned_at = now
                reason = "no descriptor is left" if full else "too many from one address"
                _log.warning("connections are refused", extra={"reason": reason, "open": self.open})
            return False
        self.open += 1
        self._of_owner[owner] += 1
        return True

    def remove(self, connection: Connection, owner: str | None) -> None:
        """For a connection that was added and is lost."""
        self.idle.pop(connection, None)
        self.open -= 1
        _subtract(self._of_owner, owner, 1)

    def watch_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Closes connections that have been idle for `idle_seconds`, from now on."""
        self.idle_timer = loop.call_later(self.limits.idle_seconds, self._close_idle, loop)

    def _close_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        self.idle_timer = None
        expired = loop.time() - self.limits.idle_seconds
        for connection, since in list(self.idle.items()):
            if since > expired:
                self.idle_timer = loop.call_at(since + self.limits.idle_seconds, self._close_idle, loop)
                return
            if not connection.fresh:
                del self.idle[connection]
                connection.close()

    def hold(self, owner: str | None, size: int) -> bool:
        """Whether so many bytes may be kept, of a request that has not arrived whole or waits for the one before it."""
        if not size:
            return True
        limits = self.limits
        if self._pending + size > limits.pending_bytes:
            return False
        of_owner = self._pending_of_owner[owner] + size
        if owner is not None and of_owner > limits.pending_bytes_per_address:
            return False
        self._pending += size
        self._pending_of_owner[owner] = of_owner
        return True

    def release(self, owner: str | None, size: int) -> None:
        """For bytes that were held."""
        self._pending -= size
        _subtract(self._pending_of_owner, owner, size)


def _subtract(counter: Counter[str | None], key: str | None, count: int) -> None:
    counter[key] -= count
    if counter[key] <= 0:
        del counter[key]
