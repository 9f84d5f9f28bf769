"""A GET that another site caused, and a request that takes too long."""

import asyncio
from typing import Any

import httpx
import pytest

from graph.accounts.login import Logins
from graph.settings import LimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.server import LOGIN, ME, Clock, TestServer, open_server

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def code(response: httpx.Response) -> str:
    """The one error code of an answer."""
    [error] = response.json()["errors"]
    return str(error["extensions"]["code"])


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
