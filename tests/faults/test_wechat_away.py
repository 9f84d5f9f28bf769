"""WeChat that is slow, hangs, hangs up or is not there: who is signed in notices nothing, no code is lost in vain."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from graph.settings import LimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from graph.wechat.circuit_breaker import FAILURES, STOPS
from tests.faults.proxy import FaultProxy, Mode, fault_proxy
from tests.faults.recovery import BOUND, extensions, readiness, soon
from tests.server import LOGIN, Clock, TestServer, open_server, settings_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# Of which half may wait for WeChat.
CONCURRENCY: Final = 40
LOGINS: Final = 50
# Seconds until the first login, when all connections to WeChat have died.
PROMISED: Final = 10.0

SPENT_PERHAPS: Final = {"code": "WECHAT_UNAVAILABLE", "action": "LOG_IN", "retryable": True, "retryAfterMs": 1000}


@pytest.fixture
async def wechats_network(wechat_simulator: WeChatSimulator) -> AsyncIterator[FaultProxy]:
    """The way to WeChat."""
    port = urlsplit(wechat_simulator.base_url).port
    async with fault_proxy(partial(asyncio.open_connection, "127.0.0.1", port)) as proxy:
        yield proxy


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str, wechats_network: FaultProxy) -> Settings:
    distant = WeChatSimulator(f"http://127.0.0.1:{wechats_network.port}", wechat_simulator.state)
    return settings_for(distant, database_url, limit=LimitSettings(concurrency=CONCURRENCY))


@pytest.fixture
async def server(settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock) -> AsyncIterator[TestServer]:
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        yield server


def not_asked(error: dict[str, Any]) -> bool:
    """Whether an error tells the client to come back with the same code, and when."""
    return 0 < error["retryAfterMs"] <= 1000 and error | {"retryAfterMs": 0} == {
        "code": "WECHAT_UNAVAILABLE",
        "action": "WAIT",
        "retryable": True,
        "retryAfterMs": 0,
    }


@pytest.mark.parametrize(("mode", "seconds"), [("delay", 0.05), ("trickle", 0.0)])
async def test_a_slow_wechat_makes_logins_slow(
    server: TestServer, wechats_network: FaultProxy, mode: Mode, seconds: float
) -> None:
    await wechats_network.turn(mode, seconds)
    assert (await server.login("alice"))["isNewUser"]


async def test_while_wechat_hangs_signed_in_users_are_served_and_logins_bounded(
    server: TestServer, wechats_network: FaultProxy
) -> None:
    token = (await server.login("alice"))["token"]
    codes = [server.wechat.login("bob") for _ in range(LOGINS)]

    await wechats_network.turn("blackhole")
    logins = [asyncio.create_task(server.post(LOGIN, {"code": code})) for code in codes[: CONCURRENCY // 2]]
    await soon(lambda: wechats_network.held == CONCURRENCY // 2)
    for code in codes[CONCURRENCY // 2 :]:
        assert not_asked(await extensions(server, LOGIN, {"code": code}))
    people = await asyncio.gather(*[server.me(token) for _ in range(CONCURRENCY // 2)])
    assert {person["id"] for person in people} == {people[0]["id"]}
    assert await readiness(server) is None
    assert not [login for login in logins if login.done()]

    await wechats_network.turn("pass")
    assert ["errors" in answer for answer in await asyncio.gather(*logins)] == [False] * len(logins)
    for code in codes[CONCURRENCY // 2 :]:
        assert "errors" not in await server.post(LOGIN, {"code": code}), "it was spent"


async def test_kept_connections_that_die_silently_cost_no_code_and_no_more_than_one_wait(
    server: TestServer, wechats_network: FaultProxy
) -> None:
    """As a firewall leaves them that forgets: what is sent goes nowhere, and new connections work."""
    people = [f"p{number}" for number in range(CONCURRENCY // 2)]
    await asyncio.gather(*[server.login(person) for person in people])  # each keeps a connection
    codes = [server.wechat.login(person) for person in people]
    wechats_network.forget()
    async with asyncio.timeout(PROMISED):
        assert "errors" not in await server.post(LOGIN, {"code": codes.pop()})
    answers = await asyncio.gather(*[server.post(LOGIN, {"code": code}) for code in codes])
    assert [answer for answer in answers if "errors" in answer] == []


@pytest.mark.parametrize("mode", ["reset", "refuse"])
async def test_a_wechat_that_hangs_up_is_left_alone_after_a_while_and_asked_again_by_one(
    server: TestServer, wechats_network: FaultProxy, mode: Mode
) -> None:
    token = (await server.login("alice"))["token"]
    await wechats_network.turn(mode)
    for _ in range(FAILURES):
        assert await extensions(server, LOGIN, {"code": server.wechat.login("bob")}) == SPENT_PERHAPS
    code = server.wechat.login("bob")
    assert not_asked(await extensions(server, LOGIN, {"code": code}))
    assert await server.me(token) is not None
    assert await readiness(server) is None

    await wechats_network.turn("pass")
    while "errors" in (answer := await server.post(LOGIN, {"code": code})):
        [error] = answer["errors"]
        assert error["extensions"]["action"] == "WAIT"
        await asyncio.sleep(error["extensions"]["retryAfterMs"] / 1000)
    assert (await server.login("carol"))["isNewUser"]


@pytest.mark.parametrize("kind", ["empty", "html", "truncated", "missing-openid", "huge", "bad-gateway"])
async def test_a_wechat_that_talks_rubbish_is_asked_again_when_it_has_had_time(server: TestServer, kind: str) -> None:
    server.wechat.fail(kind, times=None)
    for _ in range(FAILURES):
        assert await extensions(server, LOGIN, {"code": server.wechat.login("bob")}) == SPENT_PERHAPS
    code = server.wechat.login("bob")
    waiting = await extensions(server, LOGIN, {"code": code})
    assert not_asked(waiting)
    server.wechat.heal()
    await asyncio.sleep(waiting["retryAfterMs"] / 1000)
    assert "errors" not in await server.post(LOGIN, {"code": code})


@pytest.mark.parametrize(
    ("errcode", "code"), [(45011, "RATE_LIMITED"), (45009, "RATE_LIMITED"), (40164, "WECHAT_MISCONFIGURED")]
)
async def test_a_wechat_that_says_stop_is_sent_no_more_codes(server: TestServer, errcode: int, code: str) -> None:
    server.wechat.fail("errcode", errcode=errcode, times=STOPS)
    for _ in range(STOPS):
        assert (await extensions(server, LOGIN, {"code": server.wechat.login("bob")}))["code"] == code
    # From here WeChat would let everybody in.
    stopped = [await extensions(server, LOGIN, {"code": server.wechat.login("bob")}) for _ in range(20)]
    assert {error["code"] for error in stopped} == {code}
    assert all(error["retryAfterMs"] > 1000 for error in stopped)
