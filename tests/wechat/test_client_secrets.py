"""No level of logging and no exception tells the AppSecret, a code, or what came back for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from graph.wechat.errors import WeChatError
from tests.wechat.far_side import JS_CODE, OPENID, SECRETS, SESSION, TOKEN, all_that_it_says, client, refusal, target_of


class Everything(logging.Handler):
    """Keeps all that any formatter could make of a record."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.said = ""
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.said += f"{record.getMessage()} {vars(record)}\n"
        self.names.add(record.name)


@pytest.fixture
def log() -> Iterator[Everything]:
    """The host application turns everything on, httpx and httpcore by name."""
    handler = Everything()
    names = [None, "httpx", "httpcore", "asyncio"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@asynccontextmanager
async def server(status_line: str, headers: str, body: str) -> AsyncIterator[str]:
    """A real socket, so that every layer really speaks; `{target}` in `headers` is what was asked for."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        head = f"HTTP/1.1 {status_line}\r\nContent-Length: {len(body)}\r\n{headers.format(target=target)}\r\n"
        writer.write(head.encode() + body.encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield f"http://{host}:{port}"


def nothing_told(said: str) -> None:
    assert [secret for secret in SECRETS if secret in said] == []


async def test_a_success_tells_nothing_at_debug(log: Everything) -> None:
    body = f'{{"openid":"{OPENID}","session_key":"{SESSION["session_key"]}"}}'
    async with server("200 OK", "", body) as url, client(base_url=url) as wechat:
        await wechat.code2session(JS_CODE)
    nothing_told(log.said)
    assert "asyncio" in log.names  # it listens, and nothing else was said


async def test_a_redirect_that_repeats_the_url_tells_nothing_at_debug(log: Everything) -> None:
    location = "Location: https://elsewhere.invalid{target}\r\n"
    async with server("302 Found", location, "") as url, client(base_url=url) as wechat:
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(JS_CODE)
    nothing_told(log.said)
    nothing_told(all_that_it_says(caught.value))


async def test_a_token_tells_nothing_at_debug(log: Everything) -> None:
    body = f'{{"access_token":"{TOKEN}","expires_in":7200}}'
    async with server("200 OK", "", body) as url, client(base_url=url) as wechat:
        await wechat.get_stable_access_token()
    nothing_told(log.said)


@pytest.mark.parametrize(
    "kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError, OSError, TimeoutError]
)
async def test_an_exception_of_the_transport_tells_nothing(kind: type[Exception], log: Everything) -> None:
    urls = []

    def fail(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        words = f"while reading {target_of(request)}"
        raise kind(words)

    async with client(fail) as wechat:
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(JS_CODE)
    nothing_told(" ".join(urls))
    nothing_told(all_that_it_says(caught.value))
    nothing_told(log.said)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_timeout_of_ours_tells_nothing(log: Everything) -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with client(hang, total_timeout=0.01) as wechat:
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(JS_CODE)
    nothing_told(all_that_it_says(caught.value))
    nothing_told(log.said)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(lambda words: refusal(40013, words), id="in errmsg"),
        pytest.param(lambda words: refusal(-1, words), id="in errmsg, twice"),
        pytest.param(lambda words: httpx.Response(200, content=words), id="as body"),
        pytest.param(lambda words: httpx.Response(200, html=f"<p>{words}"), id="as a page"),
        pytest.param(lambda words: httpx.Response(502, content=words), id="with 502"),
        pytest.param(lambda words: httpx.Response(200, json={"openid": OPENID, "more": words}), id="half a session"),
        pytest.param(lambda words: httpx.Response(200, json={**SESSION, "unionid": [words]}), id="a wrong type"),
        pytest.param(lambda words: httpx.Response(302, headers={"location": f"http://[{words}"}), id="a bad location"),
    ],
)
async def test_an_answer_that_repeats_our_secrets_tells_nothing(response: object, log: Everything) -> None:
    assert callable(response)

    async with client(lambda request: response(f"you sent {target_of(request)}")) as wechat:
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(JS_CODE)
    nothing_told(all_that_it_says(caught.value))
    nothing_told(log.said)


async def test_the_client_does_not_print_its_secret() -> None:
    wechat = client()
    nothing_told(repr(wechat) + repr(vars(wechat)))
    await wechat.aclose()
