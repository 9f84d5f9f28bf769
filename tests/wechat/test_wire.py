"""What really goes over a socket to WeChat, and what becomes of connections that break."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
import trustme

from graph.wechat.errors import WeChatUnavailable
from tests.wechat.far_side import APP_ID, APP_SECRET, JS_CODE, OPENID, SESSION, TOKEN, client

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s"


def answer(body: object, headers: bytes = b"") -> bytes:
    text = orjson.dumps(body)
    return OK % (len(text), headers, text)


class FarSide:
    """A server that keeps what it was sent, and says what it was told to, on as many connections as are opened."""

    def __init__(self, *says: bytes, abort: bool = False) -> None:
        self.says = list(says)
        self.abort = abort
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.says:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                lengths = [
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                ]
                self.bodies.append(await reader.readexactly(sum(lengths)))
                writer.write(self.says.pop(0))
                await writer.drain()
            if self.abort:
                writer.transport.abort()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    def query(self) -> list[tuple[str, str]]:
        """The query of the last request."""
        return parse_qsl(urlsplit(self.heads[-1].split(b" ")[1].decode()).query, strict_parsing=True)


@asynccontextmanager
async def listening(far_side: FarSide, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async with await asyncio.start_server(far_side, "127.0.0.1", 0, ssl=context) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http{'s' if context else ''}://{host}:{port}"


async def reason(url: str) -> str:
    async with client(base_url=url) as wechat:
        with pytest.raises(WeChatUnavailable) as caught:
            await wechat.code2session(JS_CODE)
    return caught.value.reason


@pytest.mark.parametrize("code", [JS_CODE, "the code is a mock one&appid=x#%00+/?=", "%2B%20~!$'()*,;:@[]|\\\"<>^`{}"])
async def test_four_parameters_arrive_as_they_are_and_no_body(code: str) -> None:
    far_side = FarSide(answer(SESSION))
    async with listening(far_side) as url, client(base_url=url) as wechat:
        assert (await wechat.code2session(code)).openid == OPENID
    assert far_side.query() == [
        ("appid", APP_ID),
        ("secret", APP_SECRET),
        ("js_code", code),
        ("grant_type", "authorization_code"),
    ]
    head = far_side.heads[0].lower()
    assert head.startswith(b"get /sns/jscode2session?")
    assert b"accept-encoding: identity\r\n" in head
    assert b"transfer-encoding" not in head
    assert b"content-length" not in head


async def test_a_token_is_asked_for_with_a_body_whose_length_is_told() -> None:
    far_side = FarSide(answer({"access_token": TOKEN, "expires_in": 7200}))
    async with listening(far_side) as url, client(base_url=url) as wechat:
        await wechat.get_stable_access_token()
    assert orjson.loads(far_side.bodies[0])["appid"] == APP_ID
    assert b"transfer-encoding" not in far_side.heads[0].lower()


async def test_calls_share_a_connection_and_no_cookie() -> None:
    cookie = b"Set-Cookie: of=one person\r\n"
    far_side = FarSide(answer(SESSION, cookie), answer(SESSION))
    async with listening(far_side) as url, client(base_url=url) as wechat:
        for _ in range(2):
            await wechat.code2session(JS_CODE)
    assert far_side.connections == 1
    assert b"cookie" not in far_side.heads[1].lower()


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    far_side, proxy = FarSide(answer(SESSION)), FarSide(answer(SESSION))
    async with listening(far_side) as url, listening(proxy) as proxy_url:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy_url)
        async with client(base_url=url) as wechat:
            await wechat.code2session(JS_CODE)
    assert (far_side.connections, proxy.connections) == (1, 0)


async def test_nobody_listening_is_a_connection_that_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert await reason(f"http://127.0.0.1:{port}") == "connection failed"


BROKEN: list[tuple[str, Callable[[], FarSide]]] = [
    ("no HTTP", lambda: FarSide(b"SSH-2.0-OpenSSH\r\n\r\n", b"SSH-2.0-OpenSSH\r\n\r\n")),
    ("nothing", lambda: FarSide(b"", b"")),
    ("reset", lambda: FarSide(b"", abort=True)),
    ("half a head", lambda: FarSide(b"HTTP/1.1 200 OK\r\nContent-Le")),
    ("half a body", lambda: FarSide(OK % (100, b"", b"{"))),
    ("no chunk", lambda: FarSide(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"")),
]


@pytest.mark.parametrize("far_side", [pytest.param(made, id=name) for name, made in BROKEN])
async def test_an_answer_that_breaks_is_a_fault_of_the_transport(far_side: Callable[[], FarSide]) -> None:
    async with listening(far_side()) as url:
        assert await reason(url) in {"transport error", "connection failed", "timeout"}
        assert await reason(url) != "timeout"


async def test_silence_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with client(base_url=url, read_timeout=0.1) as wechat:
            with pytest.raises(WeChatUnavailable) as caught:
                await wechat.code2session(JS_CODE)
    assert caught.value.reason == "timeout"


async def test_a_certificate_that_only_the_environment_vouches_for_ends_the_call_before_the_secret_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    far_side = FarSide(answer(SESSION))
    async with listening(far_side, context) as url:
        assert await reason(url) == "connection failed"
    assert far_side.heads == []
