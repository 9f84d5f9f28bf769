"""Who is let in: hosts of ours, so many requests at once, and web pages of listed origins."""

import asyncio
from typing import Any

import httpx
import pytest

from graph.accounts.login import Logins
from graph.execution.executor import Executor
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
    assert refusal(response, 400) == "BAD_REQUEST"
    assert "WXGATE_HTTP_ALLOWED_HOSTS" in response.json()["errors"][0]["message"]


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


def assert_safe_permission(preflight: httpx.Response) -> None:
    """A permission without a body for `ORIGIN`."""
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "content-type" not in preflight.headers
    assert preflight.headers["vary"] == "Origin"


async def test_a_page_of_a_listed_origin_may_ask_and_read_the_answer(server: TestServer) -> None:
    preflight = await server.http.options(
        "/graphql",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )
    assert_safe_permission(preflight)
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
    ],
)
async def test_a_preflight_that_asks_for_too_much_is_refused_like_everything_else(
    server: TestServer, origin: str, method: str, headers: str
) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    assert refusal(await server.http.options("/graphql", headers=asked), 403) == "FORBIDDEN"


@pytest.mark.parametrize(
    "headers", ["sentry-trace,baggage", "traceparent, x-wxgate-app, x-wxgate-device, authorization", ""]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_page_of_a_listed_origin_may_send_any_header(server: TestServer, method: str, headers: str) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    preflight = await server.http.options("/graphql", headers=asked)
    assert_safe_permission(preflight)
    assert preflight.headers["access-control-allow-headers"] == headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_get_from_a_page_of_a_listed_origin_is_answered(server: TestServer, site: str) -> None:
    answer = await ask(server, **{"Origin": ORIGIN, "Sec-Fetch-Site": site})
    assert answer.json() == {"data": {"me": None}}
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert refusal(await ask(server, **{"Sec-Fetch-Site": site}), 403) == "FORBIDDEN"
    unlisted = {"Origin": "https://elsewhere.example.com", "Sec-Fetch-Site": site}
    assert refusal(await ask(server, **unlisted), 403) == "FORBIDDEN"


@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("POST", "/graphql", 400, {}),
        ("POST", "/graphql", 400, {"Host": "elsewhere"}),
        ("GET", "/nowhere", 404, {}),
        ("DELETE", "/graphql", 405, {}),
        ("POST", "/livez", 405, {}),
        ("GET", "/graphql", 406, {"Accept": "text/html"}),
        ("POST", "/graphql", 415, {"Content-Type": "text/plain"}),
        ("OPTIONS", "/graphql", 403, {"Access-Control-Request-Method": "DELETE"}),
    ],
)
async def test_a_page_may_read_why_it_is_refused(
    server: TestServer, method: str, path: str, status: int, headers: dict[str, str]
) -> None:
    headers = {"Content-Type": "application/json", "Origin": ORIGIN, **headers}
    assert_readable(await server.http.request(method, path, headers=headers), status)


def assert_readable(response: httpx.Response, status: int) -> None:
    """A refusal that a page of `ORIGIN` may read."""
    refusal(response, status)
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-expose-headers"] == "Retry-After, X-Request-Id"


async def test_a_page_may_read_of_a_defect_and_of_a_deadline(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> Any:
        raise RuntimeError

    async def never(*_: object, **__: object) -> Any:
        await asyncio.Event().wait()

    hurried = settings.model_copy(update={"limit": LimitSettings(request_seconds=0.05)})
    async with open_server(hurried, wechat_simulator, clock) as server:
        for fault, status in ((broken, 500), (never, 503)):
            monkeypatch.setattr(Executor, "execute", fault)
            response = await server.http.post("/graphql", json={"query": ME}, headers={"Origin": ORIGIN})
            assert_readable(response, status)


async def test_without_a_list_no_origin_is_let_in_and_any_host_is(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        answer = await ask(server, Host="elsewhere", Origin=ORIGIN)
        assert answer.json() == {"data": {"me": None}}
        assert "access-control-allow-origin" not in answer.headers


PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}


async def test_without_a_list_a_preflight_is_refused_by_the_name_of_the_setting(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        refused = await server.http.options("/graphql", headers=PREFLIGHT)
        assert refusal(refused, 403) == "FORBIDDEN"
        assert "WXGATE_HTTP_CORS_ORIGINS" in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("origin", "is_listed"),
    [
        ("http://localhost:5173", True),
        ("http://localhost", True),
        ("http://[::1]:10086", True),
        ("https://localhost:5173", False),
        ("http://localhost.evil.example:5173", False),
        ("http://localhost:5173:80", False),
        ("http://localhost:", False),
        ("http://localhost:x", False),
        ("null", False),
    ],
)
async def test_an_origin_of_this_machine_may_have_any_port(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, origin: str, is_listed: bool
) -> None:
    http = HttpSettings(cors_origins=("http://localhost:*", "http://[::1]:*"))
    async with open_server(settings_for(wechat_simulator, database_url, http=http), wechat_simulator, clock) as server:
        answer = await ask(server, Origin=origin, **{"Sec-Fetch-Site": "same-site"})
    assert answer.headers.get("access-control-allow-origin") == (origin if is_listed else None)
    assert answer.status_code == (200 if is_listed else 403)
