"""An event loop whose clock a test moves, with its timers on view."""

import asyncio
from collections.abc import Callable
from typing import Any


class SlowedLoop(asyncio.SelectorEventLoop):
    """The loop of asyncio with a clock that stands still; it notes who asks for a timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, **kwargs)
        self.timers.append(timer)
        return timer

    def waiting(self) -> list[float]:
        """When the timers are due that have not been, seconds from now."""
        return [due - self.now for timer in self.timers if (due := timer.when()) > self.now and not timer.cancelled()]

    async def pass_time(self, seconds: float) -> None:
        """Moves the clock, and runs what is due."""
        self.now += seconds
        for _ in range(10):
            await asyncio.sleep(0)


def slowed() -> SlowedLoop:
    """The running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SlowedLoop)
    return loop
