"""A phone with the example mini-program on it: rendered, tapped, and read from the screen."""

import json
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.cli.processes import PATIENCE, Process
from tests.npm import install, npm
from tests.server import ME

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
EXAMPLE: Final = ROOT / "examples" / "miniprogram"


def checkout(directory: Path) -> Path:
    """The example's project as a fresh clone has it, with its packages installed."""
    project = directory / "examples" / "miniprogram"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("node_modules", "generated", "*.js"))
    shutil.copy(ROOT / "schema.graphql", directory)
    (project / "node_modules").symlink_to(install(EXAMPLE))
    return project


def build(project: Path) -> None:
    """What the example's README says to do."""
    built = npm("run", "build", cwd=project)
    assert built.returncode == 0, built.stdout + built.stderr


@dataclass
class Phone:
    """A running mini-program; `state` of its owner is theirs alone, and `storage` outlives a restart."""

    server: Process
    popen: "subprocess.Popen[str]"
    user: str
    errors: Path

    def tell(self, command: str, **options: object) -> Any:
        """Runs one of the commands in phone/phone.mjs."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        watchdog = threading.Timer(PATIENCE, self.popen.kill)
        watchdog.start()
        try:
            self.popen.stdin.write(json.dumps({"command": command, **options}) + "\n")
            self.popen.stdin.flush()
            line = self.popen.stdout.readline()
        finally:
            watchdog.cancel()
        assert line, f"the phone ended:\n{self.errors.read_text('utf-8')}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def launch(self, *pages: str | dict[str, str]) -> None:
        """Starts the app, and these pages at once; one that is open already is another one by `as`."""
        self.tell("launch", pages=pages)

    def tap(self, selector: str, *, page: str = "home") -> None:
        """Taps what is waited for to be there, and not disabled."""
        self.waits_for(
            lambda: self.text(".busy", page=page) is None and self.text(selector, page=page) is not None,
            f"{selector} on {page}",
        )
        self.tell("tap", page=page, selector=selector)

    def texts(self, selector: str, *, page: str) -> list[str]:
        """What stands in each of these now."""
        return [str(text) for text in self.tell("texts", page=page, selector=selector)]

    def text(self, selector: str, *, page: str = "home") -> str | None:
        """What stands there now; None where nothing is."""
        text = self.tell("text", page=page, selector=selector)
        return None if text is None else str(text)

    def sees(self, selector: str, text: str | None, *, page: str = "home") -> None:
        """Waits until exactly this stands there, and the page is at rest."""
        self.waits_for(
            lambda: self.text(".busy", page=page) is None and self.text(selector, page=page) == text,
            f"{text!r} in {selector} on {page}",
        )

    def fields(self) -> dict[str, str]:
        """The table on the first page."""
        labels, values = (self.texts(selector, page="home") for selector in (".label", ".value"))
        return dict(zip(labels, values, strict=True))

    def picture(self, *, page: str = "home") -> str:
        return str(self.tell("attribute", page=page, selector=".picture", name="src"))

    def calls(self) -> "Counter[str]":
        """What was asked of WeChat and of the server since this was last looked at."""
        return Counter(self.tell("log"))

    def shown(self) -> list[str]:
        """The questions and toasts that WeChat has shown since this was last looked at, and ends of a refresh."""
        return [str(title) for title in self.tell("shown")]

    def device(self, path: str, **body: object) -> None:
        """Does to the owner's WeChat what the simulator lets one do."""
        self.server.device(path, under="/simulator", user=self.user, **body)

    def wechat_answers_once(self, errcode: int) -> None:
        """The next request to WeChat's API, whoever makes it, fails so."""
        self.server.device("faults", under="/simulator", kind="errcode", errcode=errcode)

    def waits_for(self, holds: Callable[[], bool], hoped: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, f"never saw {hoped}: {self.tell('screen')}"
            time.sleep(0.02)


@contextmanager
def phone(project: Path, server: Process, user: str, storage: Path, **config: object) -> Iterator[Phone]:
    """Switches a phone on, and off again; the mini-program must have left no promise unhandled."""
    install(HERE)
    if not storage.exists():
        storage.write_text("{}", "utf-8")
    errors = storage.with_suffix(".errors")
    with (
        errors.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            ["node", HERE / "phone" / "phone.mjs", project / "miniprogram", server.url, storage],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as popen,
    ):
        try:
            started = Phone(server, popen, user, errors)
            started.tell("set", user=user)
            started.tell("configure", server=server.url, **{"language": "en"} | config)
            yield started
            assert popen.stdin is not None
            popen.stdin.close()
            assert popen.wait(PATIENCE) == 0, errors.read_text("utf-8")
            assert errors.read_text("utf-8") == ""
        finally:
            popen.kill()


def stored(storage: Path) -> Any:
    """What a mini-program keeps on the phone."""
    return json.loads(storage.read_text("utf-8"))


def is_live(server: Process, token: str) -> bool:
    """Whether the server takes a token."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
        answer = http.post(f"{server.url}/graphql", json={"query": ME}, headers=headers).json()
    codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
    assert codes in ([], ["UNAUTHENTICATED"])
    return not codes


SwitchOn = Callable[[], AbstractContextManager[Phone]]
