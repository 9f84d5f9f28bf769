"""A WeChat that gives access tokens and may refuse them, and a client that asks it about a session_key."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from pydantic import SecretStr

from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatError
from graph.wechat.mini_programs import MiniProgram
from tests.wechat.fake_server import APP, OPENID, SESSION, SESSION_KEY, Pauses, client, refusal

CALLERS = 200


@dataclass
class TokenWeChat:
    """Gives stable tokens, of which it refuses those in `refused`; a new one when it is forced to, or `renews`.

    `asked` counts what it was asked for. `fails`, a response, is what it gives for a token instead.
    """

    expires_in: int = 7200
    refused: set[str] = field(default_factory=set)
    refusal_code: int = 40001
    renews: bool = False
    fails: Callable[[], httpx.Response] | None = None
    asked: Counter[str] = field(default_factory=Counter)
    number: int = 0
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.is_open.set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/sns/jscode2session":
            return httpx.Response(200, json=SESSION)
        if request.url.path == "/cgi-bin/stable_token":
            return await self.give(forced=json.loads(request.content)["force_refresh"])
        self.asked["check"] += 1
        await asyncio.sleep(0)  # until all that come together have come
        token = request.url.params["access_token"]
        return refusal(self.refusal_code) if token in self.refused or "all" in self.refused else refusal(0)

    async def give(self, *, forced: bool) -> httpx.Response:
        self.asked["forced" if forced else "token"] += 1
        await self.is_open.wait()
        if self.fails is not None:
            return self.fails()
        self.number += forced or self.renews
        return httpx.Response(200, json={"access_token": self.current, "expires_in": self.expires_in})

    @property
    def current(self) -> str:
        return f"75_token{self.number}"


@dataclass
class Stopwatch:
    seconds: float = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def forcing(tokens: TokenWeChat, stopwatch: Stopwatch, *, allowed: bool, pauses: Pauses | None = None) -> WeChatClient:
    async def may_force(app_id: str) -> bool:
        assert app_id == APP.app_id
        return allowed

    return client(tokens, clock=stopwatch, may_force=may_force, sleep=pauses or Pauses())


async def check(wechat: WeChatClient, app: MiniProgram = APP) -> bool:
    return await wechat.check_session_key(app, openid=OPENID, session_key=SecretStr(SESSION_KEY))


async def failure(wechat: WeChatClient, kind: type[WeChatError]) -> WeChatError:
    with pytest.raises(kind) as caught:
        await check(wechat)
    return caught.value
