"""The schema as a document of the server's, where that is wanted."""

from pathlib import Path

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.http.answers import refusal
from tests.server import Clock, TestServer, open_server, settings_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SDL = Path(__file__).parents[2] / "schema.graphql"


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat_simulator, database_url, schema_=True)


async def test_it_is_the_schema_in_sdl_as_text(server: TestServer) -> None:
    answer = await server.http.get("/schema.graphql")
    assert answer.text == SDL.read_text("utf-8")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("tag", "status"), [("{0}", 304), ("W/{0}", 304), ('"x", {0}', 304), ("*", 304), ('"x"', 200)])
async def test_a_client_that_has_it_is_sent_nothing(server: TestServer, tag: str, status: int) -> None:
    known = (await server.http.get("/schema.graphql")).headers
    assert known["cache-control"] == "no-cache"
    answer = await server.http.get("/schema.graphql", headers={"If-None-Match": tag.format(known["etag"])})
    assert answer.status_code == status
    assert bool(answer.content) is (status == 200)


@pytest.mark.parametrize(("path", "setting"), [("/schema.graphql", "WXGATE_SCHEMA"), ("/graphiql", "WXGATE_GRAPHIQL")])
async def test_where_a_page_is_off_the_refusal_names_its_setting(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, path: str, setting: str
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        answer = await server.http.get(path)
        assert refusal(answer, 404) == "NOT_FOUND"
        assert f"{setting}=true" in answer.json()["errors"][0]["message"]
        elsewhere = await server.http.get("/")
        assert refusal(elsewhere, 404) == "NOT_FOUND"
        assert "WXGATE" not in elsewhere.text
