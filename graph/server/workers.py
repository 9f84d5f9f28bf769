"""Several processes that share listening sockets on one host, and the parent that keeps them at it.

uvicorn's supervisor waits without a deadline for a worker that hangs, replaces for ever those that die at once, and
hears no second signal while it stops. gunicorn's hears none either, gives no worker a number that stays (each has a
port of its own for metrics), and brings a configuration, a log and a command line beside ours.

Workers are forked from a parent that has read the settings and composed the parts but opened nothing: a fault of the
settings is one message, a worker starts in milliseconds, and what it does not change it shares with the others.
"""

import logging
import math
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from typing import Final, NamedTuple

_log = logging.getLogger(__name__)

STARTUP_FAILURE: Final = 3
"""Exit code of a worker that cannot start, as uvicorn has it: the next one could not either."""

# A worker that dies is replaced after so long: what kills it at once must not make a storm of processes.
_REPLACED_AFTER_SECONDS: Final = 1.0
# So many in a row that lived no longer, while no other serves, and it is no use to go on.
_QUICK_DEATH_SECONDS: Final = 10.0
_MAX_QUICK_DEATHS: Final = 5
# Workers beat ten times a second. The first beat may take longer: a lifespan waits for a database, within its timeouts.
_HUNG_AFTER_SECONDS: Final = 10.0
_STARTED_WITHIN_SECONDS: Final = 30.0
# A parent that was away for so long was stopped itself, as a paused container or machine is, and its workers with it.
_PAUSED_SECONDS: Final = 2.0
# Behind the draining: ten for requests in flight, and some to close what is open.
_STOPPED_WITHIN_SECONDS: Final = 13.0
_TICK_SECONDS: Final = 0.1
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_FORK: Final = multiprocessing.get_context("fork")


class _Worker(NamedTuple):
    process: ForkProcess
    started_at: float


@dataclass
class Workers:
    """`count` processes that each run `work(index, beat)`, with indexes from 0.

    A worker calls `beat` several times a second from its event loop, and ends when it gives False: its parent is gone.
    `ping` is called as often while any of them is well.
    """

    work: Callable[[int, Callable[[], bool]], None]
    count: int
    listeners: Sequence[socket.socket]
    drain_seconds: float
    ping: Callable[[], object] = lambda: None
    _running: dict[int, _Worker] = field(default_factory=dict)
    _due: dict[int, float] = field(default_factory=dict)
    _signals: list[int] = field(default_factory=list)
    _quick_deaths: int = 0
    _exit_code: int = 0
    _kill_at: float = math.inf  # finite once they stop
    _looked_at: float = field(default_factory=time.monotonic)
    _resumed_at: float = 0.0

    def __post_init__(self) -> None:
        # In memory that parent and workers share: when each was last well, by the clock of the machine. 0 is never.
        self._beats = _FORK.RawArray("d", self.count)

    def run(self) -> int:
        """Keeps them running until a signal, which is passed on; the exit code is 0 when all ended in good order."""
        self._due = dict.fromkeys(range(self.count), 0.0)
        for number in _SIGNALS:
            signal.signal(number, lambda received, _frame: self._signals.append(received))
        while self._running or self._due:
            self._start_due()
            wait([worker.process.sentinel for worker in self._running.values()], _TICK_SECONDS)
            while self._signals:
                self._stop(self._signals.pop(0))
            self._kill_hung()
            if any(beat and beat + _HUNG_AFTER_SECONDS > time.monotonic() for beat in self._beats):
                self.ping()
            for index in [index for index, worker in self._running.items() if not worker.process.is_alive()]:
                self._bury(index)
        return self._exit_code

    def _start_due(self) -> None:
        for index in [index for index, due in self._due.items() if due <= time.monotonic()]:
            del self._due[index]
            self._beats[index] = 0.0
            # A daemon, so that an error in this parent leaves none behind.
            process = _FORK.Process(target=self._begin, args=(index, os.getpid()), name=f"worker {index}", daemon=True)
            # Held back until the new process has handlers of its own: those of its parent would swallow them.
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            process.start()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._running[index] = _Worker(process, time.monotonic())

    def _begin(self, index: int, parent: int) -> None:
        """In the new process."""
        # A terminal's Ctrl-C reaches its whole group: let the parent alone hear it, and pass it on.
        os.setpgid(0, 0)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: os._exit(0))  # until uvicorn has its own: nothing is open yet
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

        def beat() -> bool:
            self._beats[index] = time.monotonic()
            return os.getppid() == parent

        self.work(index, beat)

    def _stop(self, signal_number: int) -> None:
        """Passes a signal on. The first SIGTERM leaves them time to drain, and any other signal ends it."""
        drain = self.drain_seconds if signal_number == signal.SIGTERM and not self._stopping else 0.0
        self._kill_at = min(self._kill_at, time.monotonic() + drain + _STOPPED_WITHIN_SECONDS)
        self._due.clear()
        for listener in self.listeners:
            # Whose sockets close last is a worker then, which can still accept those who wait in the queue.
            listener.close()
        for worker in self._running.values():
            if worker.process.is_alive() and worker.process.pid is not None:
                os.kill(worker.process.pid, signal_number)

    @property
    def _stopping(self) -> bool:
        return math.isfinite(self._kill_at)

    def _kill_hung(self) -> None:
        now = time.monotonic()
        if now > self._looked_at + _PAUSED_SECONDS:
            self._resumed_at = now
        self._looked_at = now
        for index, worker in self._running.items():
            beat = self._beats[index]
            well_at, patience = (beat, _HUNG_AFTER_SECONDS) if beat else (worker.started_at, _STARTED_WITHIN_SECONDS)
            well_until = max(well_at, self._resumed_at) + patience
            # While they stop, uvicorn ticks no more.
            if now > (self._kill_at if self._stopping else well_until):
                _log.error("a worker hangs: it is killed", extra={"worker": index})
                worker.process.kill()
                worker.process.join()

    def _bury(self, index: int) -> None:
        worker = self._running.pop(index)
        code = worker.process.exitcode or 0
        if self._stopping:
            self._exit_code = self._exit_code or (code if code >= 0 else 128 - code)
            return
        quick = time.monotonic() - worker.started_at < _QUICK_DEATH_SECONDS
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        hopeless = code == STARTUP_FAILURE or self._quick_deaths >= _MAX_QUICK_DEATHS
        if hopeless and not any(self._beats[other] for other in self._running):
            _log.error("workers cannot start", extra={"deaths": self._quick_deaths, "exit_code": code})
            self._exit_code = 1
            self._stop(signal.SIGINT)
            return
        _log.warning("a worker died: another follows", extra={"worker": index, "exit_code": code})
        self._due[index] = time.monotonic() + _REPLACED_AFTER_SECONDS
