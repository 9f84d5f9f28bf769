"""A route that is only added to the application has every limit, header, line and code of all others."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graph.app import create_app, route_limits
from graph.server.connections import Connections
from graph.server.limits import ConnectionLimits
from graph.server.server import protocol_class
from graph.server.sockets import listen
from graph.settings import HttpSettings, LimitSettings, MetricsSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.databases import give_tables
from tests.processes import free_port
from tests.protocols.serving import Response as Received
from tests.protocols.serving import Server, until
from tests.server import settings_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def bare(request: Request) -> Response:
    """A route as one would first write it, without a word about limits."""
    match request.query_params.get("do"):
        case "fail":
            raise ValueError
        case "wait":
            await asyncio.sleep(60)
    return PlainTextResponse(f"{len(await request.body())}")


@pytest.fixture
def metrics() -> MetricsSettings:
    return MetricsSettings(port=free_port())


@pytest.fixture
async def server(
    wechat_simulator: WeChatSimulator, database_url: str, metrics: MetricsSettings
) -> AsyncIterator[Server]:
    limit = LimitSettings(body_bytes=2048, request_seconds=0.5, body_seconds=0.5, concurrency=1)
    settings: Settings = settings_for(
        wechat_simulator, database_url, limit=limit, http=HttpSettings(allowed_hosts=("server",)), metrics=metrics
    )
    assert isinstance(settings.database.url, SecretStr)
    await give_tables(settings.database.url.get_secret_value())
    app = create_app(settings)
    app.router.routes.append(Route("/bare", bare, methods=["GET", "POST"]))
    shared = Connections(ConnectionLimits(url_bytes=200, headers=8, head_bytes=1024, head_seconds=0.5))
    protocol = protocol_class(app, shared, settings.limit, route_limits(settings))
    running = uvicorn.Server(uvicorn.Config(app, http=protocol, ws="none", log_config=None, server_header=False))
    with listen("127.0.0.1", 0) as listener:
        task = asyncio.create_task(running.serve(sockets=[listener]))
        await until(lambda: running.started)
        yield Server(listener.getsockname()[1], running, shared)
        running.should_exit = True
        await task


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", headers={"Host": "server"}, trust_env=False
    ) as client:
        yield client


def refusal(response: httpx.Response) -> tuple[int, str]:
    [error] = response.json()["errors"]
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    return response.status_code, error["extensions"]["code"]


async def test_a_bare_route_has_an_id_safety_headers_and_a_line(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    response = await http.post("/bare", content=b"abc")
    assert (response.status_code, response.text) == (200, "3")
    assert response.headers["x-content-type-options"] == "nosniff"
    [line] = [record for record in caplog.records if record.getMessage() == "request"]
    fields: dict[str, Any] = vars(line)
    assert (fields["path"], fields["method"], fields["status"]) == ("/bare", "POST", 200)
    assert fields["request_id"] == response.headers["x-request-id"]


async def test_a_bare_route_is_counted(http: httpx.AsyncClient, metrics: MetricsSettings) -> None:
    await http.get("/bare")
    async with httpx.AsyncClient(trust_env=False) as prometheus:
        scraped = (await prometheus.get(f"http://127.0.0.1:{metrics.port}/metrics")).text
    assert 'wxgate_http_request_duration_seconds_count{method="GET",path="/bare",status="200"} 1.0' in scraped


async def test_a_bare_route_has_limits_of_its_body_and_time(http: httpx.AsyncClient) -> None:
    assert refusal(await http.post("/bare", content=b"x" * 2049)) == (413, "PAYLOAD_TOO_LARGE")
    assert refusal(await http.get("/bare?do=wait")) == (503, "SERVICE_UNAVAILABLE")


async def test_a_bare_route_has_coded_errors(http: httpx.AsyncClient) -> None:
    assert refusal(await http.get("/bare?do=fail")) == (500, "INTERNAL_SERVER_ERROR")
    assert refusal(await http.put("/bare")) == (405, "METHOD_NOT_ALLOWED")
    assert refusal(await http.get("/bare/below")) == (404, "NOT_FOUND")
    assert refusal(await http.get("/bare", headers={"Host": "elsewhere"})) == (400, "BAD_REQUEST")


async def test_a_bare_route_has_the_limit_of_concurrency(http: httpx.AsyncClient) -> None:
    slow = asyncio.create_task(http.get("/bare?do=wait"))
    await asyncio.sleep(0.1)
    assert refusal(await http.get("/bare")) == (503, "SERVICE_UNAVAILABLE")
    await slow
    assert (await http.get("/bare")).status_code == 200


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /bare HTTP/1.1\r\nHost: server\r\n", 408),
        (b"POST /bare HTTP/1.1\r\nHost: server\r\nContent-Length: 5\r\n\r\nabc", 408),
        (b"GET /bare?" + b"x" * 200 + b" HTTP/1.1\r\nHost: server\r\n\r\n", 414),
        (b"GET /bare HTTP/1.1\r\nHost: server\r\n" + b"A: b\r\n" * 8 + b"\r\n", 431),
        (b"GET /bare HTTP/1.1\r\n\r\n", 400),
    ],
)
async def test_a_bare_route_has_the_limits_of_connections(server: Server, request_bytes: bytes, status: int) -> None:
    response: Received = await server.ask(request_bytes)
    assert response.status == status
    assert json.loads(response.body)["errors"]
    assert response.code
