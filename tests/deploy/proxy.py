"""A real nginx with the configuration that `examples/deploy/` shows, but for ports and paths."""

import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import trustme

from graph.errors import ErrorAction, ErrorCode
from tests.http.answers import refusal
from tests.processes import free_port
from tests.programs import program

CONFIGURATION: Final = Path(__file__).parents[2] / "examples" / "deploy" / "nginx.conf"
PATIENCE: Final = 30.0


@dataclass(frozen=True)
class Proxy:
    """Where it listens, whom to trust for it, and its process."""

    url: str
    trust: ssl.SSLContext
    pid: int

    def client(self) -> httpx.Client:
        """Somebody outside."""
        return httpx.Client(base_url=self.url, verify=self.trust, trust_env=False, timeout=PATIENCE)


def configure(
    directory: Path, *, port: int, replicas: Sequence[int], extra: str = "", instead: Mapping[str, str] | None = None
) -> Path:
    """The file with this machine's places in it, a certificate for localhost, and `extra` before its last location.

    `instead` are other texts for some of its own.
    """
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(directory / "ca.crt")
    issued.private_key_pem.write_to_path(directory / "tls.key")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(directory / "tls.crt", append=True)
    text = CONFIGURATION.read_text("utf-8")
    for theirs, ours in (
        ("/tmp/", f"{directory}/"),  # first: the others put in paths that may hold it
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/nginx/tls/", f"{directory}/"),
        ("/dev/stdout", f"{directory}/access.log"),
        ("server replica-1:8000 ", f"server 127.0.0.1:{replicas[0]} "),
        ("server replica-2:8000 ", f"server 127.0.0.1:{replicas[1]} "),
        ("location / {", f"{extra}location / {{"),
        *(instead or {}).items(),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    configuration = directory / "nginx.conf"
    configuration.write_text(text, "utf-8")
    return configuration


def command(configuration: Path) -> list[str]:
    """How nginx is run on it."""
    return [
        program("nginx", "nginx-light"),
        "-p",
        str(configuration.parent),
        "-e",
        "stderr",
        "-c",
        str(configuration),
        "-g",
        "daemon off;",
    ]


@contextmanager
def nginx(
    directory: Path, replicas: Sequence[int], *, extra: str = "", instead: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """A proxy before two replicas, with `extra` in its server, and some of its texts replaced."""
    port = free_port()
    configuration = configure(directory, port=port, replicas=replicas, extra=extra, instead=instead)
    with (
        (directory / "error.log").open("wb") as log,
        subprocess.Popen(command(configuration), stdout=log, stderr=log) as process,
    ):
        try:
            trust = ssl.create_default_context(cafile=directory / "ca.crt")
            proxy = Proxy(f"https://127.0.0.1:{port}", trust, process.pid)
            _await(proxy, process, directory / "error.log")
            yield proxy
        finally:
            process.terminate()


def _await(proxy: Proxy, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    with proxy.client() as client:
        while True:
            try:
                assert client.get("/").status_code == 404
            except httpx.TransportError:
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < deadline, log.read_text("utf-8")
                time.sleep(0.05)
            else:
                return


def coded(response: httpx.Response, status: int) -> str:
    """The code of a refusal by nginx, whose action is what the server's own have."""
    response.headers.pop("server")  # it has no version
    code = refusal(response, status)
    extensions = response.json()["errors"][0]["extensions"]
    assert code in ErrorCode.__members__
    waits = code in {"RATE_LIMITED", "SERVICE_UNAVAILABLE"}
    action = ErrorAction.WAIT if waits else ErrorAction.FIX_REQUEST if status < 500 else ErrorAction.GIVE_UP
    assert (extensions["action"], extensions["retryable"]) == (action.name, waits)
    assert response.headers.get("retry-after") == ("1" if status in {429, 503} else None)
    return code
