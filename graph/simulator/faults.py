"""Trouble on demand: which of WeChat's endpoints shall fail, how, and how often."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from graph.simulator.errors import Misplayed

FaultKind = Literal["errcode", "delay", "hang", "empty", "html", "bad-gateway", "truncated", "missing-openid", "huge"]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
# More than this is not a test of a client but of the machine's patience.
_MOST_SECONDS = 3600.0
_MOST_BYTES = 1 << 30


@dataclass(slots=True, frozen=True)
class Fault:
    """One kind of trouble, for one endpoint's path or (None) for all, `times` times or (None) until cleared.

    `errcode` and `errmsg` belong to the kind "errcode", `seconds` to "delay", `size` (bytes) to "huge".
    `carried_out` lets the request take effect before its answer is lost: a code is then used up, a token issued.
    """

    kind: FaultKind
    path: str | None = None
    times: int | None = 1
    errcode: int = -1
    errmsg: str | None = None
    seconds: float = 1.0
    size: int = 16 * 1024 * 1024
    carried_out: bool = False

    def __post_init__(self) -> None:
        complaint = None
        if self.kind not in KINDS:
            complaint = f"kind must be one of {', '.join(KINDS)}"
        elif self.times is not None and self.times < 1:
            complaint = "times must be at least 1, or null for a fault that stays until it is cleared"
        elif not 0 <= self.seconds <= _MOST_SECONDS:
            complaint = f"seconds must be between 0 and {_MOST_SECONDS:.0f}"
        elif not 0 <= self.size <= _MOST_BYTES:
            complaint = f"size must be between 0 and {_MOST_BYTES} bytes"
        if complaint is not None:
            raise Misplayed(complaint)


@dataclass(slots=True)
class _Standing:
    fault: Fault
    left: int | None


class Faults:
    """The faults that stand, oldest first. May be used from another thread than the server's, as tests do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing: list[_Standing] = []
        self._sleepers: set[Callable[[], object]] = set()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._standing.append(_Standing(fault, fault.times))

    def clear(self) -> None:
        """Remove every fault, and let the requests go that hang or are delayed."""
        with self._lock:
            self._standing.clear()
            sleepers = tuple(self._sleepers)
        for wake in sleepers:
            wake()

    def take(self, path: str) -> Fault | None:
        """The first fault that concerns the path, counted down by one."""
        with self._lock:
            for standing in self._standing:
                if standing.fault.path in (None, path):
                    if standing.left is not None:
                        standing.left -= 1
                        if standing.left == 0:
                            self._standing.remove(standing)
                    return standing.fault
        return None

    def standing(self) -> list[tuple[Fault, int | None]]:
        """Each fault with the number of times it has left."""
        with self._lock:
            return [(standing.fault, standing.left) for standing in self._standing]

    @contextmanager
    def woken_by_clear(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake` if the faults are cleared meanwhile; it may be called from any thread."""
        with self._lock:
            self._sleepers.add(wake)
        try:
            yield
        finally:
            with self._lock:
                self._sleepers.discard(wake)
