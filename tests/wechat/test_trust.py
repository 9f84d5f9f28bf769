"""Whom the client trusts over real sockets: which certificates, and which proxy."""

import asyncio
import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.wechat.fake_server import APP_SECRET, FakeServer, client, log_in, reason

pytestmark = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": uvloop}) for uvloop in (False, True)], ids=["asyncio", "uvloop"]
)


async def test_a_ca_file_vouches_and_nothing_else_does(
    certified: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    server = FakeServer()
    async with server.listening(certified) as url:
        assert await reason(client(base_url=url)) == "certificate not trusted"
        elsewhere = url.replace("127.0.0.1", "localhost")
        assert await reason(client(base_url=elsewhere, ca_file=ca_file)) == "certificate not trusted"
        assert server.heads == [], "the secret was sent"
        async with client(base_url=url, ca_file=ca_file) as wechat:
            await log_in(wechat, 1)
            await log_in(wechat, 2)


class FakeProxy:
    """Opens a tunnel to `port` whatever is asked for, or refuses."""

    def __init__(self, port: int, *, status: str = "200 OK") -> None:
        self.port, self.status = port, status
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        if self.status == "200 OK":
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except OSError:
        pass
    writer.close()


async def test_a_proxy_passes_the_call_on_and_learns_no_secret(certified: ssl.SSLContext, ca_file: Path) -> None:
    server = FakeServer()
    async with server.listening(certified) as url:
        far = FakeProxy(int(url.rpartition(":")[2]))
        async with await asyncio.start_server(far.serve, "127.0.0.1", 0) as listening:
            proxy = SecretStr(f"http://user:pass%40word@127.0.0.1:{listening.sockets[0].getsockname()[1]}")
            async with client(base_url=url, ca_file=ca_file, proxy=proxy) as wechat:
                await log_in(wechat, 1)
                await log_in(wechat, 2)
            [head] = far.heads
            assert head.startswith(b"CONNECT 127.0.0.1:")
            assert b"proxy-authorization: basic dxnlcjpwyxnzqhdvcmq=\r\n" in head.lower()
            assert APP_SECRET.encode() not in head

            far.status = "403 Forbidden"
            assert await reason(client(base_url=url, ca_file=ca_file, proxy=proxy)) == "proxy failed"
