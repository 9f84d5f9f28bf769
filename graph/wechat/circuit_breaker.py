"""Keeps calls from a WeChat that fails, hangs or has said stop, and probes with one call at a time."""

import contextlib
import copy
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from graph.wechat.errors import CircuitOpen, WeChatError, WeChatMisconfigured, WeChatRateLimited, WeChatUnavailable

_log = logging.getLogger(__name__)

# Calls in a row without a usable response: one that arrives in between shows that most users still get in.
FAILURES: Final = 10
# Responses in a row that say stop: a user who provokes them alone does not shut the others out.
STOPS: Final = 3
# Seconds until the first probe, doubled by each one that fails; a login code lives for five minutes.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
# Seconds that a caller waits who comes while a probe is in flight, or finds no slot.
RETRY_AFTER: Final = 1.0
# Seconds until a probe after errcodes that do not depend on the code: short, for an operator may mend it at any time.
STOP_PAUSES: Final = {45011: 60.0, 45009: 60.0} | dict.fromkeys(
    (40001, 40013, 40125, 40164, 40243, 41002, 41004, 48001, 50002, 50004, 89503, 89506, 89507), 30.0
)

BreakerState = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """Closed, it lets calls pass; open, it refuses them; half open, it waits for the one that it let pass.

    `WeChatUnavailable` is a failure, an errcode in `STOP_PAUSES` a stop; a refused code is neither. `clock` gives
    seconds and never goes back; the log has what it is `about`.
    """

    def __init__(self, *, about: Mapping[str, str] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._about = about or {}
        self._clock = clock
        # For operators too. An open breaker whose pause is over stays open until a call comes.
        self.state: BreakerState = "closed"
        self._failures = self._stops = 0
        self._pause = FIRST_PAUSE
        self._probe_at = self._retry_at = 0.0
        self._refusal = WeChatError()
        # Counts changes of state: the outcome of a call that began before the last one means nothing now.
        self._era = 0

    def check(self) -> None:
        """Raises where `call` would, for a caller that has work to do before it."""
        if self.state == "half_open":
            raise CircuitOpen(reason="a probe is in flight", retry_after=RETRY_AFTER)
        if self.state == "open" and (now := self._clock()) < self._probe_at:
            refusal = copy.copy(self._refusal)
            refusal.retry_after = self._retry_at - now
            raise refusal

    @contextlib.contextmanager
    def call(self) -> Iterator[bool]:
        """Around one call, retries and all; gives whether it is a probe.

        Raises `CircuitOpen`, or WeChat's own stop with what is left of its time.
        """
        self.check()
        is_probe = self.state == "open"
        if is_probe:
            self._change("half_open")
        era = self._era
        try:
            yield is_probe
        except BaseException as error:
            if era == self._era:
                self._ended(error)
            raise
        if era == self._era:
            self._ended(None)

    def _ended(self, error: BaseException | None) -> None:
        if isinstance(error, WeChatUnavailable):
            self._failed()
        elif error is None or isinstance(error, WeChatError):
            self._answered(error)
        elif self.state == "half_open":
            # The caller has gone, so nothing was learnt: the next one may probe.
            self._change("open")

    def _failed(self) -> None:
        self._failures += 1
        if self.state == "half_open":
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        elif self._failures < FAILURES:
            return
        self._open(self._pause, CircuitOpen(reason="it did not answer lately"))
        _log.warning(
            "WeChat does not answer: it is not asked for a while", extra={**self._about, "seconds": self._pause}
        )

    def _answered(self, error: WeChatError | None) -> None:
        self._failures, self._pause = 0, FIRST_PAUSE
        if isinstance(error, (WeChatRateLimited, WeChatMisconfigured)) and error.errcode in STOP_PAUSES:
            self._stopped(error, STOP_PAUSES[error.errcode])
            return
        self._stops = 0
        if self.state == "half_open":
            self._change("closed")
            _log.warning("WeChat answers again", extra=self._about)

    def _stopped(self, error: WeChatRateLimited | WeChatMisconfigured, pause: float) -> None:
        self._stops += 1
        if self.state == "closed" and self._stops < STOPS:
            return
        self._open(pause, error)
        _log.warning(
            "WeChat refuses every call: it is not asked for a while",
            extra={**self._about, "errcode": error.errcode, "seconds": pause},
        )

    def _open(self, pause: float, refusal: WeChatError) -> None:
        now = self._clock()
        # WeChat may have named a longer time than it takes until the next probe.
        self._probe_at, self._retry_at = now + pause, now + max(pause, refusal.retry_after or 0)
        self._refusal = refusal
        self._change("open")

    def _change(self, state: BreakerState) -> None:
        self.state = state
        self._era += 1
