"""The whole way of a person through the server, from the first login to a restart."""

import httpx
import pytest

from graph.app import create_app
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.server import Clock, TestServer, open_server


async def test_a_person_logs_in_submits_their_user_info_and_asks_who_they_are(server: TestServer) -> None:
    login = await server.login("alice", nickName="熊猫🐼👨‍👩‍👧", city="Guangzhou", gender=2)
    assert login["isNewUser"]
    assert login["user"]["nickName"] is None
    assert login["user"]["isAnonymous"]

    submitted = await server.submit(login["token"], server.wechat.user_info("alice", policy="old"))

    assert submitted["nickName"] == "熊猫🐼👨‍👩‍👧"
    assert submitted["city"] == "Guangzhou"
    assert submitted["gender"] == "FEMALE"
    assert not submitted["isAnonymous"]
    assert await server.me(login["token"]) == submitted


async def test_a_restarted_server_still_knows_who_is_signed_in(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock) as before:
        login = await before.login("alice")
    async with open_server(settings, wechat_simulator, clock) as after:
        assert (await after.me(login["token"]))["id"] == login["user"]["id"]


async def test_an_application_whose_lifespan_has_not_run_says_so(settings: Settings) -> None:
    transport = httpx.ASGITransport(app=create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        with pytest.raises(RuntimeError, match="lifespan of wxgate's application has not run"):
            await http.get("/livez")


async def test_no_one_is_signed_in_without_a_token(server: TestServer) -> None:
    assert await server.me(None) is None
