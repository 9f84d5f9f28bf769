"""Who is let in: hosts of ours, so many requests at once, and web pages of listed origins."""

import asyncio
from typing import Any

import httpx
import pytest

from graph.accounts.login import Logins
from graph.settings import HttpSettings, LimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.http.answers import refusal
from tests.server import LOGIN, ME, Clock, TestServer, open_server, settings_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ORIGIN = "https://h5.example.com"


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    http = HttpSettings(allowed_hosts=("server", "*.example.com", "[::1]"), cors_origins=(ORIGIN,))
    return settings_for(wechat_simulator, database_url, http=http, limit=LimitSettings(concurrency=2))


async def ask(server: TestServer, path: str = "/graphql", **headers: str) -> httpx.Response:
    """A query with other headers."""
    return await server.http.get(path, params={"query": ME}, headers=headers)


@pytest.mark.parametrize(
    "host", ["server", "server:8000", "SERVER", "api.example.com", "a.b.example.com:1", "[::1]:8000"]
)
async def test_a_host_of_ours_is_answered(server: TestServer, host: str) -> None:
    assert (await ask(server, Host=host)).json() == {"data": {"me": None}}


@pytest.mark.parametrize("host", ["", "elsewhere", "example.com", "server.evil.com", "evilexample.com", "server:80:80"])
async def test_another_host_is_refused(server: TestServer, host: str) -> None:
    response = await ask(server, Host=host)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_probe_is_answered_whatever_its_host(server: TestServer) -> None:
    assert (await ask(server, "/livez", Host="10.0.0.7")).status_code == 200


async def test_above_the_cap_requests_are_told_to_come_back_and_probes_are_answered(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def slow(*_: object, **__: object) -> Any:
        await released.wait()
        raise ConnectionError

    monkeypatch.setattr(Logins, "login", slow)
    at_work = [asyncio.create_task(server.post(LOGIN, {"code": "any"})) for _ in range(2)]
    await asyncio.sleep(0.05)
    refused = await ask(server)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    [error] = refused.json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["action"]) == ("SERVICE_UNAVAILABLE", "WAIT")
    assert (await ask(server, "/readyz")).status_code == 200
    released.set()
    await asyncio.gather(*at_work)
    assert (await ask(server)).json() == {"data": {"me": None}}


async def test_a_page_of_a_listed_origin_may_ask_and_read_the_answer(server: TestServer) -> None:
    preflight = await server.http.options(
        "/graphql",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "content-type" not in preflight.headers
    answer = await server.http.post("/graphql", json={"query": ME}, headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://h5.example.com.evil.com", "http://h5.example.com", "null"])
async def test_a_page_of_another_origin_may_not(server: TestServer, origin: str) -> None:
    answer = await server.http.post("/graphql", json={"query": ME}, headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        ("https://h5.example.com.evil.com", "POST", "content-type"),
        (ORIGIN, "DELETE", "content-type"),
        (ORIGIN, "POST", "x-anything"),
    ],
)
async def test_a_preflight_that_asks_for_too_much_is_refused_like_everything_else(
    server: TestServer, origin: str, method: str, headers: str
) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    assert refusal(await server.http.options("/graphql", headers=asked), 403) == "FORBIDDEN"


async def test_a_page_may_read_why_it_is_not_let_in(server: TestServer) -> None:
    response = await server.http.post("/graphql", json={"query": ME}, headers={"Origin": ORIGIN, "Host": "elsewhere"})
    assert refusal(response, 400) == "BAD_REQUEST"
    assert response.headers["access-control-allow-origin"] == ORIGIN


async def test_without_a_list_no_origin_is_let_in_and_any_host_is(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        answer = await ask(server, Host="elsewhere", Origin=ORIGIN)
        assert answer.json() == {"data": {"me": None}}
        assert "access-control-allow-origin" not in answer.headers
