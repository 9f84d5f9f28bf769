"""Stops asking a WeChat that does not answer, and finds out with one call at a time when it does again."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Final, Literal

from graph.wechat.errors import CircuitOpen, WeChatError, WeChatUnavailable

logger = logging.getLogger(__name__)

# Calls in a row without a usable answer: one that arrives in between shows that most people still get in.
FAILURES: Final = 10
# Seconds until the first probe, doubled by each one that fails; a login code lives for five minutes.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
# Seconds that whoever comes while a probe is under way is told to wait.
PROBE_SECONDS: Final = 1.0

BreakerState = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """Closed, it lets calls pass; open, it refuses them; half open, it waits for the one that it let pass.

    Only `WeChatUnavailable` is a failure: to refuse a code is to answer. `clock` gives seconds and never goes back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._state: BreakerState = "closed"
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._probe_at = 0.0
        # Counts changes of state: the outcome of a call that began before the last one says nothing about now.
        self._era = 0

    @property
    def state(self) -> BreakerState:
        """For operators. An open breaker whose pause is over stays open until somebody comes to try."""
        return self._state

    def check(self) -> None:
        """Raises `CircuitOpen` where `call` would, for whoever has work to do before it."""
        if self._state == "half_open":
            raise CircuitOpen(reason="a probe is under way", retry_after=PROBE_SECONDS)
        if self._state == "open" and (wait := self._probe_at - self._clock()) > 0:
            raise CircuitOpen(reason="it did not answer lately", retry_after=wait)

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Around one call, retries and all. Raises `CircuitOpen`."""
        era = self._admit()
        try:
            yield
        except WeChatUnavailable:
            self._failed(era)
            raise
        except WeChatError:
            self._answered(era)
            raise
        except BaseException:
            self._given_up(era)
            raise
        else:
            self._answered(era)

    def _admit(self) -> int:
        self.check()
        if self._state == "open":
            self._turn("half_open")
        return self._era

    def _failed(self, era: int) -> None:
        if era != self._era:
            return
        self._failures += 1
        if self._state == "half_open":
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        elif self._failures < FAILURES:
            return
        self._probe_at = self._clock() + self._pause
        self._turn("open")
        logger.warning("WeChat does not answer: logins are refused for a while", extra={"seconds": self._pause})

    def _answered(self, era: int) -> None:
        if era != self._era:
            return
        self._failures, self._pause = 0, FIRST_PAUSE
        if self._state == "half_open":
            self._turn("closed")
            logger.warning("WeChat answers again")

    def _given_up(self, era: int) -> None:
        """Nobody waited for the outcome, so nothing was learnt: whoever comes next may probe."""
        if era == self._era and self._state == "half_open":
            self._turn("open")

    def _turn(self, state: BreakerState) -> None:
        self._state = state
        self._era += 1
