"""The client of WeChat's server API: one pool, one deadline, one retry where it is safe, and none when it is down."""

import asyncio
import contextlib
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import SecretStr

from graph.wechat import responses
from graph.wechat.access_tokens import AccessTokens
from graph.wechat.attempts import Attempts, CallObserver
from graph.wechat.circuit_breaker import RETRY_AFTER, CircuitBreaker
from graph.wechat.content_check import OTHER, Suggest, TextVerdict
from graph.wechat.errors import (
    CircuitOpen,
    ContentRisky,
    LoginCodeInvalid,
    PhoneCodeInvalid,
    SessionKeyInvalid,
    WeChatUnavailable,
)
from graph.wechat.mini_programs import MiniProgram
from graph.wechat.phone_number import CODE_MAY_BE_SPENT, PhoneNumber
from graph.wechat.responses import AccessToken, Code2Session, Fields
from graph.wechat.transport import FRESH, PooledTransport

T = TypeVar("T")

BASE_URL = "https://api.weixin.qq.com"
MAX_CONNECTIONS = 256  # 1,280 logins a second that take 50 ms each need 64
# What a call may take that must get an access token first, in calls. One that hangs ends before that, as a failure.
_TOKEN_ALLOWANCE: Final = 1.5
# The size of a body is bounded before it is unpacked or not at all.
_HEADERS: Final = httpx.Headers({"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "wxgate"})
_JSON_HEADERS: Final = httpx.Headers({**_HEADERS, "Content-Type": "application/json"})
_JS_CODE = re.compile(r"[\x20-\x7e]{1,128}")
_PICTURE: Final = 2  # of the media that WeChat checks; 1 is sound
_MOCK_CODE = "the code is a mock one"  # the DevTools' tourist


class WeChatClient:
    """Methods carry WeChat's own names, take the mini-program that they are for, and raise `WeChatError`.

    No error holds a secret. Secrets, quotas and lists of addresses are a mini-program's own, and quotas an endpoint's:
    each endpoint of each mini-program has a circuit breaker, so that what WeChat refuses one says nothing about the
    others, and least of all keeps users from signing in. Connections and slots are shared.

    All times are seconds. `connect_timeout` also bounds the wait for a free connection. While a breaker is open,
    `CircuitOpen`, or WeChat's own stop, is raised at once. `max_connections` is also the number of slots. `ca_file` and
    `proxy` as in `PooledTransport`, `total_timeout` as in `Attempts`, `may_force` and `clock` as in `AccessTokens`.
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
        may_force: Callable[[str], Awaitable[bool]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        observers: Sequence[CallObserver] = (),
    ) -> None:
        self._total_timeout = total_timeout
        self._breakers: dict[tuple[str, str], CircuitBreaker] = {}
        self._slots = max_connections
        self._reserved = max(1, max_connections // 5)
        self.slots_in_use = self._shared_slots_in_use = 0
        self._transport = transport or PooledTransport(
            is_https=base_url.startswith("https:"), limit=max_connections, ca_file=ca_file, proxy=proxy
        )
        self._attempts = Attempts(self._transport, total_timeout=total_timeout, sleep=sleep, observers=observers)
        self._access_tokens = AccessTokens(
            self.get_stable_access_token, may_force=may_force or _never, clock=clock, sleep=sleep
        )
        self._base_url = base_url.rstrip("/")
        self._timeout = httpx.Timeout(read_timeout, connect=connect_timeout, pool=connect_timeout).as_dict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()

    def breaker(self, app: MiniProgram, endpoint: str = "code2session") -> CircuitBreaker:
        """That of one call, which decides about logins unless it is named, for one mini-program."""
        breaker = self._breakers.get((app.app_id, endpoint))
        if breaker is None:
            breaker = CircuitBreaker(about={"app_id": app.app_id, "endpoint": endpoint})
            self._breakers[app.app_id, endpoint] = breaker
        return breaker

    @property
    def login_slots_in_use(self) -> int:
        """How many slots logins hold."""
        return self.slots_in_use - self._shared_slots_in_use

    @contextlib.contextmanager
    def slot(self, app: MiniProgram, endpoint: str = "code2session") -> Iterator[None]:
        """Around all the work that a call is for: a WeChat that hangs does not flood the server with logins.

        A fifth of the slots are for logins alone, whatever else hangs. Raises what the call would as things stand, and
        `CircuitOpen` where no slot is free: a queue would only move the flood.
        """
        self.breaker(app, endpoint).check()
        shared = endpoint != "code2session"
        if self.slots_in_use >= self._slots or (shared and self._shared_slots_in_use >= self._slots - self._reserved):
            raise CircuitOpen(reason="too many wait for it", retry_after=RETRY_AFTER)
        self.slots_in_use += 1
        self._shared_slots_in_use += shared
        try:
            yield
        finally:
            self.slots_in_use -= 1
            self._shared_slots_in_use -= shared

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
        try:
            return await self._call(
                app, "code2session", self._get("/sns/jscode2session", query), responses.read_code2session
            )
        except LoginCodeInvalid as error:
            if js_code == _MOCK_CODE:
                error.reason = "it is what Developer Tools give that run without an AppID."
            raise
        except WeChatUnavailable as error:
            error.code_may_be_spent = True
            raise

    async def get_phone_number(self, app: MiniProgram, *, code: str, openid: str) -> PhoneNumber:
        """Trade the code of a tap, good once and for five minutes, for the number; it must be this user's own code."""

        def read(fields: Fields) -> PhoneNumber:
            return responses.read_phone_info(fields, app_id=app.app_id)

        request = self._authorised_post("/wxa/business/getuserphonenumber", {"code": code, "openid": openid})
        try:
            return await self._authorised(app, "get_phone_number", request, read)
        except PhoneCodeInvalid as error:
            if error.is_of_retry:
                error.hint = CODE_MAY_BE_SPENT
            raise

    async def get_stable_access_token(self, app: MiniProgram, *, force_refresh: bool = False) -> AccessToken:
        """The token that stays the same for everybody until it expires, so that servers need no common store.

        With `force_refresh` the one that there is dies at once, 20 times a day and 30 seconds apart.
        """
        body = {
            "grant_type": "client_credential",
            "appid": app.app_id,
            "secret": app.app_secret.get_secret_value(),
            "force_refresh": force_refresh,
        }
        request = self._post("/cgi-bin/stable_token", body)
        return await self._call(app, "get_stable_access_token", request, responses.read_access_token)

    async def check_session_key(self, app: MiniProgram, *, openid: str, session_key: SecretStr) -> bool:
        """Whether WeChat still takes this session_key, of which it is shown no more than that we have it."""
        # Keyed with the base64 text, as all of WeChat's signatures are, over the body that a GET has not.
        signature = hmac.digest(session_key.get_secret_value().encode(), b"", "sha256").hex()
        query = {"openid": openid, "signature": signature, "sig_method": "hmac_sha256"}
        try:
            return await self._authorised(
                app,
                "check_session_key",
                lambda access_token: self._get("/wxa/checksession", {**access_token, **query}),
                lambda _: True,
            )
        except SessionKeyInvalid:
            return False

    async def check_text(self, app: MiniProgram, *, openid: str, content: str, nickname: str) -> TextVerdict:
        """What WeChat's msg_sec_check finds of a text for a profile: 1 to 2,500 characters, `nickname` "" for none.

        Raises `UserUnseen` for a user who was not in the mini-program within two hours. WeChat takes 4,000 a minute and
        2,000,000 a day.
        """
        body = _check(openid) | {"content": content} | ({"nickname": nickname} if nickname else {})
        request = self._authorised_post("/wxa/msg_sec_check", body)
        try:
            return await self._authorised(app, "check_text", request, responses.read_text_verdict)
        except ContentRisky:
            return TextVerdict(Suggest.RISKY, OTHER)

    async def check_picture(self, app: MiniProgram, *, openid: str, url: str) -> str:
        """Have WeChat download and check a picture for a profile; its event will have the trace_id that is returned.

        Raises `UserUnseen` as above. WeChat takes 2,000 a minute and 200,000 a day. After a second try of ours there
        may be two events, one of them with a trace_id that was lost.
        """
        body = _check(openid) | {"media_type": _PICTURE, "media_url": url}
        request = self._authorised_post("/wxa/media_check_async", body)
        return await self._authorised(app, "check_picture", request, responses.read_trace_id)

    def _get(self, path: str, query: Mapping[str, str]) -> httpx.Request:
        url = f"{self._base_url}{path}?{urlencode(query, quote_via=quote)}"
        return httpx.Request("GET", url, headers=_HEADERS, extensions={"timeout": self._timeout})

    def _post(self, path: str, body: Mapping[str, object]) -> httpx.Request:
        # Bytes, so that a Content-Length is sent: WeChat answers a chunked body with 412. Real UTF-8, never \uXXXX.
        content = json.dumps(body, ensure_ascii=False).encode()
        extensions = {"timeout": self._timeout}
        return httpx.Request(
            "POST", f"{self._base_url}{path}", headers=_JSON_HEADERS, content=content, extensions=extensions
        )

    def _authorised_post(self, path: str, body: Mapping[str, object]) -> Callable[[Mapping[str, str]], httpx.Request]:
        return lambda access_token: self._post(f"{path}?{urlencode(access_token)}", body)

    async def _authorised(
        self,
        app: MiniProgram,
        endpoint: str,
        request: Callable[[Mapping[str, str]], httpx.Request],
        read: Callable[[Fields], T],
    ) -> T:
        """A call whose query must hold what `request` is called with: an access token."""

        async def call(token: SecretStr) -> T:
            # Not before: all who wait for a token wait for one request.
            with self.slot(app, endpoint):
                return await self._call(app, endpoint, request({"access_token": token.get_secret_value()}), read)

        self.breaker(app, endpoint).check()
        try:
            async with asyncio.timeout(_TOKEN_ALLOWANCE * self._total_timeout):
                return await self._access_tokens.call(app, call)
        except TimeoutError:
            late = WeChatUnavailable(reason="timeout")
        raise late

    async def _call(self, app: MiniProgram, endpoint: str, request: httpx.Request, read: Callable[[Fields], T]) -> T:
        with self.breaker(app, endpoint).call() as is_probe:
            request.extensions[FRESH] = is_probe
            return await self._attempts.make(app.app_id, endpoint, request, read)


def _check(openid: str) -> dict[str, object]:
    """What a check of either kind must have; scene 1 is a profile."""
    return {"version": 2, "scene": 1, "openid": openid}


async def _never(_app_id: str) -> bool:
    return False
