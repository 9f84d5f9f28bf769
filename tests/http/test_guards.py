"""Requests that are refused for what they might be taken for, and requests that take too long."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from graph.accounts.login import Logins
from graph.server.limits import RequestLimits
from graph.settings import LimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.server import LOGIN, ME, Clock, TestServer, open_server

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def code(response: httpx.Response) -> str:
    """The one error code of an answer."""
    [error] = response.json()["errors"]
    return str(error["extensions"]["code"])


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("Content-Type", "application/json", "application/json"),
        ("Authorization", "Bearer one", "Bearer two"),
        ("Host", "server", "elsewhere"),
    ],
)
async def test_a_header_that_decides_about_the_request_comes_once(
    server: TestServer, name: str, first: str, second: str
) -> None:
    headers = [("Content-Type", "application/json"), (name, first), (name, second)]
    kept = [header for index, header in enumerate(headers) if index or name != "Content-Type"]
    response = await server.http.post("/graphql", content=b'{"query": "{ me { id } }"}', headers=kept)
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_get_that_another_site_caused_is_refused(server: TestServer, site: str) -> None:
    response = await server.http.get("/graphql", params={"query": ME}, headers={"Sec-Fetch-Site": site})
    assert (response.status_code, code(response)) == (403, "FORBIDDEN")


@pytest.mark.parametrize("site", ["none", "same-origin"])
async def test_a_get_of_the_server_s_own_pages_is_answered(server: TestServer, site: str) -> None:
    response = await server.http.get("/graphql", params={"query": ME}, headers={"Sec-Fetch-Site": site})
    assert response.json() == {"data": {"me": None}}


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_get_that_claims_a_form_is_refused(server: TestServer, media_type: str) -> None:
    response = await server.http.get("/graphql", params={"query": ME}, headers={"Content-Type": media_type})
    assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_that_is_announced_too_large_is_not_waited_for(server: TestServer) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(RequestLimits().body_bytes + 1)}
    response = await server.http.post("/graphql", content=b"{}", headers=headers)
    assert (response.status_code, code(response)) == (413, "PAYLOAD_TOO_LARGE")
    assert response.headers["connection"] == "close"


async def test_a_body_that_does_not_end_in_time_is_refused(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with open_server(hurried(settings, body_seconds=0.05), wechat_simulator, clock) as server:
        headers = {"Content-Type": "application/json"}
        response = await server.http.post("/graphql", content=body(), headers=headers)
    assert (response.status_code, code(response)) == (408, "REQUEST_TIMEOUT")
    assert response.headers["connection"] == "close"


async def test_a_request_that_does_not_end_in_time_is_given_up(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(Logins, "login", never)
    async with open_server(hurried(settings, request_seconds=0.05), wechat_simulator, clock) as server:
        request = {"query": LOGIN, "variables": {"code": server.wechat.login()}}
        response = await server.http.post("/graphql", json=request)
        assert (response.status_code, code(response)) == (503, "SERVICE_UNAVAILABLE")
        assert response.headers["retry-after"] == "1"
        assert await server.me(None) is None


def hurried(settings: Settings, **deadlines: Any) -> Settings:
    """The same server with other deadlines."""
    return settings.model_copy(update={"limit": LimitSettings(**deadlines)})
