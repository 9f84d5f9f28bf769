"""What nginx refuses by itself: in the shape of every other error, whatever the status."""

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from graph.settings import LimitSettings
from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.deploy.proxy import PATIENCE, Proxy, coded, nginx
from tests.deploy.replicas import Replica
from tests.processes import free_port, serve_environment
from tests.server import ME

# Each status that nginx makes by itself and sends, what it becomes, and its code.
MADE: Final = (
    *((status, status, "BAD_REQUEST") for status in (400, 401, 402, 409, 410, 411, 412, 414, 416, 421)),
    (403, 403, "FORBIDDEN"),
    (404, 404, "NOT_FOUND"),
    (405, 405, "METHOD_NOT_ALLOWED"),
    (406, 406, "NOT_ACCEPTABLE"),
    (413, 413, "PAYLOAD_TOO_LARGE"),
    (415, 415, "UNSUPPORTED_MEDIA_TYPE"),
    (429, 429, "RATE_LIMITED"),
    (431, 431, "BAD_REQUEST"),
    (494, 431, "BAD_REQUEST"),
    *((status, 400, "BAD_REQUEST") for status in (495, 496, 497)),
    *((status, status, "INTERNAL_SERVER_ERROR") for status in (500, 501, 505, 507)),
    *((status, 503, "SERVICE_UNAVAILABLE") for status in (502, 503, 504)),
)


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """nginx before replicas that are gone, with a path for each status."""
    made = "".join(f"location = /made/{status} {{ return {status}; }}\n" for status, _, _ in MADE)
    with nginx(tmp_path, [free_port(), free_port()], extra=made) as opened:
        yield opened


def test_every_status_that_nginx_makes_is_coded(proxy: Proxy) -> None:
    with proxy.client() as http:
        for made, status, code in MADE:
            for method in ("GET", "POST"):
                assert coded(http.request(method, f"/made/{made}"), status) == code, made
        head = http.head("/made/404")
        assert (head.status_code, head.content) == (404, b"")
        # What an error is sent from cannot be asked for.
        assert coded(http.get("/refusal"), 404) == "NOT_FOUND"
        assert coded(http.post("/graphql", json={"query": ME}), 503) == "SERVICE_UNAVAILABLE"


@pytest.mark.parametrize(
    ("request_text", "status", "code"),
    [
        ("rubbish\r\n\r\n", 400, "BAD_REQUEST"),
        ("GET /graphql HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST"),
        ("GET /../graphql HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
        ("TRACE /graphql HTTP/1.1\r\nHost: x\r\n\r\n", 405, "METHOD_NOT_ALLOWED"),
        (f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: {2**17 + 1}\r\n\r\n", 413, "PAYLOAD_TOO_LARGE"),
        (f"GET /graphql?query={'x' * 9_000} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "BAD_REQUEST"),
        (f"GET /graphql HTTP/1.1\r\nHost: x\r\nCookie: {'x' * 9_000}\r\n\r\n", 431, "BAD_REQUEST"),
        ("POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "INTERNAL_SERVER_ERROR"),
        ("GET /graphql HTTP/9.0\r\nHost: x\r\n\r\n", 505, "INTERNAL_SERVER_ERROR"),
    ],
)
def test_a_request_that_nginx_cannot_read_is_coded(proxy: Proxy, request_text: str, status: int, code: str) -> None:
    assert coded(sent(proxy, request_text, tls=True), status) == code


def test_plain_http_on_the_port_of_tls_is_coded(proxy: Proxy) -> None:
    assert coded(sent(proxy, "GET /graphql HTTP/1.1\r\nHost: x\r\n\r\n", tls=False), 400) == "BAD_REQUEST"


def sent(proxy: Proxy, request_text: str, *, tls: bool) -> httpx.Response:
    """The response to these very bytes, up to the end of the connection."""
    url = httpx.URL(proxy.url)
    with socket.create_connection((url.host, url.port or 443), PATIENCE) as plain:
        connection = proxy.trust.wrap_socket(plain, server_hostname=url.host) if tls else plain
        connection.sendall(request_text.encode())
        received = b""
        head, body = b"", b""
        while not head or len(body) < int(re.findall(rb"(?i)content-length: (\d+)", head)[0]):
            piece = connection.recv(65_536)
            assert piece, received
            received += piece
            head, _, body = received.partition(b"\r\n\r\n")
        connection.close()
    status_line, *lines = head.decode().split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return httpx.Response(int(status_line.split()[1]), headers=headers, content=body)


def test_what_is_too_large_for_the_server_is_refused_by_the_server(
    wechat_simulator: WeChatSimulator, tmp_path: Path
) -> None:
    url = f"sqlite://{tmp_path}/wxgate.db"
    asyncio.run(migrate(url))
    replica = Replica(serve_environment(wechat_simulator, url), tmp_path / "replica.log")
    directory = tmp_path / "nginx"
    directory.mkdir()
    most = LimitSettings().body_bytes
    try:
        replica.start()
        with nginx(directory, [replica.port, replica.port]) as proxy, proxy.client() as http:
            for size in (most + 1, 2 * most - 100):
                response = http.post("/graphql", content=b"x" * size, headers={"Content-Type": "application/json"})
                assert coded(response, 413) == "PAYLOAD_TOO_LARGE"
                assert f"may have {most} bytes at most" in response.text
    finally:
        replica.end()
