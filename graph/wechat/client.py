"""The client of WeChat's server API: one pool, one deadline, one retry where it is safe, and none when it is down."""

import asyncio
import contextlib
import json
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import SecretStr

from graph.wechat import responses
from graph.wechat.circuit_breaker import CircuitBreaker, ConcurrencyLimit
from graph.wechat.errors import LoginCodeInvalid, WeChatError, WeChatMisconfigured, WeChatUnavailable
from graph.wechat.responses import Fields
from graph.wechat.transport import FAILURES, FRESH, PooledTransport, reason_of
from graph.wechat.types import AccessToken, Code2Session

T = TypeVar("T")
# Hears of each try: the endpoint, what went wrong, and how many seconds it took.
CallObserver = Callable[[str, WeChatError | None, float], None]

_log = logging.getLogger(__name__)

BASE_URL = "https://api.weixin.qq.com"
MAX_BODY_BYTES = 64 * 1024
MAX_CONNECTIONS = 256  # 1,280 logins a second that take 50 ms each need 64
MAX_JITTER = 0.25  # seconds before the second try
# The size of a body is bounded before it is unpacked or not at all.
_HEADERS: Final = httpx.Headers({"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "wxgate"})
_JSON_HEADERS: Final = httpx.Headers({**_HEADERS, "Content-Type": "application/json"})
_LONGEST_ID = 64  # of an openid or unionid; today's have 28 or 29 characters
_JS_CODE = re.compile(r"[\x20-\x7e]{1,128}")
_MOCK_CODE = "the code is a mock one"  # the DevTools' tourist


class WeChatClient:
    """Methods carry WeChat's own names and raise `WeChatError`, which never holds a secret.

    All times are seconds. `connect_timeout` also bounds the wait for a free connection; `total_timeout` covers both
    tries and the pause between them. A second try is made after a transport error, HTTP 502-504 or errcode -1, and
    after nothing else: configuration, quota and codes do not get better by asking again. While `breaker` is open,
    `CircuitOpen`, or WeChat's own stop, is raised at once. `max_connections` is also the number of slots. `ca_file` and
    `proxy` as in `PooledTransport`.
    """

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: SecretStr,
        base_url: str = BASE_URL,
        transport: httpx.AsyncBaseTransport | None = None,
        connect_timeout: float = 1.0,
        read_timeout: float = 3.0,
        total_timeout: float = 5.0,
        max_connections: int = MAX_CONNECTIONS,
        ca_file: Path | None = None,
        proxy: SecretStr | None = None,
        random: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        observe: CallObserver = lambda *_: None,
    ) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._total_timeout = total_timeout
        self.breaker = CircuitBreaker()
        self.concurrency = ConcurrencyLimit(max_connections)
        self._random = random
        self._sleep = sleep
        self._observe = observe
        self._transport = transport or PooledTransport(
            is_https=base_url.startswith("https:"), limit=max_connections, ca_file=ca_file, proxy=proxy
        )
        base = base_url.rstrip("/")
        self._code2session_url = f"{base}/sns/jscode2session"
        self._stable_token_url = f"{base}/cgi-bin/stable_token"
        self._timeout = httpx.Timeout(read_timeout, connect=connect_timeout, pool=connect_timeout).as_dict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._transport.aclose()

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Around all the work that a call is for, so that it is refused before anything is done for it.

        Raises what `code2session` would as things stand, and `CircuitOpen` where no slot is free.
        """
        self.breaker.check()
        with self.concurrency.slot():
            yield

    async def code2session(self, js_code: str) -> Code2Session:
        """Trade the code of wx.login, good once and for five minutes, for who logged in.

        After a second try of ours LoginCodeUsed may mean that the first try spent the code and its response was lost.
        That user got no session from us, so the remedy is the same: wx.login again.
        """
        if not _JS_CODE.fullmatch(js_code):
            raise LoginCodeInvalid
        query = {
            "appid": self._app_id,
            "secret": self._app_secret.get_secret_value(),
            "js_code": js_code,
            "grant_type": "authorization_code",
        }
        url = f"{self._code2session_url}?{urlencode(query, quote_via=quote)}"
        try:
            return await self._call("code2session", "GET", url, _code2session)
        except LoginCodeInvalid as error:
            if js_code == _MOCK_CODE:
                error.reason = "it is what Developer Tools give that run without an AppID."
            raise

    async def get_stable_access_token(self, *, force_refresh: bool = False) -> AccessToken:
        """The token that stays the same for everybody until it expires, so that servers need no common store.

        WeChat honours `force_refresh` 20 times a day and every 30 s at most, so it is never sent twice by itself.
        """
        body = {
            "grant_type": "client_credential",
            "appid": self._app_id,
            "secret": self._app_secret.get_secret_value(),
            "force_refresh": force_refresh,
        }
        # Bytes, so that a Content-Length is sent: WeChat answers a chunked body with 412. Real UTF-8, never \uXXXX.
        content = json.dumps(body, ensure_ascii=False).encode()
        return await self._call(
            "get_stable_access_token",
            "POST",
            self._stable_token_url,
            _access_token,
            content=content,
            is_repeatable=not force_refresh,
        )

    async def _call(
        self,
        endpoint: str,
        method: str,
        url: str,
        read: Callable[[Fields], T],
        *,
        content: bytes | None = None,
        is_repeatable: bool = True,
    ) -> T:
        def request(*, fresh: bool) -> httpx.Request:
            headers = _HEADERS if content is None else _JSON_HEADERS
            extensions = {"timeout": self._timeout, FRESH: fresh}
            return httpx.Request(method, url, headers=headers, content=content, extensions=extensions)

        with self.breaker.call() as is_probe:
            return await self._ask(endpoint, request, read, fresh=is_probe, is_repeatable=is_repeatable)

    async def _ask(
        self,
        endpoint: str,
        request: Callable[..., httpx.Request],
        read: Callable[[Fields], T],
        *,
        fresh: bool,
        is_repeatable: bool,
    ) -> T:
        started = time.monotonic()
        attempt = 1
        try:
            async with asyncio.timeout(self._total_timeout):
                while True:
                    try:
                        result = await self._try(request(fresh=fresh), read)
                    except WeChatError as error:
                        self._report(endpoint, error, attempt=attempt, started=started)
                        if attempt == 2 or not (is_repeatable and _may_pass(error)):
                            raise
                        # The connections that there are may have died unnoticed, like the one that failed.
                        fresh = error.http_status is None
                    else:
                        self._observe(endpoint, None, time.monotonic() - started)
                        return result
                    await self._sleep(self._random() * MAX_JITTER)
                    attempt, started = 2, time.monotonic()
        except TimeoutError:
            late = WeChatUnavailable(reason="timeout")
        # Raised outside of `except`, so that what was caught hangs on to it in no way: its frames know the secret.
        self._report(endpoint, late, attempt=attempt, started=started)
        raise late

    async def _try(self, request: httpx.Request, read: Callable[[Fields], T]) -> T:
        try:
            http_status, body = await self._exchange(request)
        except FAILURES as failure:
            reason = reason_of(failure)
        else:
            return read(responses.read_response(http_status, body))
        raise WeChatUnavailable(reason)

    async def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        # No redirect is followed from here: it would carry the secret elsewhere.
        response = await self._transport.handle_async_request(request)
        try:
            if response.status_code != httpx.codes.OK:
                return response.status_code, b""
            if "content-encoding" in response.headers:
                raise WeChatUnavailable(reason="packed body", http_status=response.status_code)
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise WeChatUnavailable(reason="huge body", http_status=response.status_code)
            return response.status_code, bytes(body)
        finally:
            await response.aclose()

    def _report(self, endpoint: str, error: WeChatError, *, attempt: int, started: float) -> None:
        seconds = time.monotonic() - started
        self._observe(endpoint, error, seconds)
        _log.log(
            logging.ERROR if isinstance(error, WeChatMisconfigured) else logging.WARNING,
            "WeChat call %s failed: %s",
            endpoint,
            error,
            extra={
                "endpoint": endpoint,
                "errcode": error.errcode,
                "rid": error.rid,
                "http_status": error.http_status,
                "duration_ms": round(seconds * 1000),
                "attempt": attempt,
            },
        )


def _code2session(fields: Fields) -> Code2Session:
    return Code2Session(
        openid=responses.text(fields, "openid", longest=_LONGEST_ID),
        session_key=SecretStr(responses.session_key(fields)),
        unionid=responses.text_or_none(fields, "unionid", longest=_LONGEST_ID),
    )


def _access_token(fields: Fields) -> AccessToken:
    return AccessToken(
        access_token=SecretStr(responses.text(fields, "access_token")),
        expires_in=responses.seconds(fields, "expires_in"),
    )


def _may_pass(error: WeChatError) -> bool:
    if not isinstance(error, WeChatUnavailable):
        return False
    # No status at all: the transport failed.
    return error.errcode == responses.SYSTEM_BUSY or error.http_status in (None, 502, 503, 504)
