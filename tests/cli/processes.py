"""Runs the command as a user would: in a process of its own, or to its end inside this one."""

import logging
import os
import queue
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click.testing
import httpx

from graph.cli import main
from tests.server import LOGIN, ME

# Seconds. Only a defect takes that long.
PATIENCE: Final = 30.0
_COMMAND: Final = (sys.executable, "-W", "error", "-m", "graph")


def environment(**variables: str) -> dict[str, str]:
    """The caller's environment without settings and proxies, and these variables."""
    foreign = ("wxgate_", "http_proxy", "https_proxy", "all_proxy")
    return {name: value for name, value in os.environ.items() if not name.lower().startswith(foreign)} | variables


def invoke(*arguments: str, typed: str | None = None, **variables: str) -> click.testing.Result:
    """Runs a command that ends by itself, in this process; what it did not mean to raise is raised here.

    `typed` is what it reads from its terminal.
    """
    cleared = dict.fromkeys((name for name in os.environ if name.startswith("WXGATE_")), None)
    mask = os.umask(0o022)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        result = click.testing.CliRunner(env={**cleared, **variables}).invoke(main, arguments, input=typed)
    finally:
        os.umask(mask)
        # A command that logs takes them over.
        root.handlers[:] = handlers
        root.setLevel(level)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run(*arguments: str, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command in a process, which should end by itself."""
    return subprocess.run(
        [*_COMMAND, *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@dataclass
class Process:
    """A serving command, and what it has written so far to both of its streams."""

    popen: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)
    url: str = ""
    # The CA of one that speaks TLS.
    ca_file: Path | None = None
    _lines: "queue.SimpleQueue[str | None]" = field(default_factory=queue.SimpleQueue)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def listen(self) -> None:
        """Collects lines until the process closes its streams, in a thread of its own."""
        for line in self.popen.stdout or ():
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, pattern: str) -> "re.Match[str]":
        """The first new line that matches."""
        while (line := self._next()) is not None:
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"ended with {self.popen.wait()} before it wrote {pattern!r}:\n{self.output}")  # noqa: EM102

    def _next(self) -> str | None:
        """The next line; None at the end, however often it is asked for."""
        line = self._lines.get(timeout=PATIENCE)
        if line is None:
            self._lines.put(None)
        return line

    def terminate(self) -> None:
        """Asks it to stop, as an orchestrator does."""
        self.popen.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code, once it has written everything."""
        while (line := self._next()) is not None:
            self.lines.append(line)
        return self.popen.wait(PATIENCE)

    def _http(self) -> httpx.Client:
        verify = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        return httpx.Client(trust_env=False, timeout=PATIENCE, verify=verify)

    def get(self, path: str) -> httpx.Response:
        with self._http() as http:
            return http.get(self.url + path)

    def device(self, action: str, *, under: str = "", **fields: object) -> Any:
        """What a user's phone is answered; `under` is the path at which WeChat is simulated."""
        with self._http() as http:
            answer = http.post(f"{self.url}{under}/device/{action}", json=fields)
        assert answer.is_success, answer.text
        return answer.json()

    def graphql(self, query: str, *, token: str | None = None, **variables: object) -> Any:
        """The data of an answer without errors."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with self._http() as http:
            body = {"query": query, "variables": variables}
            answer = http.post(f"{self.url}/graphql", json=body, headers=headers).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def login(self, code: str) -> Any:
        return self.graphql(LOGIN, code=code)["login"]

    def me(self, token: str) -> Any:
        return self.graphql(ME, token=token)["me"]


@contextmanager
def serving(*arguments: str, cwd: Path, **variables: str) -> Iterator[Process]:
    """A command that serves on a free port; at the end it is stopped, and must have ended in good order."""
    with listening((*_COMMAND, *arguments), cwd, environment(**variables)) as process:
        yield process


@contextmanager
def listening(command: tuple[str | Path, ...], cwd: Path, variables: Mapping[str, str]) -> Iterator[Process]:
    """As `serving`, for a command that is installed somewhere else, in an environment of its own."""
    with subprocess.Popen(
        [*command, "--port", "0"],
        cwd=cwd,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as popen:
        ca_file = cwd / command[command.index("--tls") + 1] if "--tls" in command else None
        process = Process(popen, ca_file=ca_file)
        ear = threading.Thread(target=process.listen)
        ear.start()
        try:
            host, port = process.wait_for(r"listening  host=(\S+)  port=(\d+)").groups()
            process.url = f"http{'s' if ca_file else ''}://{f'[{host}]' if ':' in host else host}:{port}"
            process.get("/")  # any answer: it has started
            yield process
            if popen.poll() is None:
                process.terminate()
            assert process.wait() == 0, process.output
            assert "Traceback" not in process.output
        finally:
            popen.kill()
            ear.join()
