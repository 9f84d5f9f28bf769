"""The explorer: a page of the server's own that asks nobody else for anything."""

import re

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.gate import Clock, Gate, open_gate, settings_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat_simulator, database_url, graphiql=True)


async def test_the_page_and_all_that_it_names_come_from_this_server(gate: Gate) -> None:
    page = await gate.http.get("/graphiql")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sorted(named) == ["graphiql/explorer.css", "graphiql/explorer.js"]
    for address in named:
        file = await gate.http.get(f"/{address}")
        assert file.status_code == 200
        assert "://" not in file.text


async def test_the_page_may_run_and_reach_nothing_but_this_server(gate: Gate) -> None:
    headers = (await gate.http.get("/graphiql")).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert {name for name, value in policy.items() if value == "'self'"} == {"script-src", "style-src", "connect-src"}
    assert headers["referrer-policy"] == "no-referrer"


async def test_the_page_is_not_there_unless_it_is_wanted(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    async with open_gate(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as gate:
        for address in ("/graphiql", "/graphiql/explorer.js"):
            assert (await gate.http.get(address)).status_code == 404
