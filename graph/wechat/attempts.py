"""A call to WeChat on the wire: within one deadline, a second try where it is safe, and a report of each."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import httpx

from graph.wechat import responses
from graph.wechat.errors import (
    AccessTokenRefused,
    ContentRisky,
    LoginCodeInvalid,
    LoginCodeUsed,
    PhoneCodeInvalid,
    SessionKeyInvalid,
    UserBlocked,
    UserUnseen,
    WeChatError,
    WeChatMisconfigured,
    WeChatUnavailable,
)
from graph.wechat.responses import Fields
from graph.wechat.transport import FAILURES, FRESH, reason_of

T = TypeVar("T")
# Hears of each try: the AppID, the endpoint, its outcome (`ok` or that of the error), and how many seconds it took.
CallObserver = Callable[[str, str, str, float], None]

_log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
MAX_JITTER: Final = 0.25  # seconds before the second try


class Attempts:
    """One or two tries of a call, and nothing of what came before it.

    `total_timeout`, in seconds, covers both and the pause between them. A second one is made after a transport error,
    HTTP 502-504 or errcode -1, and after nothing else: configuration, quota and codes do not get better by asking
    again.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        total_timeout: float,
        sleep: Callable[[float], Awaitable[None]],
        observers: Sequence[CallObserver],
    ) -> None:
        self._transport = transport
        self._total_timeout = total_timeout
        self._sleep = sleep
        self._observers = observers

    async def make(self, app_id: str, endpoint: str, request: httpx.Request, read: Callable[[Fields], T]) -> T:
        """What `read` makes of the response. Raises `WeChatError`."""
        attempt, started = 1, time.monotonic()
        try:
            async with asyncio.timeout(self._total_timeout):
                while True:
                    try:
                        result = read(responses.read_fields(await self._exchange(request), endpoint))
                    except WeChatError as error:
                        error.is_of_retry = attempt == 2
                        self._report(app_id, endpoint, error, attempt=attempt, started=started)
                        if attempt == 2 or not _may_pass(error):
                            raise
                        # The connections that there are may have died unnoticed, like the one that failed.
                        request.extensions[FRESH] = error.http_status is None
                    else:
                        self._observe(app_id, endpoint, "ok", time.monotonic() - started)
                        return result
                    await self._sleep(random.uniform(0, MAX_JITTER))  # noqa: S311 - nothing secret
                    attempt, started = 2, time.monotonic()
        except TimeoutError:
            late = WeChatUnavailable(reason="timeout")
        # Raised outside of `except`, so that what was caught hangs on to it in no way: its frames know the secret.
        self._report(app_id, endpoint, late, attempt=attempt, started=started)
        raise late

    async def _exchange(self, request: httpx.Request) -> bytes:
        try:
            # No redirect is followed from here: it would carry the secret elsewhere.
            async with contextlib.aclosing(await self._transport.handle_async_request(request)) as response:
                status = response.status_code
                if status != httpx.codes.OK:
                    raise WeChatUnavailable(reason=f"http {status}", http_status=status)
                if "content-encoding" in response.headers:
                    raise WeChatUnavailable(reason="packed body", http_status=status)
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        raise WeChatUnavailable(reason="huge body", http_status=status)
                return bytes(body)
        except FAILURES as failure:
            reason = reason_of(failure)
        raise WeChatUnavailable(reason)

    def _observe(self, app_id: str, endpoint: str, outcome: str, seconds: float) -> None:
        for observe in self._observers:
            observe(app_id, endpoint, outcome, seconds)

    def _report(self, app_id: str, endpoint: str, error: WeChatError, *, attempt: int, started: float) -> None:
        seconds = time.monotonic() - started
        self._observe(app_id, endpoint, error.outcome, seconds)
        _log.log(
            _level(error),
            "WeChat call %s failed: %s",
            endpoint,
            error,
            extra={
                "app_id": app_id,
                "endpoint": endpoint,
                "errcode": error.errcode,
                "rid": error.rid,
                "http_status": error.http_status,
                "duration_ms": round(seconds * 1000),
                "attempt": attempt,
            },
        )


def _level(error: WeChatError) -> int:
    match error:
        case LoginCodeInvalid() | LoginCodeUsed() | UserBlocked() | SessionKeyInvalid() | UserUnseen() | ContentRisky():
            return logging.DEBUG  # any client can cause these, as often as it is let; metrics count them
        case PhoneCodeInvalid() if error.errcode != responses.INVALID_APP_ID:
            return logging.DEBUG  # the same
        case AccessTokenRefused():
            return logging.DEBUG  # all that are in flight are refused together; `AccessTokens` logs what is wrong
        case WeChatMisconfigured():
            return logging.ERROR
    return logging.WARNING


def _may_pass(error: WeChatError) -> bool:
    if not isinstance(error, WeChatUnavailable):
        return False
    # No status at all: the transport failed.
    return error.errcode == responses.SYSTEM_BUSY or error.http_status in (None, 502, 503, 504)
