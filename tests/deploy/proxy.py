"""A real nginx with the configuration that `examples/deploy/` shows, but for ports and paths."""

import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import trustme

from tests.processes import free_port
from tests.programs import program

CONFIGURATION: Final = Path(__file__).parents[2] / "examples" / "deploy" / "nginx.conf"
PATIENCE: Final = 30.0


@dataclass(frozen=True)
class Proxy:
    """Where it listens, and whom to trust for it."""

    url: str
    trust: ssl.SSLContext

    def client(self) -> httpx.Client:
        """Somebody outside."""
        return httpx.Client(base_url=self.url, verify=self.trust, trust_env=False, timeout=PATIENCE)


def configure(directory: Path, *, port: int, replicas: Sequence[int], extra: str = "") -> Path:
    """The file with this machine's places in it, a certificate for localhost, and `extra` before its last location."""
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
def nginx(directory: Path, replicas: Sequence[int], *, extra: str = "") -> Iterator[Proxy]:
    """A proxy before two replicas, with `extra` in its server."""
    port = free_port()
    configuration = configure(directory, port=port, replicas=replicas, extra=extra)
    with (
        (directory / "error.log").open("wb") as log,
        subprocess.Popen(command(configuration), stdout=log, stderr=log) as process,
    ):
        try:
            proxy = Proxy(f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=directory / "ca.crt"))
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
