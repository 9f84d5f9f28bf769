"""Threads for calls that block: few, with a bounded queue, and never in the way of the process's exit.

asyncio's own are joined when the interpreter exits: a call that hangs would keep the process. These are daemons.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

# Seconds that `close` waits for calls that have begun.
_CLOSE_SECONDS: Final = 3.0


class QueueFull(Exception): ...


@dataclass(eq=False, repr=False)
class Threads:
    """Makes `number` calls at once, while up to `backlog` more wait for their turn.

    With `niceness` its threads give way to those of the server by so much, as of 19, where the system is Linux.

    A thread starts with the first call that needs it: a process that forks before has none to lose.
    """

    name: str
    number: int
    backlog: int
    niceness: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
    _waiting: "deque[tuple[Future[Any], Callable[[], Any]]]" = field(default_factory=deque, init=False)
    _unfinished: "set[Future[Any]]" = field(default_factory=set, init=False)
    _started: int = field(default=0, init=False)
    _is_closed: bool = field(default=False, init=False)

    async def run(self, call: Callable[[], _T]) -> _T:
        """What the call returns or raises. Raises `QueueFull` when too many wait, and once closed.

        A caller that is cancelled takes a call with it that has not begun; one that has runs to its end, and keeps its
        place until then.
        """
        if self._is_closed or len(self._unfinished) >= self.number + self.backlog:
            raise QueueFull
        if self._started < min(self.number, len(self._unfinished) + 1):
            self._start()
        future: Future[_T] = Future()
        # Before the caller wakes: it finds the place free that it leaves.
        future.add_done_callback(self._unfinished.discard)
        self._unfinished.add(future)
        entry = (future, call)
        with self._changed:
            self._waiting.append(entry)
            self._changed.notify()
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # Not left to a thread: what waits holds a picture, and other callers may come and go meanwhile.
            with self._changed:
                if entry in self._waiting:
                    self._waiting.remove(entry)
            raise

    async def close(self) -> None:
        """Ends the threads; calls that hang are left alone after a while, and end with the process."""
        self._is_closed = True
        with self._changed:
            given_up = [*self._waiting]
            self._waiting.clear()
            self._changed.notify_all()
        for future, _ in given_up:
            # Unless its caller has just been cancelled.
            if future.set_running_or_notify_cancel():
                future.set_exception(QueueFull())
        if running := [asyncio.wrap_future(future) for future in [*self._unfinished]]:
            # Gathered, for asyncio logs an error that is retrieved by no caller.
            await asyncio.wait([asyncio.gather(*running, return_exceptions=True)], timeout=_CLOSE_SECONDS)

    def _start(self) -> None:
        """Raises `QueueFull` where the system has no thread left, and none has started."""
        try:
            threading.Thread(target=self._serve, name=self.name, daemon=True).start()
        except RuntimeError:
            if not self._started:
                raise QueueFull from None
        else:
            self._started += 1

    def _serve(self) -> None:
        # Elsewhere it would be the priority of the process; some sandboxes allow no change.
        if self.niceness and sys.platform == "linux":
            with contextlib.suppress(OSError):
                thread = threading.get_native_id()
                niceness = os.getpriority(os.PRIO_PROCESS, thread) + self.niceness
                os.setpriority(os.PRIO_PROCESS, thread, niceness)
        while self._next():
            pass

    def _next(self) -> bool:
        """Makes one call; False once closed. Returns after each, so that an idle thread holds nothing of the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if not self._waiting:
                return False
            future, call = self._waiting.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
        # An error knows this frame, which would know the future, which knows the error.
        del future, call
        return True
