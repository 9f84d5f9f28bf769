"""A WeChat at the wire, or in place of the transport, and the client under test."""

import asyncio
import ssl
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatUnavailable
from graph.wechat.mini_programs import MiniProgram

APP_ID = "wx0123456789abcdef"
APP_SECRET = "5ec2e70000000000000000005ec2e700"
APP = MiniProgram(APP_ID, SecretStr(APP_SECRET))
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
    settings: dict[str, Any] = {"transport": transport, "sleep": Pauses(), **changes}
    return WeChatClient(**settings)


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


def http(body: object, *, headers: str = "", status: str = "200 OK") -> bytes:
    """A whole response."""
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n{headers}\r\n".encode() + text


def session_for(target: str) -> bytes:
    """Logs in the code that was sent as if it were an openid, so that responses that are mixed up show."""
    code = httpx.URL(f"http://wechat{target}").params.get("js_code", OPENID)
    return http({**SESSION, "openid": code})


class FakeServer:
    """Sends `respond(target)` for each request; without a response it closes, and while not `is_open` it waits."""

    def __init__(self, respond: Callable[[str], bytes | None] = session_for) -> None:
        self.respond = respond
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.closed = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                ]
                self.bodies.append(await reader.readexactly(sum(lengths)))
                self.heads.append(head)
                await self.is_open.wait()
                response = self.respond(head.split(b" ")[1].decode())
                if response is None:
                    break
                writer.write(response)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.closed += 1
            writer.transport.abort()

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Its base URL."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
        try:
            yield f"http{'s' if context else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in self.writers:
                writer.transport.abort()


async def until(holds: Callable[[], object]) -> None:
    """Returns once something holds, which it must do before long."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.002)


async def reason(wechat: WeChatClient) -> str:
    async with wechat:
        with pytest.raises(WeChatUnavailable) as caught:
            await wechat.code2session(APP, JS_CODE)
    return caught.value.reason


async def log_in(wechat: WeChatClient, number: int) -> None:
    """With a code of its own, whose session must come back."""
    assert (await wechat.code2session(APP, f"code{number}")).openid == f"code{number}"
