"""Servers of S3: one that keeps objects, as a process, and one that answers whatever a test wants."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx

from tests.processes import free_port

READY_WITHIN: Final = 60.0


@contextmanager
def object_server(output: Path) -> Iterator[str]:
    """The address of a server that speaks S3, with one bucket, called pictures; its objects are readable to all."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with (
        output.open("wb") as file,
        subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + READY_WITHIN
            while not made_bucket(endpoint):
                assert process.poll() is None, output.read_text("utf-8")
                assert time.monotonic() < deadline, output.read_text("utf-8")
                time.sleep(0.1)
            yield endpoint
        finally:
            process.kill()


def made_bucket(endpoint: str) -> bool:
    try:
        return httpx.put(f"{endpoint}/pictures", headers={"x-amz-acl": "public-read"}, trust_env=False).is_success
    except httpx.TransportError:
        return False


@dataclass
class FakeServer:
    """Answers every request with this, and remembers it."""

    endpoint: str
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/xml"})
    # Of the connections to come, so many are closed without an answer.
    dropped: int = 0
    requests: list[tuple[str, str, str]] = field(default_factory=list)

    def refuse(self, status: int, code: str) -> None:
        """Answers as S3 refuses."""
        self.status = status
        self.body = f"<Error><Code>{code}</Code><Message>of secret</Message></Error>".encode()


@contextmanager
def fake_server(tls: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """One on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            played.requests.append((self.command, self.headers["Host"], self.path))
            if played.dropped:
                played.dropped -= 1
                self.close_connection = True
                return
            self.send_response(played.status)
            for name, value in played.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(played.body)))
            self.end_headers()
            self.wfile.write(played.body)

        do_PUT = do_DELETE = do_GET = answer  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    played = FakeServer(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of one that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
