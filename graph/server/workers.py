"""Several processes that share one listening socket on one host, and the parent that keeps them at it.

They are forked from a parent that has read the settings and built the application but opened nothing: a fault of the
settings is told once, a worker starts in milliseconds, and what it does not change it shares with the others.
uvicorn's own supervisor starts each worker from nothing, at once again when it dies, and knows no draining.
"""

import contextlib
import logging
import math
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import Final

_log = logging.getLogger(__name__)

# A worker that dies is replaced after so long: what kills it at once must not make a storm of processes.
_REPLACED_AFTER_SECONDS: Final = 1.0
_TICK_SECONDS: Final = 0.1
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_FORK: Final = multiprocessing.get_context("fork")


@dataclass
class Workers:
    """`count` processes that each run `work(index)`, with indexes from 0.

    `close` is called once, when they are about to close the socket: `drain_seconds` after SIGTERM, else at once.
    """

    work: Callable[[int], None]
    count: int
    close: Callable[[], None]
    drain_seconds: float
    _running: dict[int, ForkProcess] = field(default_factory=dict)
    _due: dict[int, float] = field(default_factory=dict)
    _told: list[int] = field(default_factory=list)
    _stopping: bool = False
    _close_at: float = math.inf

    def run(self) -> int:
        """Keeps them running until a signal, which is passed on; the exit code is 0 when all ended in good order."""
        worst = 0
        self._due = dict.fromkeys(range(self.count), 0.0)
        with self._listening():
            while self._running or self._due:
                self._start()
                wait([process.sentinel for process in self._running.values()], _TICK_SECONDS)
                self._pass_on()
                if time.monotonic() >= self._close_at:
                    self._close_at = math.inf
                    self.close()
                for index in [index for index, process in self._running.items() if not process.is_alive()]:
                    worst = max(worst, self._bury(index))
        return worst

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        def note(signal_number: int, _frame: FrameType | None) -> None:
            self._told.append(signal_number)

        before = {number: signal.signal(number, note) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self) -> None:
        for index in [index for index, due in self._due.items() if due <= time.monotonic()]:
            del self._due[index]
            # A daemon, so that an error in this parent leaves nobody behind.
            worker = _FORK.Process(target=self._begin, args=(index,), name=f"worker {index}", daemon=True)
            # Held back until the new process has handlers of its own: those of its parent would swallow them.
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            worker.start()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._running[index] = worker

    def _begin(self, index: int) -> None:
        """In the new process."""
        # A terminal's Ctrl-C reaches its whole group: let the parent alone hear it, and pass it on.
        os.setpgid(0, 0)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: sys.exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self.work(index)

    def _pass_on(self) -> None:
        told, self._told = self._told, []
        for number in told:
            drains = number == signal.SIGTERM and not self._stopping
            self._close_at = time.monotonic() + (self.drain_seconds if drains else 0)
            self._stopping = True
            self._due.clear()
            for process in self._running.values():
                if process.is_alive() and process.pid is not None:
                    os.kill(process.pid, number)

    def _bury(self, index: int) -> int:
        """Notes the end of a worker; gives its exit code, as shells write it, if it ended because it was told to."""
        process = self._running.pop(index)
        code = process.exitcode or 0
        if self._stopping:
            return code if code >= 0 else 128 - code
        _log.warning("a worker died: another follows", extra={"worker": index, "exit_code": code})
        self._due[index] = time.monotonic() + _REPLACED_AFTER_SECONDS
        return 0
