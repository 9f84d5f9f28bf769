"""PgBouncer as operators put it in front of PostgreSQL: another connection for each transaction, and TLS."""

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.processes import free_port
from tests.programs import program

# Seconds; whatever takes longer does not start.
PATIENCE: Final = 20.0


@dataclass(frozen=True)
class Certificate:
    """Files in PEM that PgBouncer shows to whoever connects."""

    chain: bytes
    key: bytes


@contextlib.contextmanager
def pgbouncer(socket_directory: str, *, connections: int = 2, tls: Certificate | None = None) -> Iterator[int]:
    """The port of a PgBouncer that shares so many connections to a PostgreSQL; with `tls` it takes nothing else."""
    executable = program("pgbouncer", "pgbouncer")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="wxgate-pgbouncer-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        lines = [
            "[databases]",
            f"* = host={socket_directory}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {port}",
            "unix_socket_dir =",
            "pool_mode = transaction",
            f"default_pool_size = {connections}",
            "max_client_conn = 200",
            "auth_type = trust",
            f"auth_file = {directory / 'users'}",
        ]
        (directory / "users").write_text('"postgres" ""\n')
        if tls is not None:
            (directory / "chain").write_bytes(tls.chain)
            (directory / "key").write_bytes(tls.key)
            lines += [
                "client_tls_sslmode = require",
                f"client_tls_cert_file = {directory / 'chain'}",
                f"client_tls_key_file = {directory / 'key'}",
            ]
        (directory / "ini").write_text("\n".join([*lines, ""]))
        # Like PostgreSQL itself it will not run as root; PostgreSQL's user can reach the socket.
        user = ["-u", "pgserver"] if os.geteuid() == 0 else []
        with (
            (directory / "log").open("wb") as log,
            subprocess.Popen([executable, *user, str(directory / "ini")], stdout=log, stderr=log) as process,
        ):
            try:
                _await(process, port, directory / "log")
                yield port
            finally:
                process.terminate()


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError(log.read_text())
