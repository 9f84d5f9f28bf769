"""The client over real sockets: what is sent, which connections are used again, and what breaks them."""

import asyncio
import resource
import socket
import ssl
import struct
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from graph.wechat.circuit_breaker import FAILURES
from graph.wechat.errors import WeChatUnavailable
from tests.wechat.fake_server import (
    APP,
    APP_ID,
    APP_SECRET,
    JS_CODE,
    OPENID,
    SESSION,
    TOKEN,
    FakeServer,
    client,
    http,
    log_in,
    reason,
    session_for,
    until,
)

pytestmark = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": uvloop}) for uvloop in (False, True)], ids=["asyncio", "uvloop"]
)


@pytest.mark.parametrize("code", [JS_CODE, "the code is a mock one&appid=x#%00+/?=", "%2B%20~!$'()*,;:@[]|\\\"<>^`{}"])
async def test_four_parameters_arrive_as_they_are_and_no_body(code: str) -> None:
    server = FakeServer(lambda _: http(SESSION))
    async with server.listening() as url, client(base_url=url) as wechat:
        assert (await wechat.code2session(APP, code)).openid == OPENID
    [head] = server.heads
    assert parse_qsl(urlsplit(head.split(b" ")[1].decode()).query, strict_parsing=True) == [
        ("appid", APP_ID),
        ("secret", APP_SECRET),
        ("js_code", code),
        ("grant_type", "authorization_code"),
    ]
    assert head.startswith(b"GET /sns/jscode2session?")
    assert b"accept-encoding: identity\r\n" in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length" not in head.lower()


async def test_a_token_is_asked_for_with_a_body_of_known_length() -> None:
    server = FakeServer(lambda _: http({"access_token": TOKEN, "expires_in": 7200}))
    async with server.listening() as url, client(base_url=url) as wechat:
        await wechat.get_stable_access_token(APP)
    assert APP_ID in server.bodies[0].decode()
    assert b"transfer-encoding" not in server.heads[0].lower()


async def test_calls_share_a_connection_and_no_cookie() -> None:
    server = FakeServer(lambda _: http(SESSION, headers="Set-Cookie: of=one user\r\n"))
    async with server.listening() as url, client(base_url=url) as wechat:
        for _ in range(3):
            await wechat.code2session(APP, JS_CODE)
    assert (len(server.writers), len(server.heads)) == (1, 3)
    assert b"cookie" not in b"".join(server.heads).lower()


async def test_no_redirect_is_followed() -> None:
    elsewhere = FakeServer()
    async with elsewhere.listening() as other:
        server = FakeServer(lambda target: http(b"", status="302 Found", headers=f"Location: {other}{target}\r\n"))
        async with server.listening() as url:
            assert await reason(client(base_url=url)) == "http 302"
    assert elsewhere.writers == []


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    server, proxy = FakeServer(), FakeServer()
    async with server.listening() as url, proxy.listening() as proxy_url:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy_url)
        async with client(base_url=url) as wechat:
            await log_in(wechat, 1)
    assert (len(server.writers), len(proxy.writers)) == (1, 0)


async def test_no_more_connections_are_open_than_may_be_and_a_wait_for_one_ends() -> None:
    server = FakeServer()
    server.is_open.clear()
    async with server.listening() as url, client(base_url=url, max_connections=2, connect_timeout=0.1) as wechat:
        calls = [asyncio.create_task(log_in(wechat, n)) for n in range(2)]
        await until(lambda: len(server.heads) == 2)
        with pytest.raises(WeChatUnavailable, match="timeout"):
            await log_in(wechat, 3)
        assert len(server.writers) == 2
        server.is_open.set()
        await asyncio.gather(*calls)
        await log_in(wechat, 4)
        await until(lambda: len(server.writers) - server.closed <= 2)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("sent", [http({**SESSION, "openid": "wrong"}), b"HTTP/1.1", b"", None])
