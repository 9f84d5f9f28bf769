"""A running wxgate as a pytest fixture, with a WeChat simulator behind it, for the tests of what asks it.

In the `conftest.py` at the root of the tests:

    pytest_plugins = ["graph.pytest_plugin"]

and then:

    def test_a_user_of_mine(wxgate_server, wechat_simulator):
        token = wxgate_server.login("alice")
        assert wxgate_server.graphql("{ me { id } }", token=token)["me"]["id"]
        wechat_simulator.revoke("alice", info=[8])  # reaches the server, as WeChat's event

The server is `wxgate dev` in a process of its own, with a database of its own in `tmp_path`: about a second for each
test. `serve_wxgate` is for fixtures of another scope. Redefine `wxgate_server_settings` for other settings.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from graph.simulator.pytest_plugin import wechat_simulator, wechat_simulator_state
from graph.simulator.serving import WeChatSimulator
from graph.simulator.users import DEFAULT_USER

__all__ = [
    "WxgateServer",
    "serve_wxgate",
    "wechat_simulator",
    "wechat_simulator_state",
    "wxgate_server",
    "wxgate_server_settings",
]

_LOGIN: Final = "mutation ($code: String!) { login(code: $code) { token } }"
# Seconds. Only a defect takes that long.
_PATIENCE: Final = 60.0
_POLL: Final = 0.02


@dataclass(frozen=True)
class WxgateServer:
    """A server at `url`, whose WeChat is `wechat`. What it logs is in the file `log`."""

    url: str
    wechat: WeChatSimulator
    log: Path

    def login(self, user: str = DEFAULT_USER, **fields: object) -> str:
        """The token of a session; `fields` as for `WeChatSimulator.login`."""
        return str(self.graphql(_LOGIN, {"code": self.wechat.login(user, **fields)})["login"]["token"])

    def graphql(
        self, query: str, variables: Mapping[str, object] | None = None, *, token: str | None = None
    ) -> dict[str, Any]:
        """The `data` of the response. Raises ValueError with the first error's message and code, if there is any."""
        answer = self.post({"query": query, "variables": variables}, token=token)
        for error in answer.get("errors", []):
            message = f"{error['message']} ({error['extensions']['code']})"
            raise ValueError(message)
        data: dict[str, Any] = answer["data"]
        return data

    def post(self, request: Mapping[str, object], *, token: str | None = None) -> dict[str, Any]:
        """The whole response to a GraphQL request, errors included."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with httpx.Client(trust_env=False, timeout=_PATIENCE) as http:
            answer: dict[str, Any] = http.post(f"{self.url}/graphql", json=request, headers=headers).json()
        return answer


@pytest.fixture
def wxgate_server_settings() -> dict[str, str]:
    """Further variables of its environment, such as `WXGATE_LOG_LEVEL`."""
    return {}


@pytest.fixture
def wxgate_server(
    wechat_simulator: WeChatSimulator,
    wxgate_server_settings: dict[str, str],
    tmp_path: Path,
) -> Iterator[WxgateServer]:
    with serve_wxgate(wechat_simulator, tmp_path / "wxgate", **wxgate_server_settings) as server:
        yield server


@contextmanager
def serve_wxgate(wechat: WeChatSimulator, directory: Path, **settings: str) -> Iterator[WxgateServer]:
    """Serves on a free loopback port until the block ends, keeps its data in the directory, and takes WeChat's events.

    Raises RuntimeError with its log where it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "server.log"
    own = {
        "WXGATE_WECHAT_BASE_URL": wechat.base_url,
        "WXGATE_WECHAT_APP_ID": wechat.app_id,
        "WXGATE_WECHAT_APP_SECRET": wechat.app_secret,
        "WXGATE_WECHAT_EVENTS_TOKEN": wechat.push.token,
        "WXGATE_WECHAT_EVENTS_AES_KEY": wechat.push.aes_key,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WXGATE_")}
    with (
        log.open("wb") as written,
        subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-m", "graph", "dev", "--port", "0", "--data", directory],
            env={**inherited, **own, **settings},
            stdout=written,
            stderr=written,
        ) as process,
    ):
        try:
            url = _url(process, log)
            wechat.push.url = f"{url}/wechat/events/{wechat.app_id}"
            yield WxgateServer(url, wechat, log)
        finally:
            wechat.push.url = None
            process.terminate()


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Where it answers, as it prints whatever it logs."""
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"https?://[^\s/]+:(\d+)/graphql", log.read_text("utf-8")):
            url = f"http://127.0.0.1:{found[1]}"
            # It may still end: it listens before it has opened its database.
            with suppress(httpx.TransportError):
                httpx.get(f"{url}/livez", trust_env=False, timeout=_PATIENCE)
                return url
        time.sleep(_POLL)
    message = f"wxgate does not start:\n{log.read_text('utf-8')}"
    raise RuntimeError(message)
