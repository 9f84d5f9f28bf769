"""The whole way of a person through the server, from the first login to a restart."""

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.server import Clock, Gate, open_gate


async def test_a_person_logs_in_submits_their_user_info_and_asks_who_they_are(gate: Gate) -> None:
    login = await gate.login("alice", nickName="熊猫🐼👨‍👩‍👧", city="Guangzhou", gender=2)
    assert login["isNewUser"]
    assert login["user"]["nickName"] is None
    assert login["user"]["isAnonymous"]

    submitted = await gate.submit(login["token"], gate.wechat.user_info("alice", policy="old"))

    assert submitted["nickName"] == "熊猫🐼👨‍👩‍👧"
    assert submitted["city"] == "Guangzhou"
    assert submitted["gender"] == "FEMALE"
    assert not submitted["isAnonymous"]
    assert await gate.me(login["token"]) == submitted


async def test_a_restarted_server_still_knows_who_is_signed_in(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_gate(settings, wechat_simulator, clock) as before:
        login = await before.login("alice")
    async with open_gate(settings, wechat_simulator, clock) as after:
        assert (await after.me(login["token"]))["id"] == login["user"]["id"]


async def test_nobody_is_signed_in_without_a_token(gate: Gate) -> None:
    assert await gate.me(None) is None
