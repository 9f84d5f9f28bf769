"""The client under test and the far side's words, shared by the tests of the client."""

import traceback
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
from pydantic import SecretStr

from graph.wechat.client import WeChatClient

APP_ID = "wx0123456789abcdef"
APP_SECRET = "5ec2e70000000000000000005ec2e700"
JS_CODE = "0716AVll20uHk94SLDml27etM946AVlq"
OPENID = "orWy35UBNFZyReiUYVZvtPrqht-0"
SESSION_KEY = "5tF5KuDigyB6e4m7FigHvw=="
UNIONID = "ocMvos6NjeKLIBqg5Mr9QjxrP1FA"
TOKEN = "75_" + "t" * 130
RID = "652d44d0-4a8b1234-0a1b2c3d"

SESSION = {"session_key": SESSION_KEY, "openid": OPENID}
SECRETS = (APP_SECRET, JS_CODE, SESSION_KEY, TOKEN, OPENID)

Answer = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


class Pauses:
    """A sleep that only remembers."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def client(answer: Answer | None = None, **changes: Any) -> WeChatClient:
    """Without `answer` it goes through sockets."""
    transport = None if answer is None else httpx.MockTransport(answer)
    settings: dict[str, Any] = {"transport": transport, "sleep": Pauses(), "random": lambda: 0.5, **changes}
    return WeChatClient(app_id=APP_ID, app_secret=SecretStr(APP_SECRET), **settings)


def target_of(request: httpx.Request) -> httpx.URL:
    """What is asked for, which the URL of the request does not tell: it holds the secret."""
    return request.url.copy_with(raw_path=request.extensions["target"])


def refusal(errcode: object, errmsg: str = f"some words, rid: {RID}") -> httpx.Response:
    return httpx.Response(200, json={"errcode": errcode, "errmsg": errmsg})


def all_that_it_says(error: BaseException) -> str:
    """str, repr, attributes and the whole traceback of an error, its causes and its contexts, hidden or not."""
    said = []
    seen: BaseException | None = error
    while seen is not None:
        said += [str(seen), repr(seen), repr(vars(seen)), *traceback.format_exception(seen)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(said)
