"""No level of logging and no exception tells the AppSecret, a code, a token, or what came back for one."""

import asyncio
import contextlib
import gc
import hmac
import logging
from collections.abc import Callable, Iterator

import httpx
import pytest
from pydantic import SecretStr

from graph.wechat.client import WeChatClient
from graph.wechat.errors import WeChatError
from tests.wechat.fake_server import (
    APP,
    APP_SECRET,
    JS_CODE,
    OPENID,
    SECRETS,
    SESSION,
    SESSION_KEY,
    TOKEN,
    FakeServer,
    all_that_it_says,
    client,
    http,
    refusal,
    session_for,
    until,
)


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
    """The host application turns everything on, httpx and aiohttp by name."""
    handler = Everything()
    names = [None, "httpx", "aiohttp", "aiohttp.client", "asyncio"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


# What stands for the session_key in a URL.
SIGNATURE = hmac.digest(SESSION_KEY.encode(), b"", "sha256").hex()


def nothing_told(said: str) -> None:
    assert [secret for secret in (*SECRETS, SIGNATURE) if secret in said] == []


async def check(wechat: WeChatClient) -> bool:
    return await wechat.check_session_key(APP, openid=OPENID, session_key=SecretStr(SESSION_KEY))


def gives_tokens(respond: Callable[[str], bytes | None]) -> Callable[[str], bytes | None]:
    """A server that fails in everything else."""
    given = http({"access_token": TOKEN, "expires_in": 7200})
    return lambda target: given if target == "/cgi-bin/stable_token" else respond(target)


def repeats_the_url(target: str) -> bytes:
    return http(b"", status="302 Found", headers=f"Location: https://elsewhere.invalid{target}\r\n")


@pytest.mark.parametrize(
    "respond",
    [
        session_for,
        repeats_the_url,
        lambda target: f"HTTP/1.1 200 {target}\r\nX: \0{target}\r\n\r\n".encode(),
        lambda target: f"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{target}".encode() * 2,
        lambda target: f"{target}\r\n\r\n".encode(),
        lambda target: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{target}\r\n".encode(),
        lambda _: None,
    ],
    ids=["success", "redirect", "header", "unfinished", "no HTTP", "no chunk", "closed"],
)
async def test_nothing_is_told_at_debug_whatever_comes(respond: Callable[[str], bytes | None], log: Everything) -> None:
    server = FakeServer(respond)
    asyncio.get_running_loop().set_debug(True)
    async with server.listening() as url, client(base_url=url, read_timeout=0.1) as wechat:
        try:
            await wechat.code2session(APP, JS_CODE)
        except WeChatError as error:
            nothing_told(all_that_it_says(error))
        with contextlib.suppress(WeChatError):
            await wechat.get_stable_access_token(APP)
    gc.collect()
    assert APP_SECRET in str(server.heads), "the server was not asked"
    nothing_told(log.said)


@pytest.mark.parametrize(
    "respond",
    [
        lambda _: http({"errcode": 0, "errmsg": "ok"}),
        lambda target: http({"errcode": 87009, "errmsg": target}),
        lambda target: http({"errcode": 40001, "errmsg": f"invalid {target}"}),
        lambda target: http({"errcode": 40013, "errmsg": f"invalid {target}"}),
        repeats_the_url,
        lambda target: f"HTTP/1.1 200 {target}\r\nX: \0{target}\r\n\r\n".encode(),
        lambda target: f"{target}\r\n\r\n".encode(),
        lambda _: None,
    ],
    ids=["success", "invalid", "refused", "misconfigured", "redirect", "header", "no HTTP", "closed"],
)
async def test_an_access_token_and_what_goes_with_it_are_not_told(
    respond: Callable[[str], bytes | None], log: Everything
) -> None:
    server = FakeServer(gives_tokens(respond))
    asyncio.get_running_loop().set_debug(True)
    async with server.listening() as url, client(base_url=url, read_timeout=0.1) as wechat:
        for _ in range(2):
            try:
                await check(wechat)
            except WeChatError as error:
                nothing_told(all_that_it_says(error))
        nothing_told(repr(wechat) + repr(vars(wechat)) + repr(vars(wechat._access_tokens)))
    gc.collect()
    assert f"access_token={TOKEN}" in str(server.heads), "the server was not asked"
    assert f"signature={SIGNATURE}" in str(server.heads)
    nothing_told(log.said)


PHONE_CODE, PHONE_NUMBER = "c0de" * 16, "13800138000"


def phone_info(**fields: object) -> bytes:
    info = {"phoneNumber": PHONE_NUMBER, "purePhoneNumber": PHONE_NUMBER, "countryCode": "86", **fields}
    return http({"errcode": 0, "errmsg": "ok", "phone_info": info})


@pytest.mark.parametrize(
    "respond",
    [
        lambda _: phone_info(watermark={"timestamp": 1_700_000_000, "appid": APP.app_id}),
        lambda _: phone_info(watermark={"timestamp": 1_700_000_000, "appid": PHONE_NUMBER}),
        lambda _: phone_info(phoneNumber=f"x{PHONE_NUMBER[:-1]}"),
        lambda _: phone_info()[:-20],
        lambda target: http({"errcode": 40029, "errmsg": f"invalid code {PHONE_CODE} {PHONE_NUMBER} {target}"}),
        lambda target: http({"errcode": 40013, "errmsg": f"invalid code {PHONE_CODE} {PHONE_NUMBER} {target}"}),
        lambda target: http({"errcode": 48001, "errmsg": f"{PHONE_CODE} +86{PHONE_NUMBER} {target}"}),
        lambda target: f"HTTP/1.1 200 {target}\r\nX: \0{PHONE_NUMBER}\r\n\r\n{PHONE_CODE}".encode(),
        lambda _: None,
    ],
    ids=["success", "another app", "odd", "unfinished", "invalid", "app", "misconfigured", "header", "closed"],
)
async def test_a_phone_code_and_its_number_are_not_told(
    respond: Callable[[str], bytes | None], log: Everything
) -> None:
    server = FakeServer(gives_tokens(respond))
    asyncio.get_running_loop().set_debug(True)
    async with server.listening() as url, client(base_url=url, read_timeout=0.1) as wechat:
        try:
            said = repr(await wechat.get_phone_number(APP, code=PHONE_CODE, openid=OPENID))
        except WeChatError as error:
            said = all_that_it_says(error)
    gc.collect()
    assert PHONE_CODE in str(server.bodies), "the server was not asked"
    for text in (said, log.said):
        nothing_told(text)
        assert [secret for secret in (PHONE_CODE, PHONE_NUMBER[3:9]) if secret in text] == []


async def test_a_call_that_is_cancelled_tells_nothing_at_debug(log: Everything) -> None:
    server = FakeServer()
    server.is_open.clear()
    asyncio.get_running_loop().set_debug(True)
    async with server.listening() as url, client(base_url=url) as wechat:
        call = asyncio.create_task(wechat.code2session(APP, JS_CODE))
        await until(lambda: server.heads)
        call.cancel()
        await asyncio.wait([call])
        server.is_open.set()
        await until(lambda: server.closed)
    gc.collect()
    nothing_told(log.said)


@pytest.mark.parametrize(
    "kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError, OSError, TimeoutError]
)
async def test_an_exception_of_the_transport_tells_nothing(kind: type[Exception], log: Everything) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        words = f"while reading {request.url}"
        raise kind(words)

    async with client(fail) as wechat:
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(APP, JS_CODE)
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
            await wechat.code2session(APP, JS_CODE)
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

    async with client(lambda request: response(f"you sent {request.url}")) as wechat:
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(APP, JS_CODE)
    nothing_told(all_that_it_says(caught.value))
    nothing_told(log.said)


async def test_the_client_does_not_print_its_secret() -> None:
    async with client() as wechat:
        nothing_told(repr(wechat) + repr(vars(wechat)))
