"""The client of WeChat's server API: one pool, one deadline, one retry where it is safe, and none when it is down."""

import asyncio
import contextlib
import json
import logging
import random
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import SecretStr

from graph.wechat import responses
from graph.wechat.circuit_breaker import RETRY_AFTER, CircuitBreaker
from graph.wechat.errors import (
    CircuitOpen,
    LoginCodeInvalid,
    LoginCodeUsed,
    UserBlocked,
    WeChatError,
    WeChatMisconfigured,
    WeChatUnavailable,
)
from graph.wechat.mini_programs import MiniProgram
from graph.wechat.responses import Code2Session, Fields
from graph.wechat.transport import FAILURES, FRESH, PooledTransport, reason_of

T = TypeVar("T")
# Hears of each try: the AppID, the endpoint, its outcome (`ok` or that of the error), and how many seconds it took.
CallObserver = Callable[[str, str, str, float], None]

_log = logging.getLogger(__name__)

BASE_URL = "https://api.weixin.qq.com"
MAX_BODY_BYTES = 64 * 1024
MAX_CONNECTIONS = 256  # 1,280 logins a second that take 50 ms each need 64
MAX_JITTER = 0.25  # seconds before the second try
# The size of a body is bounded before it is unpacked or not at all.
_HEADERS: Final = httpx.Headers({"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "wxgate"})
_JSON_HEADERS: Final = httpx.Headers({**_HEADERS, "Content-Type": "application/json"})
_JS_CODE = re.compile(r"[\x20-\x7e]{1,128}")
_MOCK_CODE = "the code is a mock one"  # the DevTools' tourist


class WeChatClient:
    """Methods carry WeChat's own names, take the mini-program that they are for, and raise `WeChatError`.

    No error holds a secret. Secrets, quotas and lists of addresses are a mini-program's own: each has a circuit
    breaker, so that what WeChat refuses one says nothing about the others. Connections and slots are shared.

    All times are seconds. `connect_timeout` also bounds the wait for a free connection; `total_timeout` covers both
    tries and the pause between them. A second try is made after a transport error, HTTP 502-504 or errcode -1, and
    after nothing else: configuration, quota and codes do not get better by asking again. While a breaker is open,
    `CircuitOpen`, or WeChat's own stop, is raised at once. `max_connections` is also the number of slots. `ca_file` and
    `proxy` as in `PooledTransport`.
    """

    def __init__(
        self,
        *,
        base_url: str = BASE_URL,
        transport: httpx.AsyncBaseTransport | None = None,
        connect_timeout: float = 1.0,
        read_timeout: float = 3.0,
        total_timeout: float = 5.0,
        max_connections: int = MAX_CONNECTIONS,
        ca_file: Path | None = None,
        proxy: SecretStr | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        observers: Sequence[CallObserver] = (),
    ) -> None:
        self._total_timeout = total_timeout
        self._breakers: defaultdict[str, CircuitBreaker] = defaultdict(CircuitBreaker)
        self._slots = max_connections
        self.slots_in_use = 0
        self._sleep = sleep
        self._observers = observers
        self._transport = transport or PooledTransport(
            is_https=base_url.startswith("https:"), limit=max_connections, ca_file=ca_file, proxy=proxy
        )
        self._base_url = base_url.rstrip("/")
        self._timeout = httpx.Timeout(read_timeout, connect=connect_timeout, pool=connect_timeout).as_dict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()

    def breaker(self, app: MiniProgram) -> CircuitBreaker:
        """That of the calls for one mini-program."""
        return self._breakers[app.app_id]

    @contextlib.contextmanager
    def slot(self, app: MiniProgram) -> Iterator[None]:
        """Around all the work that a call is for: a WeChat that hangs does not flood the server with logins.

        Raises what `code2session` would as things stand, and `CircuitOpen` where no slot is free: a queue would only
        move the flood.
        """
        self.breaker(app).check()
        if self.slots_in_use >= self._slots:
            raise CircuitOpen(reason="too many wait for it", retry_after=RETRY_AFTER)
        self.slots_in_use += 1
        try:
            yield
        finally:
            self.slots_in_use -= 1

    async def code2session(self, app: MiniProgram, js_code: str) -> Code2Session:
        """Trade the code of wx.login, good once and for five minutes, for who logged in.

        After a second try of ours LoginCodeUsed may mean that the first try spent the code and its response was lost.
        That user got no session from us, so the remedy is the same: wx.login again.
        """
        if not _JS_CODE.fullmatch(js_code):
            raise LoginCodeInvalid
        query = {
            "appid": app.app_id,
            "secret": app.app_secret.get_secret_value(),
            "js_code": js_code,
            "grant_type": "authorization_code",
        }
        url = f"{self._base_url}/sns/jscode2session?{urlencode(query, quote_via=quote)}"
        request = httpx.Request("GET", url, headers=_HEADERS, extensions={"timeout": self._timeout})
        try:
            return await self._call(app, "code2session", request, responses.read_code2session)
        except LoginCodeInvalid as error:
            if js_code == _MOCK_CODE:
                error.reason = "it is what Developer Tools give that run without an AppID."
            raise

    async def get_stable_access_token(self, app: MiniProgram) -> SecretStr:
        """The token that stays the same for everybody until it expires, so that servers need no common store."""
        body = {
            "grant_type": "client_credential",
            "appid": app.app_id,
            "secret": app.app_secret.get_secret_value(),
            "force_refresh": False,
        }
        # Bytes, so that a Content-Length is sent: WeChat answers a chunked body with 412. Real UTF-8, never \uXXXX.
        content = json.dumps(body, ensure_ascii=False).encode()
        extensions = {"timeout": self._timeout}
        url = f"{self._base_url}/cgi-bin/stable_token"
        request = httpx.Request("POST", url, headers=_JSON_HEADERS, content=content, extensions=extensions)
        return await self._call(app, "get_stable_access_token", request, responses.read_access_token)

    async def _call(self, app: MiniProgram, endpoint: str, request: httpx.Request, read: Callable[[Fields], T]) -> T:
        with self.breaker(app).call() as is_probe:
            request.extensions[FRESH] = is_probe
            return await self._ask(app.app_id, endpoint, request, read)

    async def _ask(self, app_id: str, endpoint: str, request: httpx.Request, read: Callable[[Fields], T]) -> T:
        attempt, started = 1, time.monotonic()
        try:
            async with asyncio.timeout(self._total_timeout):
                while True:
                    try:
                        result = read(responses.read_fields(await self._exchange(request)))
                    except WeChatError as error:
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
        case LoginCodeInvalid() | LoginCodeUsed() | UserBlocked():
            return logging.DEBUG  # any client can cause these, as often as it is let; metrics count them
        case WeChatMisconfigured():
            return logging.ERROR
    return logging.WARNING


def _may_pass(error: WeChatError) -> bool:
    if not isinstance(error, WeChatUnavailable):
        return False
    # No status at all: the transport failed.
    return error.errcode == responses.SYSTEM_BUSY or error.http_status in (None, 502, 503, 504)