@pytest.mark.parametrize("is_read", [False, True], ids=["unread", "read"])
async def test_what_comes_between_two_calls_is_no_response_to_the_next(
    *, sent: bytes | None, is_read: bool, tls: bool, certified: ssl.SSLContext, ca_file: Path
) -> None:
    server = FakeServer()
    async with server.listening(certified if tls else None) as url, client(base_url=url, ca_file=ca_file) as wechat:
        await log_in(wechat, 1)
        writer = server.writers[0]
        if sent:
            writer.write(sent)
        elif sent is None and not tls:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        else:
            writer.close()
        if is_read:
            await asyncio.sleep(0.05)
        await log_in(wechat, 2)
        await log_in(wechat, 3)


@pytest.mark.parametrize(
    "surplus", [http({**SESSION, "openid": "wrong"}), http(SESSION)[:-1], b"HTTP/1.1 100 OK\r\n\r\n"]
)
async def test_what_follows_a_response_is_no_response_to_the_next(surplus: bytes) -> None:
    server = FakeServer(lambda target: session_for(target) + surplus)
    async with server.listening() as url, client(base_url=url) as wechat:
        for number in range(5):
            await log_in(wechat, number)


async def test_a_call_that_is_cancelled_anywhere_leaves_no_half_used_connection() -> None:
    server = FakeServer()
    patient: dict[str, Any] = dict.fromkeys(("connect_timeout", "read_timeout", "total_timeout"), 60.0)
    async with server.listening() as url, client(base_url=url, max_connections=5, **patient) as wechat:
        calls = [asyncio.create_task(log_in(wechat, number)) for number in range(300)]
        iteration = 0
        while not all(call.done() for call in calls):
            await asyncio.sleep(0)
            iteration += 1
            if iteration % 10 == 0:
                calls[iteration * 7 % len(calls)].cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {type(None), asyncio.CancelledError}
        await until(lambda: len(server.writers) - server.closed <= 5)
        await asyncio.gather(*[log_in(wechat, number) for number in range(5)])


async def test_kept_connections_that_died_unnoticed_cost_one_try_each_at_most() -> None:
    server = FakeServer()
    async with server.listening() as url, client(base_url=url, read_timeout=0.3, max_connections=8) as wechat:
        server.is_open.clear()
        calls = [asyncio.create_task(log_in(wechat, number)) for number in range(8)]
        await until(lambda: len(server.heads) == 8)
        server.is_open.set()
        await asyncio.gather(*calls)
        silent = list(server.writers)
        for writer in silent:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        for number in range(3):
            await log_in(wechat, number)
        assert len(server.writers) == 9, "the dead ones were tried one after the other"


async def test_a_probe_uses_a_fresh_connection() -> None:
    status = "200 OK"
    server = FakeServer(lambda _: http(SESSION, status=status))
    async with server.listening() as url, client(base_url=url) as wechat:
        status = "500 Down"
        for _ in range(FAILURES):
            with pytest.raises(WeChatUnavailable):
                await wechat.code2session(APP, JS_CODE)
        assert len(server.writers) == 1
        status = "200 OK"
        wechat.breaker(APP)._probe_at = 0.0
        await wechat.code2session(APP, JS_CODE)
        assert (wechat.breaker(APP).state, len(server.writers)) == ("closed", 2)


async def test_a_response_that_breaks_is_a_transport_error_after_two_requests_and_no_more() -> None:
    for response in (
        None,
        b"SSH-2.0\r\n\r\n",
        http(b"{}")[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz",
    ):
        server = FakeServer(lambda _, response=response: response)  # type: ignore[misc]
        async with server.listening() as url:
            wechat = client(base_url=url, read_timeout=0.1)
            assert await reason(wechat) in {"transport error", "timeout"}
        assert len(server.heads) == 2


async def test_silence_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert await reason(client(base_url=f"http://127.0.0.1:{port}", read_timeout=0.1)) == "timeout"
        assert await reason(client(base_url=f"https://127.0.0.1:{port}", connect_timeout=0.1)) == "timeout"


async def test_a_closed_port_and_an_unknown_host_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert await reason(client(base_url=f"http://127.0.0.1:{port}")) == "connection refused"
    assert await reason(client(base_url="http://nowhere.invalid", connect_timeout=5.0)) in {
        "unknown host",
        "connection failed",
    }


async def test_a_lack_of_file_descriptors_is_named() -> None:
    async with FakeServer().listening() as url:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            named = await reason(client(base_url=url))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert named == "no file descriptors left"
