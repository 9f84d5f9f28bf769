"""Bounds the time of many tasks by one timer: `asyncio.timeout` makes and cancels one for each of them."""

import asyncio
from types import TracebackType


class Deadline:
    """One task's time, as a context manager that raises `TimeoutError` in it once the time is over."""

    __slots__ = ("_cancelling", "_deadlines", "_task", "at", "late")

    def __init__(self, deadlines: "Deadlines") -> None:
        self._deadlines = deadlines
        self.at = 0.0
        self.late = False

    def __enter__(self) -> None:
        self._task = self._deadlines.begin(self)
        self._cancelling = self._task.cancelling()

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._deadlines.end(self)
        # Cancelled for its time alone? Whoever else cancels it has another reason, and it stands.
        if self.late and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from None

    def expire(self) -> None:
        """Interrupts the task wherever it is waiting."""
        self.late = True
        self._task.cancel()


class Deadlines:
    """The time that each of many tasks may take, `seconds`: whoever begins first is late first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[Deadline, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> Deadline:
        """The time of the task that enters it."""
        return Deadline(self)

    def begin(self, deadline: Deadline) -> "asyncio.Task[object]":
        """Starts the current task's time. Raises `RuntimeError` outside of a task."""
        # Asked for once: asyncio looks at the process's id, by a system call, whenever it is asked for the loop.
        loop = self._loop = self._loop or asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            msg = "only a task can be late"
            raise RuntimeError(msg)
        deadline.at = loop.time() + self._seconds
        self._running[deadline] = None
        if self._timer is None:
            self._timer = loop.call_at(deadline.at, self._look, loop)
        return task

    def end(self, deadline: Deadline) -> None:
        """Stops its time. The timer stays: it will find nobody late, or whoever has begun since."""
        self._running.pop(deadline, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, now = None, loop.time()
        late = []
        for deadline in self._running:
            if deadline.at > now:
                self._timer = loop.call_at(deadline.at, self._look, loop)
                break
            late.append(deadline)
        for deadline in late:
            del self._running[deadline]
            deadline.expire()
