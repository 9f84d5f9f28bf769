"""Several server processes whose one access token WeChat refuses, and goes on giving."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest

from graph.simulator.protocol import Errcode, ErrcodeError
from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.faults.recovery import BOUND
from tests.processes import serve_environment, serve_process
from tests.secret_patterns import secrets_in
from tests.server import LOGIN

PROCESSES: Final = 2


class StubbornTokens:
    """In place of the simulator's: gives the refused token until every process has got it again, and one forced it."""

    def __init__(self) -> None:
        self.forced = self.given_again = 0
        self.refused: str | None = None

    def fetch_stable(self, *, force_refresh: bool) -> dict[str, object]:
        """A forced token appears once all have seen the old one, as in a WeChat of many machines."""
        self.forced += force_refresh
        self.given_again += self.refused is not None and not force_refresh
        is_new = self.forced and (force_refresh or self.given_again > PROCESSES)
        return {"access_token": f"75_{'bc'[self.forced > 1] if is_new else 'a'}", "expires_in": 7200}

    def __contains__(self, _text: object) -> bool:
        return True

    def is_alive(self, text: str | None) -> bool:
        return text != self.refused

    def check(self, text: str | None) -> None:
        """Raises `ErrcodeError`."""
        if text == self.refused:
            raise ErrcodeError(Errcode.TOKEN_EXPIRED)


@pytest.fixture
def tokens(wechat_simulator: WeChatSimulator, monkeypatch: pytest.MonkeyPatch) -> StubbornTokens:
    tokens = StubbornTokens()
    monkeypatch.setattr(wechat_simulator.state.apps[wechat_simulator.app_id], "access_tokens", tokens)
    return tokens


@pytest.fixture
def outputs(tmp_path: Path) -> list[Path]:
    """What each process prints."""
    return [tmp_path / f"output-{number}" for number in range(PROCESSES)]


@pytest.fixture
def urls(wechat_simulator: WeChatSimulator, database_url: str, outputs: list[Path]) -> Iterator[list[str]]:
    asyncio.run(migrate(database_url))
    environment = serve_environment(wechat_simulator, database_url, WXGATE_LOG_LEVEL="DEBUG")
    with ExitStack() as processes:
        yield [processes.enter_context(serve_process(environment, output)) for output in outputs]


async def test_processes_with_one_refused_access_token_force_one_refresh(
    urls: list[str], wechat_simulator: WeChatSimulator, tokens: StubbornTokens, outputs: list[Path]
) -> None:
    async with asyncio.timeout(BOUND), httpx.AsyncClient(timeout=BOUND, trust_env=False) as http:

        async def ask(url: str, query: str, token: str | None = None, **variables: str) -> object:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            body = {"query": query, "variables": variables}
            response = (await http.post(f"{url}/graphql", json=body, headers=headers)).json()
            assert "errors" not in response, response
            return response["data"]

        login = await ask(urls[0], LOGIN, code=wechat_simulator.login("alice"))
        assert isinstance(login, dict)
        token = login["login"]["token"]
        all_at_once = [ask(url, "{ checkSession }", token) for url in urls for _ in range(10)]
        assert await asyncio.gather(*all_at_once) == [{"checkSession": True}] * 20

        tokens.refused = "75_a"
        all_at_once = [ask(url, "{ checkSession }", token) for url in urls for _ in range(10)]
        assert await asyncio.gather(*all_at_once) == [{"checkSession": True}] * 20
    assert tokens.forced == 1
    assert tokens.given_again == PROCESSES + 1, "of those that did not force it, each asks again once"
    for output in outputs:
        assert secrets_in(output.read_text("utf-8")) == []
