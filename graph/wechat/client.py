"""The client of WeChat's server API: one pool, one deadline, one retry where it is safe, and none when it is down."""

import asyncio
import contextlib
import json
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import SecretStr

from graph.wechat import responses
from graph.wechat.bulkhead import Bulkhead
from graph.wechat.circuit_breaker import CircuitBreaker
from graph.wechat.errors import LoginCodeInvalid, WeChatError, WeChatMisconfigured, WeChatUnavailable
from graph.wechat.responses import Answer
from graph.wechat.transport import FAILURES, Connections, reason_of
from graph.wechat.types import AccessToken, Code2Session

T = TypeVar("T")
# Told of each try: the endpoint, what went wrong, and how many seconds it took.
CallObserver = Callable[[str, WeChatError | None, float], None]

logger = logging.getLogger(__name__)

BASE_URL = "https://api.weixin.qq.com"
MAX_BODY_BYTES = 64 * 1024
MAX_CONNECTIONS = 256  # 1,280 logins a second that take 50 ms each need 64
MAX_JITTER = 0.25  # seconds before the second try
# The size of a body is bounded before it is unpacked or not at all.
_HEADERS: Final = httpx.Headers({"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "wxgate"})
_JSON_HEADERS: Final = httpx.Headers({**_HEADERS, "Content-Type": "application/json"})
_LONGEST_ID = 64  # of an openid or unionid; today's have 28 or 29 characters
_JS_CODE = re.compile(r"[\x20-\x7e]{1,128}")  # the DevTools' tourist sends "the code is a mock one", blanks and all


class WeChatClient:
    """Methods carry WeChat's own names and raise `WeChatError`, which never holds a secret.

    All times are seconds. `connect_timeout` also bounds the wait for a free connection; `total_timeout` covers both
    tries and the pause between them. A second try is made after a transport error, HTTP 502-504 or errcode -1, and
    after nothing else: configuration, quota and codes do not get better by asking again. While `breaker` is open,
    `CircuitOpen` is raised at once. `max_connections` is also how many `place` lets in.
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
        random: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        observe: CallObserver = lambda *_: None,
    ) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._total_timeout = total_timeout
        self.breaker = CircuitBreaker()
        self.bulkhead = Bulkhead(max_connections)
        self._random = random
        self._sleep = sleep
        self._observe = observe
        self._transport = transport or Connections(httpx.URL(base_url), limit=max_connections)
        base = base_url.rstrip("/")
        self._code2session_url = httpx.URL(f"{base}/sns/jscode2session")
        self._stable_token_url = httpx.URL(f"{base}/cgi-bin/stable_token")
        timeout = httpx.Timeout(read_timeout, connect=connect_timeout, pool=connect_timeout)
        self._extensions = {"timeout": timeout.as_dict()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._transport.aclose()

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Around whatever comes to a call, so that it is refused before anything is done for it.

        Raises `CircuitOpen` when too many are inside, or the call would be refused as things stand.
        """
        self.breaker.check()
        with self.bulkhead.place():
            yield

    async def code2session(self, js_code: str) -> Code2Session:
        """Trade the code of wx.login, good once and for five minutes, for who logged in.

        After a second try of ours LoginCodeUsed may mean that the first try spent the code and its answer was lost.
        Whoever that was got no session from us, so the remedy is the same: wx.login again.
        """
        if not _JS_CODE.fullmatch(js_code):
            raise LoginCodeInvalid
        query = {
            "appid": self._app_id,
            "secret": self._app_secret.get_secret_value(),
            "js_code": js_code,
            "grant_type": "authorization_code",
        }
        target = f"{self._code2session_url.raw_path.decode('ascii')}?{urlencode(query, quote_via=quote)}"
        # Whatever prints a URL prints none that holds the secret: what is sent in its place is told apart.
        extensions = self._extensions | {"target": target.encode("ascii")}

        def build() -> httpx.Request:
            return httpx.Request("GET", self._code2session_url, headers=_HEADERS, extensions=extensions)

        return await self._call("code2session", build, _code2session)

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
            lambda: httpx.Request(
                "POST", self._stable_token_url, headers=_JSON_HEADERS, content=content, extensions=self._extensions
            ),
            _access_token,
            repeatable=not force_refresh,
        )

    async def _call(
        self, endpoint: str, build: Callable[[], httpx.Request], read: Callable[[Answer], T], *, repeatable: bool = True
    ) -> T:
        with self.breaker.call():
            return await self._ask(endpoint, build, read, repeatable=repeatable)

    async def _ask(
        self, endpoint: str, build: Callable[[], httpx.Request], read: Callable[[Answer], T], *, repeatable: bool
    ) -> T:
        started = time.monotonic()
        attempt = 1
        try:
            async with asyncio.timeout(self._total_timeout):
                while True:
                    try:
                        result = await self._try(build(), read)
                    except WeChatError as error:
                        self._report(endpoint, error, attempt=attempt, started=started)
                        if attempt == 2 or not (repeatable and _may_pass(error)):
                            raise
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

    async def _try(self, request: httpx.Request, read: Callable[[Answer], T]) -> T:
        try:
            http_status, body = await self._exchange(request)
        except FAILURES as failure:
            reason = reason_of(failure)
        else:
            return read(responses.read_answer(http_status, body))
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
        logger.log(
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


def _code2session(answer: Answer) -> Code2Session:
    return Code2Session(
        openid=responses.text(answer, "openid", longest=_LONGEST_ID),
        session_key=SecretStr(responses.session_key(answer)),
        unionid=responses.text_or_none(answer, "unionid", longest=_LONGEST_ID),
    )


def _access_token(answer: Answer) -> AccessToken:
    return AccessToken(
        access_token=SecretStr(responses.text(answer, "access_token")),
        expires_in=responses.seconds(answer, "expires_in"),
    )


def _may_pass(error: WeChatError) -> bool:
    if not isinstance(error, WeChatUnavailable):
        return False
    # No status at all: the transport failed.
    return error.errcode == responses.SYSTEM_BUSY or error.http_status in (None, 502, 503, 504)
