"""A log that is not read, or cannot be written, stops no server, and counts what it lost."""

import fcntl
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.processes import STOPPED_WITHIN, await_answer, free_port, serve_environment

ROOT: Final = Path(__file__).parents[2]
LINE: Final = re.compile(rb"\d{4}-\S+ (INFO|WARNING) +\S.*\n")
REQUEST: Final = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: " + b"a" * 64 + b"\r\n\r\n"
REQUESTS: Final = 20_000
# Writes more than is kept, ends, and should not wait for a reader.
SCRIPT: Final = """
import logging
from graph.observability.logging import configure_logging
configure_logging(level="INFO", style="text")
for number in range(%d):
    logging.getLogger("graph.example").info("an event", extra={"number": number, "text": "a" * 100})
print("logged", flush=True)
"""


@contextmanager
def python(*arguments: str, stderr: int, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WXGATE_")}
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment | variables, stdout=subprocess.PIPE, stderr=stderr
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def dropped(lines: list[bytes]) -> int:
    return sum(int(count) for line in lines for count in re.findall(rb"log lines were dropped  count=(\d+)", line))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_server_whose_log_is_not_read_serves_and_counts_dropped_lines(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    port = free_port()
    variables = serve_environment(wechat_simulator, database_url)
    with python("-m", "graph", "serve", "--port", str(port), stderr=write, **variables) as process:
        os.close(write)
        await_answer(process, f"http://127.0.0.1:{port}/livez", tmp_path)
        with socket.create_connection(("127.0.0.1", port), timeout=STOPPED_WITHIN) as client:
            for _ in range(REQUESTS):
                client.sendall(REQUEST)
                assert client.recv(65536).startswith(b"HTTP/1.1 404 ")
        with os.fdopen(read, "rb") as log:
            lines = []
            for line in log:
                lines.append(line)
                if b"dropped" in line:
                    process.terminate()
        assert process.wait(STOPPED_WITHIN) == 0
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert dropped(lines) > 0
    ours = [line for line in lines if b"a" * 64 in line]
    assert len(ours) + dropped(lines) == REQUESTS
    assert b"Finished server process" in lines[-1]


def test_a_process_whose_log_is_not_read_ends(tmp_path: Path) -> None:
    read, write = os.pipe()
    with python("-c", SCRIPT % 50_000, stderr=write) as process:
        os.close(write)
        assert process.stdout is not None
        assert process.stdout.readline() == b"logged\n"
        assert process.wait(STOPPED_WITHIN) == 0
    with os.fdopen(read, "rb") as log:
        assert log.readline().endswith(b" INFO    an event  number=0  text=" + b"a" * 100 + b"\n")


def test_lines_that_end_with_the_process_are_written() -> None:
    with python("-c", SCRIPT % 1000, stderr=subprocess.PIPE) as process:
        lines = process.communicate(timeout=STOPPED_WITHIN)[1].splitlines()
    assert [int(number) for line in lines for number in re.findall(rb"number=(\d+)", line)] == [*range(1000)]


def test_a_reader_that_has_gone_or_a_full_disk_keeps_nothing_from_ending() -> None:
    with Path("/dev/full").open("wb") as full, python("-c", SCRIPT % 1000, stderr=full.fileno()) as process:
        assert process.wait(STOPPED_WITHIN) == 0
