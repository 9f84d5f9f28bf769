"""Faults on demand: which of WeChat's endpoints shall fail, how, and how often."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
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


class Faults:
    """The active faults, oldest first. May be used from another thread than the server's, as tests do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []
        self._waiters: set[Future[None]] = set()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """Remove every fault, and release the requests that hang or are delayed."""
        with self._lock:
            self._active.clear()
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            waiter.set_result(None)

    def take(self, path: str) -> Fault | None:
        """The first fault for the path, counted down by one."""
        with self._lock:
            for index, fault in enumerate(self._active):
                if fault.path in (None, path):
                    if fault.times is not None:
                        left = [fault.model_copy(update={"times": fault.times - 1})] if fault.times > 1 else []
                        self._active[index : index + 1] = left
                    return fault
        return None

    def active(self) -> list[Fault]:
        """Each fault with the number of times that are left."""
        with self._lock:
            return list(self._active)

    @contextmanager
    def cleared(self) -> Iterator[Future[None]]:
        """A future that is done if the faults are cleared meanwhile, from any thread."""
        waiter: Future[None] = Future()
        with self._lock:
            self._waiters.add(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def waiting(self) -> int:
        """How many requests hang or are delayed."""
        return len(self._waiters)
