"""A server whose clock is wrong, or is set while it runs."""

import pytest

from graph.settings import Settings, WatermarkSettings
from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator
from tests.faults.recovery import extensions
from tests.server import APP_ID, APP_SECRET, SUBMIT, Clock, TestServer, open_server, settings_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def wechat_simulator_state() -> SimulatorState:
    """WeChat as it may be: every wx.login makes a new session_key."""
    return SimulatorState(APP_ID, APP_SECRET, seed=0, renew="always")


@pytest.mark.parametrize(("minutes", "taken"), [(-7, False), (-4, True), (4, True), (23 * 60, True), (25 * 60, False)])
async def test_a_clock_may_be_a_little_behind_wechats_and_a_day_ahead(
    server: TestServer, minutes: int, taken: bool
) -> None:
    server.clock.advance(minutes=minutes)
    token = (await server.login("alice"))["token"]
    submission = server.wechat.user_info("alice", policy="old", nickName="Панда")
    if taken:
        assert (await server.submit(token, submission))["nickName"] == "Панда"
    else:
        assert (await extensions(server, SUBMIT, submission, token))["code"] == "WATERMARK_OUT_OF_RANGE"
    assert await server.me(token) is not None


async def test_how_much_is_for_the_operator_to_say(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    lenient = settings_for(wechat_simulator, database_url, watermark=WatermarkSettings(max_ahead=3600))
    async with open_server(lenient, wechat_simulator, clock) as server:
        clock.advance(minutes=-50)
        token = (await server.login("alice"))["token"]
        assert (await server.submit(token, wechat_simulator.user_info("alice", policy="old")))["id"]


@pytest.mark.parametrize("hours", [-3, 3])
async def test_a_clock_that_is_set_signs_nobody_out_and_takes_the_newest_key(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, hours: int
) -> None:
    day: Settings = settings_for(wechat_simulator, database_url, watermark=WatermarkSettings(max_ahead=86_400))
    async with open_server(day, wechat_simulator, clock) as server:
        for _ in range(2):  # which leave a previous key too
            first = (await server.login("alice"))["token"]
        clock.advance(hours=hours)
        assert await server.me(first) is not None
        for _ in range(3):
            # Each login brings a key that is new, though the clock may say that it is older than the one before.
            token = (await server.login("alice"))["token"]
            submission = wechat_simulator.user_info("alice", policy="old")
            assert (await server.submit(token, submission))["id"] == (await server.me(first))["id"]
            clock.advance(seconds=1)
