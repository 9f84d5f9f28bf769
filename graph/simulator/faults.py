"""Faults on demand: which of WeChat's endpoints shall fail, how, and how often."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from graph.simulator.bodies import Fields

FaultKind = Literal["errcode", "delay", "hang", "empty", "html", "bad-gateway", "truncated", "missing-openid", "huge"]


class Fault(Fields):
    """A fault of one endpoint's path or (None) of all, `times` times or (None) until cleared.

    `errcode` and `errmsg` belong to the kind "errcode", `seconds` to "delay", `size` (bytes) to "huge".
    `carried_out` lets the request take effect before its response is lost: a code is then used up, a token issued.
    """

    kind: FaultKind
    path: str | None = None
    times: Annotated[int, Field(ge=1)] | None = 1
    errcode: int = -1
    errmsg: str | None = None
    seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0
    size: Annotated[int, Field(ge=0, le=1 << 30)] = 16 * 1024 * 1024
    carried_out: bool = False


@dataclass(slots=True)
class _ActiveFault:
    fault: Fault
    left: int | None


class Faults:
    """The active faults, oldest first. May be used from another thread than the server's, as tests do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[_ActiveFault] = []
        self._waiters: set[Callable[[], object]] = set()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._active.append(_ActiveFault(fault, fault.times))

    def clear(self) -> None:
        """Remove every fault, and release the requests that hang or are delayed."""
        with self._lock:
            self._active.clear()
            waiters = tuple(self._waiters)
        for wake in waiters:
            wake()

    def take(self, path: str) -> Fault | None:
        """The first fault for the path, counted down by one."""
        with self._lock:
            for active in self._active:
                if active.fault.path in (None, path):
                    if active.left is not None:
                        active.left -= 1
                        if active.left == 0:
                            self._active.remove(active)
                    return active.fault
        return None

    def active(self) -> list[tuple[Fault, int | None]]:
        """Each fault with the number of times that are left."""
        with self._lock:
            return [(active.fault, active.left) for active in self._active]

    @contextmanager
    def on_clear(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake` if the faults are cleared meanwhile; it may be called from any thread."""
        with self._lock:
            self._waiters.add(wake)
        try:
            yield
        finally:
            with self._lock:
                self._waiters.discard(wake)

    def waiting(self) -> int:
        """How many requests hang or are delayed."""
        return len(self._waiters)
